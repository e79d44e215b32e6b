"""Which side a row is on: by the hash of its group, so that a row never changes sides when data is added."""

import hashlib


def fraction(key: str) -> float:
    """The SHA-256 of a text, read as a number in [0, 1)."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def held_out(group: str, validation: float) -> bool:
    """Whether a group is on the held-out side when a share of ``validation`` is asked for."""
    return fraction(f"split:{group}") < validation
