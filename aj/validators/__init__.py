"""Validators: pure functions (text, context) -> Score that decide what the model learns. See registry.py."""
