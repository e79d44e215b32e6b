"""streaming: Structured Streaming queries with a checkpoint on a volume and a trigger."""

from dataclasses import replace
from typing import Any

from aj.competencies.draw import Draw, Made, Pattern, Tasks, wrong
from aj.competencies.patterns import names
from aj.competencies.task import Rejected

FORM = "reply with Python"
SAFE = "streaming_query_safe"
ONCE = "availableNow=True"


def _made(slots: dict[str, Any], reads: str, wanted: list[list[Any]], trigger: str) -> Made:
    """A stream from ``reads`` to table {name} with its checkpoint in {state}, and what goes wrong in every stream."""
    name, state = slots["name"], slots["state"]
    checkpoint = f'.option("checkpointLocation", "{state}")'
    gold = f'({reads}\n  .writeStream{checkpoint}\n  .trigger({trigger}).toTable("{name}"))'
    key, _, value = trigger.partition("=")
    calls = [
        *wanted,
        ["option", "checkpointLocation", state],
        ["trigger", {key: True if trigger == ONCE else value.strip('"')}],
        ["toTable", name],
    ]
    return Made(
        slots,
        gold,
        {SAFE: {}, "answers_task": {"python": calls}},
        (
            wrong("missing_checkpoint", gold.replace(checkpoint, ""), SAFE, "missing_checkpoint"),
            wrong("temporary_checkpoint", gold.replace(checkpoint, checkpoint.replace("Volumes", "tmp")), SAFE, "checkpoint_tmp"),
            wrong("missing_trigger", gold.replace(f".trigger({trigger})", ""), SAFE, "missing_trigger"),
            wrong(
                "complete_mode", gold.replace(".trigger", '.outputMode("complete").trigger'), SAFE, "complete_needs_aggregation"
            ),
            wrong("never_started", gold.replace(f'.toTable("{name}")', ""), SAFE, "not_started"),
            wrong("drops_first", f'spark.sql("DROP TABLE {name}")\n{gold}', "policy_safety", "drops_object"),
        ),
    )


def _between_tables(draw: Draw, trigger: str, other: str, more: dict[str, Any]) -> Made:
    """A stream from one table to another; ``other`` is a trigger that was not asked for."""
    source, name = names.two_tables(draw)
    state = names.volume_beside(name, draw.word("state"))
    slots = {"source": source, "name": name, "state": state, **more}
    made = _made(slots, f'spark.readStream.table("{source}")', [["table", source]], trigger)
    gold = str(made.gold)
    swapped = gold.replace(source, "\0").replace(name, source).replace("\0", name)
    return _with(
        made,
        wrong("swapped_tables", swapped, "answers_task", "missing_call"),
        wrong("wrong_trigger", gold.replace(trigger, other), "answers_task", "missing_call"),
    )


def _table_to_table(draw: Draw) -> Made:
    return _between_tables(draw, ONCE, 'processingTime="1 minute"', {})


def _every_minutes(draw: Draw) -> Made:
    minutes = draw.number(2, 59)
    return _between_tables(draw, f'processingTime="{minutes} minutes"', ONCE, {"minutes": minutes})


def _files_to_table(draw: Draw) -> Made:
    name, kind = names.table(draw), draw.word("format")
    folder, state = (names.volume_beside(name, draw.word(volume)) for volume in ("volume", "state"))
    options = {"cloudFiles.format": kind, "cloudFiles.schemaLocation": state}
    written = "".join(f'\n  .option("{key}", "{value}")' for key, value in options.items())
    reads = f'spark.readStream.format("cloudFiles"){written}\n  .load("{folder}")'
    wanted = [["format", "cloudFiles"], ["load", folder], *(["option", key, value] for key, value in options.items())]
    made = _made({"name": name, "format": kind, "folder": folder, "state": state}, reads, wanted, ONCE)
    gold = str(made.gold)
    return _with(
        made,
        wrong("no_cloud_files", gold.replace('format("cloudFiles")', f'format("{kind}")'), "answers_task", "missing_call"),
        wrong("missing_format", gold.replace(f'\n  .option("cloudFiles.format", "{kind}")', ""), "answers_task", "missing_call"),
    )


def _with(made: Made, *rejected: Rejected) -> Made:
    return replace(made, rejected=(*made.rejected, *rejected))


TASKS: Tasks = {
    "write_stream": {
        "table_to_table": Pattern(
            _table_to_table,
            (
                "stream what is new in {source} to {name} and stop, checkpoint in {state}",
                "one run: new rows of {source} into {name}, checkpoint in {state}",
                "append the rows that {source} got to {name}, then end; the checkpoint is {state}",
                "with checkpoint {state} bring {name} up to date from {source}, available now",
            ),
            FORM,
        ),
        "files_to_table": Pattern(
            _files_to_table,
            (
                "load new {format} files of {folder} into {name} and stop, checkpoint and schema in {state}",
                "one run of auto loader: {format} in {folder} to {name}, state in {state}",
                "read {format} files as they come to {folder} into {name}, available now, keep schema and checkpoint in {state}",
                "with {state} for checkpoint and schema stream the {format} files of {folder} to {name}, then end",
            ),
            FORM,
        ),
        "every_minutes": Pattern(
            _every_minutes,
            (
                "every {minutes} minutes stream {source} to {name}, checkpoint in {state}",
                "stream {source} into {name} with a batch each {minutes} minutes, checkpoint in {state}",
                "keep {name} at most {minutes} minutes behind {source}; the checkpoint is {state}",
                "with checkpoint {state} write the new rows of {source} to {name}, every {minutes} minutes",
            ),
            FORM,
        ),
    },
}
