"""Releases: what a version number must be, what may be released, and what is written down when it is."""
