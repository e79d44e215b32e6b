"""Many episodes at once: generation is batched over all that are still running.

The model's own tokens are kept as they were generated and never encoded again; what the environment says is appended
with mask 0. Each call of ``generate`` gets every live context and returns the new tokens of each, end of turn included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aj.chat import Conversation, render, turn_frame
from aj.errors import EpisodeError
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Generate = Callable[[list[list[int]], int], list[list[int]]]


@dataclass
class Episode:
    """One played episode: token ids, who wrote them (1 model, 0 environment), and how it went."""

    question: Question
    env: SQLEnv
    prompt_ids: list[int]
    completion_ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    out_of_context: bool = False
    failed: str = ""
    """Why the player gave no further action (an endpoint that does not answer); "" where it did."""

    @property
    def live(self) -> bool:
        """Whether the episode still waits for an action."""
        return not (self.env.done or self.out_of_context or self.failed)


class Roller:
    """Plays episodes for one tokenizer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", *, budget: int, max_new_tokens: int, max_length: int) -> None:
        self.tokenizer, self.budget = tokenizer, budget
        self.max_new_tokens, self.max_length = max_new_tokens, max_length
        self.before, self.after = turn_frame(tokenizer)

    def play(self, questions: Sequence[Question], generate: Generate) -> list[Episode]:
        """Play one episode a question, in order. A context that leaves no room for an action ends its episode.

        Raises EpisodeError when there is no room for even the first action.
        """
        episodes = [self._start(question) for question in questions]
        try:
            while live := [e for e in episodes if e.live]:
                contexts = [e.prompt_ids + e.completion_ids for e in live]
                for episode, ids in zip(live, generate(contexts, self.max_new_tokens), strict=True):
                    self._advance(episode, ids)
        finally:
            for episode in episodes:
                episode.env.close()
        return episodes

    def _start(self, question: Question) -> Episode:
        env = SQLEnv(self.budget)
        env.reset(question)
        prompt = self._encode(render(self.tokenizer, Conversation(tuple(question.messages)), generate=True))
        if len(prompt) + self.max_new_tokens > self.max_length:
            env.close()
            raise EpisodeError(
                f"question {question.id!r} opens with {len(prompt)} tokens, which leaves no room for an action of "
                f"{self.max_new_tokens} in max_length = {self.max_length}: raise max_length."
            )
        return Episode(question, env, prompt)

    def _advance(self, episode: Episode, ids: list[int]) -> None:
        episode.completion_ids += ids
        episode.mask += [1] * len(ids)
        action = self.tokenizer.decode(ids, skip_special_tokens=True)
        assert isinstance(action, str)
        seen = episode.env.step(action)
        episode.actions.append(action)
        episode.observations.append(seen.text)
        if episode.env.done:
            return
        cut = not ids or ids[-1] != self.tokenizer.eos_token_id  # the model ran out of tokens: close its turn for it
        heard = self._encode(str(self.tokenizer.eos_token) * cut + self.before + seen.text + self.after)
        used = len(episode.prompt_ids) + len(episode.completion_ids) + len(heard)
        if used + self.max_new_tokens > self.max_length:
            episode.out_of_context = True
            return
        episode.completion_ids += heard
        episode.mask += [0] * len(heard)

    def _encode(self, text: str) -> list[int]:
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert isinstance(ids, list)
        return ids
