"""From base and adapter to files that people run: merge, GGUF, quantized GGUF, and the proof they agree."""
