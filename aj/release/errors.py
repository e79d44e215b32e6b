"""The error of this package. It stands here and not in aj/errors.py, which every training stage imports."""

from aj.errors import AJError


class ReleaseError(AJError):
    """Something cannot be released or compared: no commit, a dirty tree, a wrong number, a failed gate, …"""
