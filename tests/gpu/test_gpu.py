"""The training path on a GPU, in bf16 and in nf4; skipped visibly where there is none."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from aj.sqlenv.questions import Question
from tests.training import test_grpo
from tests.training.conftest import Small, small
from tests.training.test_grpo import asked, start
from tests.training.test_sft import losses, trained

__all__ = ["asked", "small", "start"]


def has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not has_gpu(), reason="needs a GPU")]


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_sft_trains_on_the_gpu(small: Small, tmp_path: Path, quantization: str) -> None:
    model, log = trained(small, tmp_path / "o", quantization=quantization)
    assert all(p.device.type == "cuda" for p in model.parameters())
    assert losses(log)[-1] < losses(log)[0]


@pytest.mark.parametrize("front", ["text", "tools"])
@pytest.mark.parametrize("use_vllm", [False, True])
def test_grpo_trains_on_the_gpu(
    small: Small, asked: list[Question], start: Path, tmp_path: Path, front: str, use_vllm: bool
) -> None:
    if use_vllm and find_spec("vllm") is None:
        pytest.skip("needs vllm")
    model, log = test_grpo.trained(small, asked, start, tmp_path / "o", front=front, use_vllm=use_vllm, learning_rate=1e-3)
    assert all(p.device.type == "cuda" for p in model.parameters())
    assert sum("reward" in event for event in log) == test_grpo.STEPS
