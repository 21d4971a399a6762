"""Model server and inference engine: tokenizers and ONNX Runtime, without torch or transformers."""
