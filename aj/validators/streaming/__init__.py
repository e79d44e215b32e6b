"""Structured Streaming code and its queries."""
