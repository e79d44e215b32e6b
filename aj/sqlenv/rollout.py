"""Many episodes at once: generation is batched over all that are still running.

The model's own tokens are kept as they were generated and never encoded again; what the environment says is appended
with mask 0. An engine either holds whole conversations (``Converse``), each at its own pace, or continues contexts turn by turn
(``Generate``, through ``lockstep``).
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

Generate = Callable[[list[list[int]], int], Sequence[list[int]]]
"""(contexts, most new tokens) -> the new tokens of each, end of turn included."""
Hear = Callable[[int, list[int]], list[int] | None]
"""(number of the conversation, the turn it has drawn) -> the tokens that come before its next turn, or None: it is over."""
Converse = Callable[[Sequence[Sequence[int]], int, Hear], None]
"""(prompts, most new tokens of a turn, hear): play each to its end."""


class Drawn(list[int]):
    """Token ids of one turn together with the log-probability (nats) that each was drawn with."""

    def __init__(self, ids: Sequence[int], logprobs: Sequence[float]) -> None:
        super().__init__(ids)
        self.logprobs = list(logprobs)


@dataclass
class Episode:
    """One played episode: token ids, who wrote them (1 model, 0 environment), and how it went."""

    question: Question
    env: SQLEnv
    prompt_ids: list[int]
    completion_ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    """Of every completion id where the engine gives ``Drawn`` turns (0 for the environment's); empty otherwise."""
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
        """``converse`` with an engine that goes turn by turn."""
        return self.converse(questions, lockstep(generate))

    def converse(self, questions: Sequence[Question], engine: Converse) -> list[Episode]:
        """Play one episode a question, in order. A context that leaves no room for an action ends its episode.

        Raises EpisodeError when there is no room for even the first action.
        """
        episodes = [self._start(question) for question in questions]
        try:
            engine([e.prompt_ids for e in episodes], self.max_new_tokens, lambda i, ids: self._advance(episodes[i], ids))
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

    def _advance(self, episode: Episode, ids: list[int]) -> list[int] | None:
        episode.completion_ids += ids
        episode.mask += [1] * len(ids)
        if isinstance(ids, Drawn):
            episode.logprobs += ids.logprobs
        action = self.tokenizer.decode(ids, skip_special_tokens=True)
        assert isinstance(action, str)
        seen = episode.env.step(action)
        episode.actions.append(action)
        episode.observations.append(seen.text)
        if episode.env.done:
            return None
        cut = not ids or ids[-1] != self.tokenizer.eos_token_id  # the model ran out of tokens: close its turn for it
        heard = self._encode(str(self.tokenizer.eos_token) * cut + self.before + seen.text + self.after)
        used = len(episode.prompt_ids) + len(episode.completion_ids) + len(heard)
        if used + self.max_new_tokens > self.max_length:
            episode.out_of_context = True
            return None
        episode.completion_ids += heard
        episode.mask += [0] * len(heard)
        if isinstance(ids, Drawn):
            episode.logprobs += [0.0] * len(heard)
        return heard

    def _encode(self, text: str) -> list[int]:
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert isinstance(ids, list)
        return ids


def lockstep(generate: Generate) -> Converse:
    """Conversations with an engine that continues contexts: a turn of all that are still running at a time."""

    def converse(prompts: Sequence[Sequence[int]], max_new_tokens: int, hear: Hear) -> None:
        running = {i: list(prompt) for i, prompt in enumerate(prompts)}
        while running:
            live = list(running)
            for i, ids in zip(live, generate([running[i] for i in live], max_new_tokens), strict=True):
                heard = hear(i, ids)
                if heard is None:
                    del running[i]
                else:
                    running[i] += [*ids, *heard]

    return converse
