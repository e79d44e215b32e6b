"""Log-likelihood of what is learned in a row, from the logits of any engine."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from aj.chat_template import Tokens


def log_likelihoods(row: "Tokens", logits: "np.ndarray") -> "npt.NDArray[np.float64]":
    """Of every token of ``row`` that the assistant says, in nats, in order. ``logits``: (tokens of the row, vocabulary)."""
    import numpy as np

    z = logits[:-1].astype(np.float64)
    top = z.max(axis=-1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(z - top).sum(axis=-1))
    target = np.asarray(row.ids[1:])
    learned = np.asarray(row.learned[1:], dtype=bool)
    found: npt.NDArray[np.float64] = (z[np.arange(len(target)), target] - log_sum)[learned]
    return found
