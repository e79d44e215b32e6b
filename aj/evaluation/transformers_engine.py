"""Decoding and scoring with transformers: whole conversations at once, and the logits of given rows."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from aj.sqlenv.rollout import Hear

STAY = 0.75  # of the rows still talking: from here on the others leave the batch
CHUNK = 4  # tokens heard that are fed in one step: half the steps of one by one; more is wasted on rows that feed a single one


class TransformersEngine:
    """Greedy decoding where ``temperature`` is 0, else sampling from the full distribution with torch's own seed."""

    def __init__(self, model: Any, tokenizer: "PreTrainedTokenizerBase", *, batch_size: int, temperature: float = 0.0) -> None:
        self.model: PreTrainedModel = model
        self.batch_size, self.temperature = batch_size, temperature
        self.eos, self.pad = tokenizer.eos_token_id, tokenizer.pad_token_id

    def converse(self, prompts: Sequence[Sequence[int]], max_new_tokens: int, hear: "Hear") -> None:
        """Play conversations to their ends, ``batch_size`` at a time; see rollout.Converse.

        Each goes on at its own pace: the step in which one begins a turn finds another in the middle of its own, and what is heard is
        fed beside what is drawn. Keys and values stay; equal prompts (the episodes of a group) are read once.
        """
        import torch

        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                for start in range(0, len(prompts), self.batch_size):
                    self._wave(prompts[start : start + self.batch_size], start, max_new_tokens, hear)
        finally:
            self.model.train(training)

    def _wave(self, prompts: Sequence[Sequence[int]], first: int, max_new_tokens: int, hear: "Hear") -> None:
        import torch

        unique = list(dict.fromkeys(map(tuple, prompts)))
        inputs, attention = self._pad_left(unique)
        positions = (attention.cumsum(1) - 1).clamp(min=0)
        out = self.model(input_ids=inputs, attention_mask=attention, position_ids=positions, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        chosen = torch.tensor([unique.index(tuple(p)) for p in prompts], device=inputs.device)
        cache.batch_select_indices(chosen)
        attention, logits = attention[chosen], out.logits[chosen, -1]
        position = attention.sum(1)
        speakers = [_Speaker(first + i) for i in range(len(prompts))]
        while True:
            for speaker, token in zip(speakers, self._draw(logits).tolist(), strict=True):
                speaker.draw(token, self.eos, max_new_tokens, hear)
            live = [i for i, speaker in enumerate(speakers) if not speaker.over]
            if not live:
                return
            if len(live) <= len(speakers) * STAY:  # dropping rows copies the cache: not for a single one
                speakers = [speakers[i] for i in live]
                rows = torch.tensor(live, device=inputs.device)
                cache.batch_select_indices(rows)
                attention, position = attention[rows], position[rows]
            width = min(max(len(speaker.fed) for speaker in speakers), CHUNK)
            inputs, fed = self._pad_left([speaker.take(width, self.pad) for speaker in speakers])
            attention = torch.cat([attention, fed], dim=1)
            out = self.model(
                input_ids=inputs, attention_mask=attention, position_ids=(position[:, None] + fed.cumsum(1) - 1).clamp(min=0),
                past_key_values=cache, use_cache=True, logits_to_keep=1,
            )  # fmt: skip
            logits, position = out.logits[:, -1], position + fed.sum(1)

    def _draw(self, logits: Any) -> Any:
        import torch

        if not self.temperature:
            return logits.argmax(-1)
        return torch.multinomial(torch.softmax(logits.float() / self.temperature, -1), 1)[:, 0]

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


class _Speaker:
    """One conversation of a wave: the turn it is drawing, and what the model has still to be fed."""

    def __init__(self, number: int) -> None:
        self.number, self.over = number, False
        self.fed: list[int] = []
        self.turn: list[int] = []

    def draw(self, token: int, eos: int, most: int, hear: "Hear") -> None:
        """Take a drawn token, unless what was heard is not all fed; the end of a turn is told."""
        if self.over or self.fed:
            return
        self.fed.append(token)
        self.turn.append(token)
        if token == eos or len(self.turn) == most:
            heard = hear(self.number, self.turn)
            self.turn, self.over = [], heard is None
            self.fed += heard or ()

    def take(self, width: int, pad: int) -> list[int]:
        """The next tokens to feed, at most ``width``; a row that is over and stays for the others' sake feeds anything."""
        taken, self.fed = self.fed[:width], self.fed[width:]
        return taken or [pad]
