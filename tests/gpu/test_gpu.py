"""The training path on a GPU, in bf16 and in nf4; skipped visibly where there is none."""

from pathlib import Path

import pytest

from tests.training.conftest import Small, small
from tests.training.test_sft import losses, trained

__all__ = ["small"]


def has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not has_gpu(), reason="needs a GPU")]


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_sft_trains_on_the_gpu(small: Small, tmp_path: Path, quantization: str) -> None:
    model, log = trained(small, tmp_path / "o", quantization=quantization)
    assert all(p.device.type == "cuda" for p in model.parameters())
    assert losses(log)[-1] < losses(log)[0]
