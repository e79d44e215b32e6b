"""Measure one form of the model on the held-out items: the same items for every form, greedily, and sampled on unseen schemas.

Forms: base, sft, dpo, grpo, merged through transformers; q8, q4km through llama.cpp, and against merged.
Run by `dvc repro`; by hand: `python -m stages.eval q4km`.
"""

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from aj import canaries
from aj.chat import Conversation
from aj.chat_template import Tokens, tokenise
from aj.competencies.task import TASKS, Task, read_tasks
from aj.evaluation import competency, grammar, harness, recall, suites
from aj.evaluation.llama_engine import LlamaEngine
from aj.evaluation.players import Play, by_tokens
from aj.evaluation.transformers_engine import TransformersEngine
from aj.export.parity import compare
from aj.params import derive
from aj.sources import base, rows
from aj.sqlenv import questions
from aj.sqlenv.rollout import Roller, lockstep
from aj.stage import Run, seal
from aj.training import model as models

BASE, MERGED, QUESTIONS = Path("data/raw/base"), Path("models/merged"), Path("data/mix/eval")
ROWS = Path("data/mix/sft/validation.parquet")
PARALLEL = 8  # sequences that llama.cpp decodes together; more was slower for a model this small
ADAPTERS, QUANTIZED = ("sft", "dpo", "grpo"), ("q8", "q4km")


def main(run: Run) -> None:
    import torch

    torch.set_num_threads(run.params.compute.threads)
    p, form = run.params.eval, run.item

    with ExitStack() as stack:
        # 1. The model in this form.
        tokenizer = base.load_tokenizer(MERGED if form in QUANTIZED else BASE)
        engine = stack.enter_context(llama(run)) if form in QUANTIZED else transformers(run, form, tokenizer)

        # 2. Episodes on held-out questions.
        asked = suites.first_of_each_split(questions.load(QUESTIONS), p.episodes)
        play = Play(
            budget=p.budget, max_new_tokens=p.max_new_tokens, max_length=p.max_length, batch_size=p.batch_size,
            threads=run.params.compute.threads,
        )  # fmt: skip
        converse = lockstep(engine.generate) if isinstance(engine, LlamaEngine) else engine.converse
        measured = harness.count(form, play, by_tokens(tokenizer, converse, play)(asked))
        numbers = suites.flat(measured.by_split)

        # 3. Held-out tasks of the competencies; the first reply of a quantized form also held to the grammar of the tools.
        tasks = competency.spread([Task.of(row) for row in read_tasks(QUESTIONS / TASKS)], p.tasks)
        calling = [t for t in tasks if competency.wants_call(t)]
        whole, first = (tasks_roller(run, tokenizer, budget=turns) for turns in (p.budget, 1))
        done = whole.converse(tasks, converse)
        if done:
            numbers |= competency.numbers(done)
        if isinstance(engine, LlamaEngine) and calling:
            held = partial(engine.generate, grammar=grammar.of_one_call(calling[0].tools))
            numbers |= competency.tool_calls("constrained", first.play(calling, held))

        # 4. The headline's questions and the tasks sampled: greedily, a first action that was nearly as likely as another
        #    flips on little.
        if isinstance(engine, TransformersEngine):
            torch.manual_seed(derive(run.params.seed, "eval"))
            unseen = [q for q in asked if q.split == suites.HEADLINE]
            chance = TransformersEngine(engine.model, tokenizer, batch_size=p.batch_size, temperature=1.0)
            numbers |= suites.sampled(by_tokens(tokenizer, chance.converse, play)(unseen))
            if tasks:
                draws = first.converse(calling * p.call_draws, chance.converse)
                numbers |= competency.sampled(whole.converse(tasks, chance.converse), draws)

        # 5. The canaries: what was learned from this mix and from nothing else.
        if facts := canaries.read(QUESTIONS / canaries.CANARIES):
            numbers |= recall.numbers(recall.ranks(facts, tokenizer, engine.logits))

        # 6. Validation loss on held-out conversations.
        fixed = [tokenise(tokenizer, Conversation.of(row)) for row in suites.spread(rows.read_all(ROWS), p.validation_rows)]
        numbers |= suites.validation_loss(fixed, engine.logits([t.ids for t in fixed]))

        # 7. A quantized form against merged, on the same rows.
        if isinstance(engine, LlamaEngine):
            numbers |= against_merged(run, engine, tokenizer, fixed)

    # 8. Numbers, a table to plot, and the episodes themselves for a person to read and for `aj replay` to play again.
    run.metrics(f"metrics/eval_{form}.json", numbers)
    columns = ("split", "accuracy", "low", "high", "n")
    run.curve(f"metrics/curves/eval_{form}.csv", [{"form": form, **{c: row[c] for c in columns}} for row in measured.by_split])
    lines = [json.dumps(t, ensure_ascii=False) for t in measured.transcripts()]
    run.out(f"metrics/transcripts/{form}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    table = [{"form": form, **row} for row in competency.by_competency(done)]
    run.curve(f"metrics/curves/tasks_{form}.csv", table or [{"form": form, "competency": "none", "pass_rate": 0, "n": 0}])
    lines = [json.dumps(t, ensure_ascii=False) for t in competency.transcripts(done)]
    run.out(f"metrics/transcripts/{form}_tasks.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    print(measured.markdown())
    for reason, count in list(competency.reasons(done).items())[:10]:
        print(f"{count:5}  {reason}")


def transformers(run: Run, form: str, tokenizer: Any) -> TransformersEngine:
    """Base, an adapter on it, or the merged model, in the precision that sft trained in."""
    model: Any = models.load_base(MERGED if form == "merged" else base.weights(BASE), precision=run.params.compute.precision)
    if form in ADAPTERS:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, Path("models") / form)
    return TransformersEngine(model, tokenizer, batch_size=run.params.eval.batch_size)


def llama(run: Run) -> LlamaEngine:
    """The GGUF of this form, whatever its version is called."""
    (file,) = (Path("models/gguf") / run.item).glob("*.gguf")
    return LlamaEngine(file, threads=run.params.compute.threads, max_length=run.params.eval.max_length, parallel=PARALLEL)


def tasks_roller(run: Run, tokenizer: Any, *, budget: int) -> Roller:
    """Plays tasks of at most ``budget`` turns."""
    p = run.params.eval
    return Roller(tokenizer, budget=budget, max_new_tokens=p.task_tokens, max_length=p.max_length, opens=competency.opens(budget))


def against_merged(run: Run, engine: LlamaEngine, tokenizer: Any, fixed: list[Tokens]) -> dict[str, float]:
    """Token-id parity, and divergence of the logits from the merged model's."""
    merged = transformers(run, "merged", tokenizer)
    ids = [t.ids for t in fixed]
    same = sum(engine.tokenize(tokenizer.decode(row)) == row for row in ids)
    parity = compare(merged.logits(ids), engine.logits(ids))
    return {
        "token_parity": same / len(ids),
        "top1_agreement": parity.top1,
        "mean_kl": parity.mean_kl,
        "compared_positions": parity.positions,
    }


if __name__ == "__main__":
    seal("eval", main)
