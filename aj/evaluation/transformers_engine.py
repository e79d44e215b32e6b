"""Decoding and scoring with transformers: the twin of llama_engine.py, with the same two methods."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class TransformersEngine:
    """Greedy decoding where ``temperature`` is 0, else sampling from the full distribution with torch's own seed."""

    def __init__(self, model: Any, tokenizer: "PreTrainedTokenizerBase", *, batch_size: int, temperature: float = 0.0) -> None:
        from transformers import GenerationConfig

        self.model: PreTrainedModel = model
        self.batch_size = batch_size
        self.eos, self.pad = tokenizer.eos_token_id, tokenizer.pad_token_id
        sampling = (
            {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature else {"do_sample": False}
        )
        self.config = GenerationConfig(eos_token_id=self.eos, pad_token_id=self.pad, use_cache=True, **sampling)

    def generate(self, contexts: Sequence[Sequence[int]], max_new_tokens: int) -> list[list[int]]:
        """New token ids of each context, in order, ending with the end-of-turn id where it was reached."""
        import torch

        self.config.max_new_tokens = max_new_tokens
        training = self.model.training
        self.model.eval()
        # Neighbours in length share a batch: less padding, same answers in the same order.
        order = sorted(range(len(contexts)), key=lambda i: len(contexts[i]))
        made: list[list[int]] = [[] for _ in contexts]
        with torch.no_grad():
            for start in range(0, len(order), self.batch_size):
                chosen = order[start : start + self.batch_size]
                inputs, attention = self._pad_left([contexts[i] for i in chosen])
                out = self.model.generate(input_ids=inputs, attention_mask=attention, generation_config=self.config)
                for i, ids in zip(chosen, out[:, inputs.shape[1] :].tolist(), strict=True):
                    made[i] = ids[: ids.index(self.eos) + 1] if self.eos in ids else ids
        self.model.train(training)
        return made

    def logits(self, rows: Sequence[Sequence[int]]) -> "Iterator[np.ndarray]":
        """float32 logits of every position of each row, (len(row), vocabulary), one row at a time."""
        import torch

        self.model.eval()
        for row in rows:
            with torch.no_grad():
                ids = torch.tensor([list(row)], device=self.model.device)
                yield self.model(input_ids=ids).logits[0].float().cpu().numpy()

    def _pad_left(self, contexts: Sequence[Sequence[int]]) -> Any:
        import torch

        width = max(map(len, contexts))
        inputs = torch.full((len(contexts), width), self.pad)
        attention = torch.zeros((len(contexts), width), dtype=torch.long)
        for i, ids in enumerate(contexts):
            inputs[i, width - len(ids) :] = torch.tensor(list(ids))
            attention[i, width - len(ids) :] = 1
        return inputs.to(self.model.device), attention.to(self.model.device)
