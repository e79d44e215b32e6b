"""Whatever can be measured, by where it is: an adapter, a merged model, a GGUF, an OpenAI-compatible endpoint, or chance.

All play in the same environment.
What is not covered: sampling from a GGUF (greedy only), tool calls (text actions only).
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from aj.errors import DataError, ParamsError
from aj.evaluation.players import Play, Player, act, by_tokens, play_by_chance, start
from aj.evaluation.transformers_engine import TransformersEngine
from aj.sqlenv.actions import instructions
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Episode, lockstep

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from aj.evaluation.llama_engine import LlamaEngine


@contextmanager
def opened(model: str, play: Play) -> Iterator[Player]:
    """The player for ``model``: a folder, a .gguf, an http(s) address, or ``random``. Raises ParamsError for anything else."""
    path = Path(model)
    if model == "random":
        yield lambda questions: play_by_chance(questions, play.budget, seed=play.seed)
    elif model.startswith(("http://", "https://")):
        yield endpoint(model, play)
    else:
        with loaded(path, play) as (tokenizer, engine):
            yield by_tokens(
                tokenizer, engine.converse if isinstance(engine, TransformersEngine) else lockstep(engine.generate), play
            )


@contextmanager
def loaded(path: Path, play: Play) -> "Iterator[tuple[PreTrainedTokenizerBase, TransformersEngine | LlamaEngine]]":
    """(tokenizer, engine) of a model that lies here: a folder or a .gguf. Raises ParamsError for anything else."""
    if path.suffix == ".gguf" and path.is_file():
        with llama(path, play) as opened_file:
            yield opened_file
    elif (path / "adapter_config.json").is_file() or (path / "config.json").is_file():
        yield transformers(path, play)
    else:
        raise ParamsError(
            f"{str(path)!r} is no model: give a folder with adapter_config.json or config.json, a .gguf file, an address, or random."
        )


def transformers(folder: Path, play: Play) -> "tuple[PreTrainedTokenizerBase, TransformersEngine]":
    """A merged model, or an adapter on its base."""
    import torch

    from aj.sources import base as bases
    from aj.training import gpu
    from aj.training.model import load_base

    gpu.claim()
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
    return tokenizer, engine


def _base_of(adapter: Path, play: Play) -> Path:
    named = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")).get("base_model_name_or_path") or ""
    for base in (Path(named), play.base):
        if base and (base / "config.json").is_file():
            return base
    raise DataError(f"adapter {str(adapter)!r} wants the base {named!r}, which is no folder here: say where the base lies.")


@contextmanager
def llama(file: Path, play: Play) -> "Iterator[tuple[PreTrainedTokenizerBase, LlamaEngine]]":
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
        yield load_tokenizer(play.tokenizer), engine


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
