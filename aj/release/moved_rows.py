"""Which rows of training came and which went, by source: the ids of both mixes, held against each other.

Net counts hide this: 5 rows more may be 10 new ones and 5 that went. Only two columns are read, from the workspace, DVC's cache or its remote.
"""

from collections import Counter
from collections.abc import Iterator

from aj import revision
from aj.errors import AJError
from aj.release.tree import Tree

MIX = "data/mix/sft"
TRAIN = f"{MIX}/train.parquet"
Copies = dict[str, Counter[str]]
"""Source -> id of a row -> how often it stands in training."""


def sentences(a: Tree, b: Tree) -> Iterator[str]:
    """A sentence a source whose rows are others, and one where a mix cannot be read."""
    try:
        old, new = _copies(a), _copies(b)
    except Unreadable as error:
        yield f"Which rows came and which went is not known: {error}."
        return
    for source in sorted({*old, *new}):
        before, after = old.get(source, Counter()), new.get(source, Counter())
        if before != after:
            again = sum(before[row] != after[row] for row in before.keys() & after.keys())
            yield (
                f"Source {source}: {len(after.keys() - before.keys())} rows of training are new, {len(before.keys() - after.keys())} are gone, "
                f"{again} stand there another number of times."
            )


class Unreadable(Exception):
    """A mix is neither here nor in the cache or the remote, or is none."""


def _copies(tree: Tree) -> Copies:
    import pyarrow.parquet as pq
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError
    from pyarrow import ArrowException

    found: Copies = {}
    try:
        with revision.files(tree.rev, tree.root).open(TRAIN, "rb") as stream:
            for batch in pq.ParquetFile(stream).iter_batches(columns=["id", "source"]):
                for row, source in zip(*batch.to_pydict().values(), strict=True):
                    found.setdefault(source, Counter())[row] += 1
    except (OSError, AJError, DvcException, DataIndexDirError, ArrowException, ValueError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise Unreadable(
            f"{TRAIN} of {tree} cannot be read ({said}); `dvc fetch --all-commits {MIX}` brings it where a remote has it"
        ) from None
    return found
