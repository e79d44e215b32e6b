"""What a validator says of a text: a value, whether it passes, and why not, in codes that stay the same from release to release."""

from dataclasses import dataclass

CRASHED = "validator_crashed"


@dataclass(frozen=True)
class Reason:
    """One thing that is wrong. ``code`` is snake_case and stable (metrics count it); ``detail`` is a sentence for a person."""

    code: str
    detail: str


@dataclass(frozen=True)
class Score:
    """``value`` lies in [0, 1] and is 1 exactly where nothing is wrong; partial credit is below."""

    value: float
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.value <= 1.0 or (self.value == 1.0) == bool(self.reasons):
            raise ValueError(f"a score of {self.value} with the reasons {[r.code for r in self.reasons]}")

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reasons

    @property
    def crashed(self) -> bool:
        """Whether the validator itself failed: neither a pass nor a fail of the text."""
        return any(reason.code == CRASHED for reason in self.reasons)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of what is wrong, in the order found."""
        return tuple(reason.code for reason in self.reasons)

    @classmethod
    def of(cls, reasons: "list[Reason] | tuple[Reason, ...]", value: float = 0.0) -> "Score":
        """1 where there are no reasons, else ``value``."""
        return cls(value, tuple(reasons)) if reasons else cls(1.0)
