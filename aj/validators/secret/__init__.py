"""Credentials that stand in clear: one table of tokens, one rule for names, one for values, and a walk for each kind of text."""
