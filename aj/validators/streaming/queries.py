"""Whether Structured Streaming code is safe to run again and again: checkpoints, triggers and output modes.

``streaming_query_safe`` reads Python (a script, or a Databricks notebook exported as source) and the SQL of streaming tables. Every
writeStream needs a checkpoint of its own on durable storage, a trigger, and an output mode that its aggregation and its sink can do.
Pipelines (``dlt``, ``pyspark.pipelines``, streaming tables) keep their own checkpoints. What is only known at run time is trusted.

What is not covered: whether paths and tables exist, joins of two streams, Scala, the grammar of SQL (sql_compiles).
"""

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from aj.validators.fenced import FENCED, is_fenced, without_magics
from aj.validators.score import Reason, Score
from aj.validators.streaming.builders import MOST_QUERIES, Query, StreamingCode
from aj.validators.streaming.code import TooLarge

SQL = re.compile(r"\s*(?:CREATE|INSERT|SELECT|WITH|APPLY|AUTO|SET|USE|DROP|ALTER|REFRESH)\s+[\w`(*]", re.IGNORECASE)
SQL_NOISE = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^'\\]|\\.|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.)*(?:\"|\Z)", re.DOTALL)
STREAMING_TABLE = re.compile(
    r"\s*CREATE\s+(?:OR\s+REFRESH\s+|OR\s+REPLACE\s+)?(?:PRIVATE\s+|TEMPORARY\s+)?STREAMING\s+(?:LIVE\s+)?TABLE\b", re.IGNORECASE
)
SQL_FLOW = re.compile(r"\s*(?:CREATE\s+FLOW\b|APPLY\s+CHANGES\s+INTO\b|AUTO\s+CDC\s+INTO\b)", re.IGNORECASE)
SQL_STREAM = re.compile(r"\bSTREAM(?:\s*\(|\s+[\w`])|\bcloud_files\s*\(", re.IGNORECASE)
INTERVAL = re.compile(
    r"\s*(?:interval\s+)?(?:\d+(?:\.\d+)?\s*(?:micro|milli)?(?:second|minute|hour|day|week|month|year)s?\s*)+|\s*interval\s+'[^']+'.*",
    re.I,
)
TMP = re.compile(r"(?:file:/{0,3}|dbfs:/{1,3}|/dbfs/|/)(?:private/|var/)?tmp(?:/|$)", re.IGNORECASE)
LOCAL = re.compile(
    r"file:|/dbfs/|/local_disk|/databricks/driver|/dev/shm|/root/|/home/|~|\.{1,2}(?:/|$)|[a-zA-Z]:[\\/](?![\\/])|\\",
    re.IGNORECASE,
)
SCHEME = re.compile(r"/|[a-zA-Z][\w+.-]*:/")
PIPELINES = re.compile(
    r"\b(?:dlt|dp|pipelines|sdp)\.(?:table|view|append_flow|create_streaming|apply_changes|create_auto_cdc|temporary_view|create_sink)"
)
MOST_LINES = 1_500
AGGREGATES = {"agg", "count", "sum", "avg", "mean", "min", "max"}
GROUPS = {"groupBy", "groupby", "groupByKey", "cube", "rollup"}
OPAQUE = {"transform", "select", "selectExpr", "mapInPandas", "mapInArrow", "join", "union", "unionByName"}
APPEND_ONLY = {"parquet", "csv", "json", "orc", "text", "avro"}
MODES = {"append", "complete", "update"}
NO_UPDATE = {*APPEND_ONLY, "delta", "memory", "iceberg"}


def streaming_query_safe(text: str, context: Mapping[str, Any]) -> Score:
    """1 where every streaming query of the code is safe, else 0. The context is not read.

    Codes: code_fence, not_python, too_deep, too_large, no_streaming_query, batch_source; missing_checkpoint, checkpoint_tmp, checkpoint_local, duplicate_checkpoint;
    missing_trigger, trigger_invalid; mode_unknown, mode_not_supported, append_needs_watermark, complete_needs_aggregation;
    not_started; sql_not_streaming.
    """
    if is_fenced(text):
        return Score.of([Reason("code_fence", FENCED)])
    sql = SQL_NOISE.sub(lambda m: "''" if m[0][0] in "'\"" else " ", text)
    if SQL.match(sql):
        return Score.of(list(_sql(sql)))
    if text.count(".writeStream") > MOST_QUERIES or text.count("\n") + text.count(";") > MOST_LINES:
        return Score.of(
            [Reason("too_large", f"the code has more than {MOST_QUERIES} streaming queries or {MOST_LINES} statements")]
        )
    try:
        code = StreamingCode(ast.parse(without_magics(text)))
        return Score.of(list(_reasons(code, text)))
    except (RecursionError, MemoryError):
        return Score.of([Reason("too_deep", "the code is nested too deeply")])
    except TooLarge as error:
        return Score.of([Reason("too_large", str(error))])
    except (SyntaxError, ValueError) as error:
        return Score.of([Reason("not_python", f"neither Python nor the SQL of a streaming table: {error}")])


def _reasons(code: StreamingCode, text: str) -> Iterator[Reason]:
    if not code.queries and not PIPELINES.search(text) and "@table" not in text:
        yield Reason("no_streaming_query", "nothing is written with writeStream, and no pipeline table is declared")
    default = _session_checkpoint(code)
    for query in code.queries:
        if query.is_batch:
            yield Reason("batch_source", f"line {query.line}: writeStream on what read gives: only readStream gives a stream")
        yield from _checkpoint(code, query, default)
        yield from _trigger(code, query)
        yield from _mode(code, query)
        if not query.started and not query.escapes:
            yield Reason("not_started", f"line {query.line}: the query is never started")
    yield from _duplicates(code)


def _session_checkpoint(code: StreamingCode) -> bool:
    calls = (
        c
        for c in code.parents
        if isinstance(c, ast.Call) and isinstance(c.func, ast.Attribute) and c.func.attr in ("set", "config") and c.args
    )
    return any(code.text(call.args[0]) == "spark.sql.streaming.checkpointLocation" for call in calls)


def _checkpoint(code: StreamingCode, query: Query, default: bool) -> Iterator[Reason]:
    at = f"line {query.line}: "
    node = query.options.get("checkpointlocation")
    parts = [] if isinstance(node, ast.Constant) and not isinstance(node.value, str) else code.parts(node)
    whole = "".join(part if part is not None else "\0" for part in parts).strip()
    if node is None or not whole:
        named = query.argument("queryName") is not None
        if node is None and (query.unknown_options or (default and named) or (query.escapes and not query.started)):
            return
        yield Reason(
            "missing_checkpoint",
            at + "the query has no checkpointLocation" + (" (and no queryName to keep one apart)" if default else ""),
        )
        return
    if whole.startswith("\0"):  # where it begins is not known
        return
    if TMP.match(whole):
        yield Reason(
            "checkpoint_tmp", at + f"{whole[:80]!r} is temporary: a restart would lose what was read".replace("\\x00", "…")
        )
    elif LOCAL.match(whole) or not SCHEME.match(whole):
        yield Reason("checkpoint_local", at + f"{whole[:80]!r} lies on the driver, not on durable storage".replace("\\x00", "…"))


def _duplicates(code: StreamingCode) -> Iterator[Reason]:
    keys: list[tuple[str, Query]] = []
    for query in code.queries:
        node = query.options.get("checkpointlocation")
        if node is None:
            continue
        whole = code.text(node)
        known = (whole or "").strip().rstrip("/")
        keys.append((known or f"{ast.dump(node)} in {id(query.scope)}", query))
        names = code.names(node)
        if isinstance(node, ast.Call) and whole is None:
            continue  # a function's result: not to be told
        for loop in query.loops:
            targets = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
            assigned = {n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            retry = isinstance(loop.iter, ast.Call) and getattr(loop.iter.func, "id", "") == "range"
            if not retry and not names & (targets | assigned):
                yield Reason("duplicate_checkpoint", f"line {query.line}: every round of the loop has the same checkpoint")
        if isinstance(query.scope, ast.FunctionDef) and whole is not None and len(code.calls_of(query.scope.name)) > 1:
            yield Reason("duplicate_checkpoint", f"line {query.line}: every call of {query.scope.name} has the same checkpoint")
    for (one, first), (other, second) in combinations(keys[:200], 2):
        exclusive = any(i == j and a != b for i, a in first.branches for j, b in second.branches)
        if one == other and not exclusive:
            yield Reason("duplicate_checkpoint", f"lines {first.line} and {second.line} share a checkpoint")
            return


def _trigger(code: StreamingCode, query: Query) -> Iterator[Reason]:
    at = f"line {query.line}: "
    call = next((c for name, c in reversed(query.calls) if name == "trigger"), None)
    if call is None:
        if not query.escapes:
            yield Reason("missing_trigger", at + "the query has no trigger")
        return
    if any(k.arg is None for k in call.keywords):
        return
    given = {k.arg: k.value for k in call.keywords if not (isinstance(k.value, ast.Constant) and k.value.value in (None, False))}
    kinds = {"processingTime", "once", "continuous", "availableNow", "realTime"}
    if call.args or len(given) != 1 or not given.keys() <= kinds:
        yield Reason(
            "trigger_invalid", at + f"{ast.unparse(call)[-80:]!r}: a trigger takes exactly one of {', '.join(sorted(kinds))}"
        )
        return
    ((kind, value),) = given.items()
    text = code.text(value)
    if kind in ("once", "availableNow"):
        if isinstance(value, ast.Constant) and value.value is not True:
            yield Reason("trigger_invalid", at + f"{kind} takes True")
    elif isinstance(value, ast.Constant) and not isinstance(value.value, str):
        yield Reason("trigger_invalid", at + f"{kind} takes a text such as '10 seconds'")
    elif text is not None and not INTERVAL.fullmatch(text):
        yield Reason("trigger_invalid", at + f"{text[:40]!r} is no interval")
    if kind == "continuous" and (_aggregation(query) >= 0 or query.argument("foreachBatch") is not None):
        yield Reason("trigger_invalid", at + "a continuous trigger can neither aggregate nor call foreachBatch")


def _mode(code: StreamingCode, query: Query) -> Iterator[Reason]:
    at = f"line {query.line}: "
    node = query.argument("outputMode") or query.options.get("outputmode")
    mode = "append" if node is None else code.text(node)
    if mode is None:
        return
    mode = mode.lower()
    if mode not in MODES:
        yield Reason("mode_unknown", at + f"the output mode {mode[:40]!r} does not exist")
        return
    custom = any(name in ("foreachBatch", "foreach") for name, _ in query.calls)
    kind = query.argument("format") or query.options.get("format")
    table = any(name in ("toTable", "table") for name, _ in query.calls)
    sink = (code.text(kind) or "").lower() if kind is not None else ("delta" if table else "")
    if not custom and ((mode == "update" and sink in NO_UPDATE) or (mode == "complete" and sink in APPEND_ONLY)):
        yield Reason("mode_not_supported", at + f"a {sink} sink cannot do {mode} mode")
    aggregation = _aggregation(query)
    if mode == "append" and aggregation >= 0 and not query.escapes and not _late_rows_known(code, query, aggregation):
        yield Reason("append_needs_watermark", at + "append mode needs a watermark on the time that the aggregation groups by")
    if mode == "complete" and aggregation < 0 and query.is_stream and not any(n in OPAQUE or n in GROUPS for n, _ in query.frame):
        yield Reason("complete_needs_aggregation", at + "complete mode needs an aggregation")


def _aggregation(query: Query) -> int:
    """Where in the frame's calls the first aggregation stands (its groupBy where it has one); -1 for none."""
    for place, (name, _) in enumerate(query.frame):
        before = query.frame[place - 1][0] if place else ""
        if name in AGGREGATES and before in {*GROUPS, "pivot"}:
            return place - 1 - (before == "pivot")
        if name in ("agg", "count") and before not in GROUPS:
            return place
    return -1


def _late_rows_known(code: StreamingCode, query: Query, aggregation: int) -> bool:
    marks = [call for name, call in query.frame[:aggregation] if name == "withWatermark"]
    if not marks:
        return not query.is_stream and not query.frame[:aggregation]  # a frame that came from elsewhere may have brought one
    keys = query.frame[aggregation][1]
    column = code.text(marks[-1].args[0]) if marks[-1].args else None
    plain = []
    for key in keys.args:
        inner = (
            key.args[0]
            if isinstance(key, ast.Call)
            and getattr(key.func, "attr", getattr(key.func, "id", "")) in ("col", "column")
            and key.args
            else key
        )
        plain.append(code.text(inner))
    if column is None or None in plain or not plain:
        return column is None or bool(plain)
    windows = any("window" in ast.unparse(call) for _, call in query.frame[:aggregation][-1:])
    return windows or column in plain or any("window" in str(name) for name in plain)


def _sql(text: str) -> Iterator[Reason]:
    statements = [s for s in text.split(";") if s.strip()]
    streaming = [s for s in statements if STREAMING_TABLE.match(s) or SQL_FLOW.match(s)]
    if not streaming:
        yield Reason("no_streaming_query", "no streaming table or flow is created")
    for statement in streaming:
        reads = SQL_FLOW.match(statement) or re.search(r"\bAS\s+(?:SELECT|WITH|\()", statement, re.IGNORECASE)
        if reads and not SQL_STREAM.search(statement):
            yield Reason(
                "sql_not_streaming", f"{' '.join(statement.split())[:60]!r} reads no STREAM: it would be read whole every time"
            )
