"""The errors of a review."""

from aj.errors import AJError


class ReviewError(AJError):
    """There is nothing to review against, or the review says that this must not be merged as it is."""
