"""How far a policy has gone from where it started: the Kullback-Leibler divergence of two adapters on one base.

Estimated on episodes that the new policy played itself, over the tokens that it wrote: KL(new || start) summed exactly over the
vocabulary at each position (Schulman's "k1" would need many more episodes), in nats a token. A penalty (``grpo.beta``) holds it
down; without one it says what the rewards have paid for.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peft import PeftModel

    from aj.sqlenv.rollout import Episode


def from_start(model: "PeftModel", start: Path, episodes: "Sequence[Episode]") -> float:
    """Mean over the tokens that ``model`` wrote in ``episodes`` of KL(model || model with the adapter of folder ``start``)."""
    import torch

    model.load_adapter(str(start), adapter_name="start")
    total, count = 0.0, 0
    training = model.training
    model.eval()
    with torch.no_grad():
        for episode in episodes:
            ids = torch.tensor([episode.prompt_ids + episode.completion_ids], device=model.device)
            wrote = [len(episode.prompt_ids) + i - 1 for i, own in enumerate(episode.mask) if own]  # logits that drew them
            new, old = (_log_probabilities(model, name, ids)[wrote] for name in ("default", "start"))
            total += float((new.exp() * (new - old)).sum())
            count += len(wrote)
    model.set_adapter("default")
    model.delete_adapter("start")
    model.train(training)
    return total / count


def _log_probabilities(model: "PeftModel", adapter: str, ids: Any) -> Any:
    """float32 (tokens, vocabulary)."""
    import torch

    model.set_adapter(adapter)
    return torch.log_softmax(model(input_ids=ids).logits[0].float(), -1)
