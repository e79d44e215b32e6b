"""What keeps a reply or a schema from being judged. Each carries a reason's code."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class Unreadable(Exception):
    """A reply without readable calls; ``code`` is the reason's code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class BadSchema(Exception):
    """A schema that is not checked against; ``code`` is the reason's code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
