"""Tool calls of a reply, read and held against their schemas."""
