"""Commands that help to set up."""
