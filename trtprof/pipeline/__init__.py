"""The road a datum walks: a model becomes a capture, a capture becomes a comparison."""
