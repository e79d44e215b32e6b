"""How many rows each source gives: asked, available, taken. Repeats happen here, after the split, and only in train."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aj.errors import DataError
from aj.mix.clean import Row
from aj.mix.split import by_priority


@dataclass(frozen=True)
class Portion:
    """One source's part of the mix, in rows."""

    source: str
    asked: int
    available: int
    taken: int


def weigh(
    rows: Mapping[str, Sequence[Row]], shares: Mapping[str, float], *, total: int, shortage: str, repeat_max: int, seed: int
) -> tuple[list[Row], list[Portion]]:  # fmt: skip
    """Take ``share * total`` rows of each source. ``shortage`` says what happens where there are fewer (params.Mix)."""
    mixed: list[Row] = []
    portions = []
    for source, share in shares.items():
        available = by_priority(rows[source], seed)
        asked = round(share * total)
        if len(available) < asked and shortage == "fail":
            raise DataError(
                f"source {source!r} has {len(available)} rows for training, {asked} are asked ({share:.0%} of {total}): "
                "lower its share, or set mix.shortage to cap or repeat."
            )
        pool = available * repeat_max if shortage == "repeat" else available
        taken = pool[:asked]
        if not taken:
            raise DataError(f"source {source!r} gives 0 of {asked} rows asked: raise its share or add rows.")
        mixed += taken
        portions.append(Portion(source, asked, len(available), len(taken)))
    return by_priority(mixed, seed), portions
