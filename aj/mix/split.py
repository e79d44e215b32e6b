"""Which side a row is on: by the hash of its group, so that a row never changes sides when data is added."""

from aj.hashing import fraction


def held_out(group: str, validation: float) -> bool:
    """Whether a group is on the held-out side when a share of ``validation`` is asked for."""
    return fraction(f"split:{group}") < validation
