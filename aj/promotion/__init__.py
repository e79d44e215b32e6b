"""Promotion: which version of a policy is in production, how it came there, and the way back."""
