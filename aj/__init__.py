"""AJ: from raw datasets to a versioned, quantized agent language model. See README.md and dvc.yaml."""
