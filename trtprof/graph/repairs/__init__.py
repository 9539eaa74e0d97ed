"""Safe repairs of quantised ONNX graphs, one module a rule: they may change rounding, never the float function."""
