"""Patterns of tasks, a file a competency: what is asked, the gold answer, and near misses that break one rule each."""
