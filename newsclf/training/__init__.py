"""Fine-tune an encoder, export it, and write the model directory."""
