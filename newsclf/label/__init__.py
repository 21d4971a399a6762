"""Label headlines with an LLM or by hand, and measure the labels before they train anything."""
