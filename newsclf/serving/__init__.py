"""What answers requests: tokenizers and ONNX Runtime, never torch or transformers."""
