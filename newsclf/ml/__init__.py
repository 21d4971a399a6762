"""Everything that needs torch or transformers: bases, fine-tuning, export to int8 ONNX."""
