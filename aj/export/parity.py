"""How far a converted or quantized model is from its original: KL divergence and top-1 agreement of logits.

Source: the measures of llama.cpp's ``llama-perplexity --kl-divergence``, natural logarithm (nats), averaged
over positions. What is not covered: models with different vocabularies, whose logits cannot be compared.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aj.errors import ExportError

Logits = npt.NDArray[Any]  # (positions, vocabulary)
BLOCK = 64  # positions at a time: float64 copies of (512, 152,064) logits would take 0.6 GB each


@dataclass(frozen=True)
class Parity:
    """A candidate against its reference, over ``positions`` positions."""

    mean_kl: float
    """Nats a position; 0 for the same distribution."""
    max_kl: float
    top1: float
    """Part of the positions where both rank the same token first, 0 to 1."""
    positions: int
    max_abs_diff: float
    """Largest difference of a single logit."""


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Natural log-probabilities, (positions, vocabulary) -> the same shape in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    normalised: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def kl_divergence(p_logits: Logits, q_logits: Logits) -> npt.NDArray[np.float64]:
    """KL(p || q) in nats, p the reference: two (positions, vocabulary) -> (positions,).

    Raises ExportError when the shapes differ, as they do when one side has padded its vocabulary.
    """
    _require_same_shape(p_logits, q_logits)
    divergence = np.empty(len(p_logits))
    for start in range(0, len(p_logits), BLOCK):
        part = slice(start, start + BLOCK)
        p, q = log_softmax(p_logits[part]), log_softmax(q_logits[part])
        divergence[part] = (np.exp(p) * (p - q)).sum(axis=-1)
    return divergence


def top1_agreement(p_logits: Logits, q_logits: Logits) -> npt.NDArray[np.bool_]:
    """Whether both rank the same token first: two (positions, vocabulary) -> (positions,). Ties: lower id."""
    _require_same_shape(p_logits, q_logits)
    same: npt.NDArray[np.bool_] = p_logits.argmax(axis=-1) == q_logits.argmax(axis=-1)
    return same


def compare(reference: Iterable[Logits], candidate: Iterable[Logits]) -> Parity:
    """Compare two engines' logits for the same rows, one (positions, vocabulary) array a row, read in step.

    Raises ExportError when the numbers of rows or the shapes differ, when there is nothing to compare, and
    when a logit is not finite: a check that could not run is not a pass.
    """
    divergences: list[npt.NDArray[np.float64]] = []
    agreements: list[npt.NDArray[np.bool_]] = []
    largest = 0.0
    try:
        for p_logits, q_logits in zip(reference, candidate, strict=True):
            divergences.append(kl_divergence(p_logits, q_logits))
            agreements.append(top1_agreement(p_logits, q_logits))
            if p_logits.size:
                largest = max(largest, float(np.abs(p_logits - q_logits).max()))
    except ValueError as error:
        raise ExportError(f"Reference and candidate differ in rows ({error}): give both the same.") from error
    if not sum(map(len, divergences)):
        raise ExportError("No position was compared: give at least one row that is not empty.")
    divergence = np.concatenate(divergences)
    if not np.isfinite(divergence).all():
        raise ExportError("A logit is not finite: one of the two models is broken, do not ship it.")
    return Parity(
        mean_kl=float(divergence.mean()),
        max_kl=float(divergence.max()),
        top1=float(np.concatenate(agreements).mean()),
        positions=len(divergence),
        max_abs_diff=largest,
    )


def _require_same_shape(p_logits: Logits, q_logits: Logits) -> None:
    if p_logits.shape != q_logits.shape:
        raise ExportError(
            f"Logits of shape {p_logits.shape} and {q_logits.shape} cannot be compared: both models need "
            "the same rows and one vocabulary, padding included."
        )
