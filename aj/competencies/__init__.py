"""Competencies: what the agent must be able to do, and the tasks, pairs and rewards made from that."""
