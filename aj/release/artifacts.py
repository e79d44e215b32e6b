"""What a release consists of: each form of the model, the mix, and where they lie. The table is dvc.yaml's outputs."""

from collections.abc import Iterable

from aj.version import FLAVOURS

BASE, TEMPLATES = "data/raw/base", "data/templates"
FORMS = {"lora": "models/grpo", "merged": "models/merged", "mix": "data/mix"}
"""Flavour -> path; every other flavour is a quantized form."""
MIX = ("data/mix/sft", "data/mix/preference", "data/mix/rl", "data/mix/eval")
"""What makes the mix what it is; the report beside them is for people."""


def path(flavour: str) -> str:
    """Where a flavour lies."""
    return FORMS.get(flavour, f"models/gguf/{flavour}")


MODEL = tuple(path(flavour) for flavour in FLAVOURS if flavour != "mix")


def flavours(outs: Iterable[str]) -> list[str]:
    """The flavours that a pipeline with these outputs makes, in the order of the table."""
    known = set(outs)
    return [f for f in FLAVOURS if (bool(known & set(MIX)) if f == "mix" else path(f) in known)]
