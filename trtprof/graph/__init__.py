"""The ONNX side: reading a user's model, making it ready for variants, and what its nodes compute."""
