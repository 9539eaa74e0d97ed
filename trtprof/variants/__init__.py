"""One typed ONNX model per precision, made from a prepared FP32 base and checked against it on the CPU."""
