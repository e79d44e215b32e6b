"""A set of words written as one text."""


def wordset(text: str) -> frozenset[str]:
    """The words of a text, divided by blanks."""
    return frozenset(text.split())
