"""Whatever can play episodes, by where it is: an adapter, a merged model, a GGUF, an OpenAI-compatible endpoint, or chance.

A player takes questions and gives one episode each, in their order; all play in the same environment. ``random`` is the control:
actions of the grammar drawn blindly, among them values that it saw.
What is not covered: sampling from a GGUF (greedy only), tool calls (text actions only).
"""

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from aj.errors import DataError, ParamsError
from aj.sqlenv.actions import instructions
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Converse, Episode, Hear, Roller, lockstep

Player = Callable[[Sequence[Question]], list[Episode]]


@dataclass(frozen=True, kw_only=True)
class Play:
    """How episodes are played."""

    budget: int
    max_new_tokens: int
    max_length: int
    batch_size: int
    threads: int
    temperature: float = 0.0
    """0: greedy."""
    seed: int = 0
    base: Path | None = None
    """Of an adapter, where the base that its config names is no folder (AJ's adapters name the base, not where it lies)."""
    tokenizer: Path | None = None
    """Of a GGUF, whose own cannot render a chat template: a folder that transformers can read."""
    name: str = ""
    """What an endpoint calls its model."""
    key_variable: str = "OPENROUTER_API_KEY"


@contextmanager
def opened(model: str, play: Play) -> Iterator[Player]:
    """The player for ``model``: a folder, a .gguf, an http(s) address, or ``random``. Raises ParamsError for anything else."""
    path = Path(model)
    if model == "random":
        yield lambda questions: play_by_chance(questions, play)
    elif model.startswith(("http://", "https://")):
        yield endpoint(model, play)
    elif path.suffix == ".gguf" and path.is_file():
        with llama(path, play) as player:
            yield player
    elif (path / "adapter_config.json").is_file() or (path / "config.json").is_file():
        yield transformers(path, play)
    else:
        raise ParamsError(
            f"{model!r} is no model: give a folder with adapter_config.json or config.json, a .gguf file, an address, or random."
        )


def transformers(folder: Path, play: Play) -> Player:
    """A merged model, or an adapter on its base."""
    import torch

    from aj.evaluation.transformers_engine import TransformersEngine
    from aj.sources import base as bases
    from aj.training.model import load_base

    torch.set_num_threads(play.threads)
    adapter = (folder / "adapter_config.json").is_file()
    base = _base_of(folder, play) if adapter else folder
    precision = "bf16" if torch.cuda.is_available() else "fp32"
    model: Any = load_base(bases.weights(base) if (base / bases.PIN).is_file() else base, precision=precision)
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, folder)
    tokenizer = bases.load_tokenizer(base)
    engine = TransformersEngine(model, tokenizer, batch_size=play.batch_size, temperature=play.temperature)
    torch.manual_seed(play.seed)
    return by_tokens(tokenizer, engine.converse, play)


def _base_of(adapter: Path, play: Play) -> Path:
    named = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")).get("base_model_name_or_path") or ""
    for base in (Path(named), play.base):
        if base and (base / "config.json").is_file():
            return base
    raise DataError(f"adapter {str(adapter)!r} wants the base {named!r}, which is no folder here: say where the base lies.")


@contextmanager
def llama(file: Path, play: Play) -> Iterator[Player]:
    """A GGUF through llama.cpp, greedily."""
    from aj.evaluation.llama_engine import LlamaEngine
    from aj.sources.base import load_tokenizer

    if play.temperature:
        raise ParamsError(f"temperature is {play.temperature}: a GGUF is decoded greedily here; leave it out.")
    if play.tokenizer is None or not play.tokenizer.is_dir():
        raise ParamsError(
            f"the tokenizer of {file.name} is {str(play.tokenizer)!r}: name the folder of the model it was made from."
        )
    with LlamaEngine(file, threads=play.threads, max_length=play.max_length, parallel=play.batch_size) as engine:
        yield by_tokens(load_tokenizer(play.tokenizer), lockstep(engine.generate), play)


def by_tokens(tokenizer: Any, engine: Converse, play: Play) -> Player:
    """A player for anything that continues token ids."""
    roller = Roller(tokenizer, budget=play.budget, max_new_tokens=play.max_new_tokens, max_length=play.max_length)

    def player(questions: Sequence[Question]) -> list[Episode]:
        with tqdm(desc="turns", unit=" turns") as bar:

            def counted(prompts: Sequence[Sequence[int]], max_new_tokens: int, hear: Hear) -> None:
                def heard(number: int, ids: list[int]) -> list[int] | None:
                    bar.update()
                    return hear(number, ids)

                engine(prompts, max_new_tokens, heard)

            return roller.converse(questions, counted)

    return player


def endpoint(address: str, play: Play) -> Player:
    """A model behind an OpenAI-compatible endpoint, ``batch_size`` episodes at a time; where a question has no system message, one
    explains the actions.

    A turn without an answer (bucket of the failure in ``failed``) ends its episode.
    """
    from aj.sources.card import Endpoint
    from aj.sources.endpoint import RequestError, ask, connect, told

    if not play.name:
        raise ParamsError(f"{address} serves models by name: say which one.")
    teacher = Endpoint(
        base_url=address,
        model=play.name,
        key_variable=play.key_variable,
        temperature=play.temperature,
        max_tokens=play.max_new_tokens,
    )
    client = connect(teacher)

    def one(question: Question) -> Episode:
        episode = start(question, play.budget)
        opening = [] if question.system else [{"role": "system", "content": instructions(play.budget)}]
        messages: list[dict[str, Any]] = [*opening, *map(dict, question.messages)]
        try:
            while episode.live:
                turn = ask(client, teacher, messages, ())
                heard = act(episode, turn.text)
                messages += told(turn, [heard])
        except RequestError as error:
            episode.failed = error.bucket
        finally:
            episode.env.close()
        return episode

    def player(questions: Sequence[Question]) -> list[Episode]:
        with ThreadPoolExecutor(play.batch_size) as pool:
            return list(tqdm(pool.map(one, questions), total=len(questions), desc=play.name, unit=" episodes"))

    return player


def play_by_chance(questions: Sequence[Question], play: Play) -> list[Episode]:
    """The control: blind actions, the same for the same seed."""
    episodes = []
    for question in questions:
        rng = random.Random(f"{play.seed}:{question.id}")
        episode = start(question, play.budget)
        seen: list[str] = []
        try:
            while episode.live:
                heard = act(episode, _blind(rng, question, seen))
                seen += heard.replace("|", " ").split()
        finally:
            episode.env.close()
        episodes.append(episode)
    return episodes


def start(question: Question, budget: int) -> Episode:
    """An episode without tokens."""
    env = SQLEnv(budget)
    env.reset(question)
    return Episode(question, env, [])


def act(episode: Episode, action: str) -> str:
    """Play a text action and write it down; what came back."""
    seen = episode.env.step(action)
    episode.actions.append(action)
    episode.observations.append(seen.text)
    return seen.text


def _blind(rng: random.Random, question: Question, seen: Sequence[str]) -> str:
    table = rng.choice(question.tables)
    word = rng.choice(seen) if seen else str(rng.randrange(100))
    return rng.choice(
        [f"DESCRIBE: {table}", f"SAMPLE: {table}", f'QUERY: SELECT * FROM "{table}" LIMIT {rng.randint(1, 5)}', f"ANSWER: {word}"]
    )


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
