"""Many episodes at once: generation is batched over all that are still running.

The model's own tokens are kept as they were generated and never encoded again; what the environment says is appended
with mask 0. An engine either holds whole conversations (``Converse``), each at its own pace, or continues contexts turn by turn
(``Generate``, through ``lockstep``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from aj.chat import Conversation
from aj.chat_template import render, turn_frame
from aj.errors import EpisodeError
from aj.sqlenv.environment import SQLEnv

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Generate = Callable[[list[list[int]], int], Sequence[list[int]]]
"""(contexts, most new tokens) -> the new tokens of each, end of turn included."""
Hear = Callable[[int, list[int]], list[int] | None]
"""(number of the conversation, the turn it has drawn) -> the tokens that come before its next turn, or None: it is over."""
Converse = Callable[[Sequence[Sequence[int]], int, Hear], None]
"""(prompts, most new tokens of a turn, hear): play each to its end."""


class Heard(Protocol):
    """What an environment says after a turn."""

    @property
    def messages(self) -> Sequence[dict[str, str]]:
        """At least one, unless the episode is over."""


class Environment(Protocol):
    """One running episode."""

    done: bool

    @property
    def opening(self) -> Conversation:
        """What the episode starts with."""

    def step(self, text: str, /) -> Heard:
        """Play one turn of the agent."""

    def close(self) -> None:
        """Let go of what the episode holds."""


class Drawn(list[int]):
    """Token ids of one turn together with the log-probability (nats) that each was drawn with."""

    def __init__(self, ids: Sequence[int], logprobs: Sequence[float]) -> None:
        super().__init__(ids)
        self.logprobs = list(logprobs)


@dataclass
class Episode:
    """One played episode: token ids, who wrote them (1 model, 0 environment), and how it went."""

    question: Any
    """A question of SQLEnv, or an item of another environment; has an ``id``."""
    env: Any
    """The environment that it was played in, as the episode has left it."""
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
    """Plays episodes for one tokenizer. ``opens`` makes the environment of an item; without it, SQLEnv with ``budget`` actions."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        *,
        budget: int,
        max_new_tokens: int,
        max_length: int,
        opens: Callable[[Any], Environment] | None = None,
    ) -> None:
        self.tokenizer, self.max_new_tokens, self.max_length = tokenizer, max_new_tokens, max_length
        self.opens = opens or (lambda question: SQLEnv.of(question, budget))
        self._frame = lru_cache(lambda roles: turn_frame(tokenizer, roles))

    def play(self, questions: Sequence[Any], generate: Generate) -> list[Episode]:
        """``converse`` with an engine that goes turn by turn."""
        return self.converse(questions, lockstep(generate))

    def converse(self, questions: Sequence[Any], engine: Converse) -> list[Episode]:
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

    def _start(self, question: Any) -> Episode:
        env = self.opens(question)
        prompt = self._encode(render(self.tokenizer, env.opening, generate=True))
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
        episode.observations.append("\n".join(m["content"] for m in seen.messages))
        if episode.env.done:
            return None
        cut = not ids or ids[-1] != self.tokenizer.eos_token_id  # the model ran out of tokens: close its turn for it
        before, *frame = self._frame(tuple(m["role"] for m in seen.messages))
        said = "".join(m["content"] + after for m, after in zip(seen.messages, frame, strict=True))
        heard = self._encode(str(self.tokenizer.eos_token) * cut + before + said)
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
