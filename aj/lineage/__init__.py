"""Lineage: what a file was made of, carried by the file, and replayed against the repository."""
