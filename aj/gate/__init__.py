"""The gate: whether a model is good enough to get out, decided from what evaluation recorded."""
