"""A teacher behind an OpenAI-compatible endpoint: against llama.cpp's own server, and against one that answers by a script."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aj import cli
from aj.chat import RowError
from aj.errors import DataError, ParamsError
from aj.mix import derive
from aj.sources import rows, teacher, trace
from aj.sources.card import Endpoint
from aj.sources.trace import Episode
from aj.sources.worlds import Recorded, SqlTask, Task, recorded_tasks, sql_tasks
from aj.sqlenv.questions import Question
from aj.tools import agent_tools

KEY = "sk-test-0123456789-secret"
TABLE = "name text, price integer, city text\nrows: 7"
HINT = "the folder holds two files and nothing else at all in it"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "written" / "episodes.jsonl"


def endpoint(address: str, **fields: Any) -> Endpoint:
    given = {"model": "tiny", "key_variable": "TEACHER_KEY", "runs": 2, "parallel": 1, "max_retries": 0, "budget": 3, **fields}
    return Endpoint(base_url=f"{address}/v1", **given)


def written(out: Path) -> list[Episode]:
    found = []
    for place, raw in rows.read(out):
        assert not isinstance(raw, RowError), place
        found.append(trace.read(raw))
    return found


@pytest.fixture
def sql_task(make_question: Callable[..., Question]) -> Callable[..., SqlTask]:
    """A question whose answer is 42, as a task."""

    def make(name: str = "t1", **fields: Any) -> SqlTask:
        question = make_question()
        return SqlTask(id=name, question=question.messages[-1]["content"], group="herbs", split="train", sql=question, **fields)

    return make


FILES = Task(
    id="files", question="how many files are in /srv?", group="files", hint=HINT,
    observations=(
        Recorded("bash", {"command": "ls /srv"}, "a\nb"), Recorded("list_agents", {}, "web-1"),
        Recorded("remote_bash", {"agent_id": "web-1", "command": "ls", "timeout": 60}, "c"),
    ),
)  # fmt: skip


# --- llama.cpp's own server ---


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Callable[..., Path]:
    """A GGUF of a model that knows which token follows which, and nothing else: after the assistant's marker it says one text."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from aj.export.gguf import write_gguf

    torch.set_num_threads(1)

    def make(*said: str) -> Path:
        folder = tmp_path_factory.mktemp("speaker")
        size = len(tokenizer) + -len(tokenizer) % 64
        shape = {"hidden_size": 256, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
        config = Qwen2Config(
            vocab_size=size, num_key_value_heads=2, max_position_embeddings=4096, tie_word_embeddings=False,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None, **shape,
        )  # fmt: skip
        model = Qwen2ForCausalLM(config)
        directions = torch.nn.functional.normalize(torch.randn(size, 256, generator=torch.Generator().manual_seed(1)), dim=1)
        head = torch.zeros(size, 256)
        for text in said:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert len(set(ids)) == len(ids)
            for before, after in pairwise(ids):
                head[after] += 5 * directions[before]
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(torch.ones_like(weight) if "norm" in name else torch.zeros_like(weight))
            model.get_input_embeddings().weight.copy_(directions)
            model.get_output_embeddings().weight.copy_(head)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_gguf(folder, folder / "model.gguf", metadata={})
        return folder / "model.gguf"

    return make


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start llama.cpp's server on a free port of loopback; its address once it answers."""
    started: list[subprocess.Popen[bytes]] = []

    def run(model: Path, **options: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        given = {"host": "127.0.0.1", "port": str(port), "n_threads": "1", "n_threads_batch": "1", "api_key": KEY, **options}
        flags = [text for name, value in given.items() for text in (f"--{name}", value)]
        log = tmp_path / "server.log"
        with log.open("wb") as stream:
            command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), *flags]
            server = subprocess.Popen(command, stdout=stream, stderr=stream)
        started.append(server)
        address = f"http://127.0.0.1:{port}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                opener.open(f"{address}/openapi.json").close()
                return address
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)

    yield run
    for server in started:
        server.kill()
        server.wait()


def test_a_real_server_answers_a_question_and_the_row_is_derived(
    speaker: Callable[..., Path], serve: Callable[..., str], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    address = serve(speaker("\nANSWER: 42<|im_end|>"), n_ctx="1024")
    account = teacher.collect(endpoint(address), [sql_task("t1"), sql_task("t2")], out)
    assert account == {
        "tasks": 2, "skipped": 0, "finished": 2, "unfinished": 0, "episodes": 2, "repeated": 2, "success": 2, "unverified": 0,
    }  # fmt: skip
    first, second = written(out)
    assert [step.action for step in first.steps] == ["ANSWER: 42"]
    assert (first.task, first.outcome, first.answer, first.success, first.split) == ("t1", "answered", "42", True, "train")
    assert (second.task, second.provenance.teacher) == ("t2", "tiny")
    assert derive.sft(first)["messages"] == [
        {"role": "user", "content": "tables: herbs, Ships, numbers\nquestion: how much?"},
        {"role": "assistant", "content": "ANSWER: 42"},
    ]


def test_a_real_server_plays_on_until_the_budget_ends(
    speaker: Callable[..., Path], serve: Callable[..., str], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    address = serve(speaker("\nDESCRIBE: herbs<|im_end|>"), n_ctx="1024")
    teacher.collect(endpoint(address, runs=1), [sql_task()], out)
    [episode] = written(out)
    assert [(step.action, step.observations) for step in episode.steps] == [("DESCRIBE: herbs", (TABLE,))] * 3
    assert (episode.outcome, episode.answer, episode.success) == ("out_of_budget", None, False)


def test_a_real_server_calls_a_tool_and_hears_what_was_recorded(
    speaker: Callable[..., Path], serve: Callable[..., str], out: Path
) -> None:
    # Its grammar allows a call or a message; these tokens are the ones that the model prefers where it has the choice.
    model = speaker("\nf", ".l")
    address = serve(model, n_ctx="4096", chat_format="chatml-function-calling")
    teacher.collect(endpoint(address, runs=1, budget=2), [Task(**{**vars(FILES), "hint": None})], out)
    [episode] = written(out)
    assert [[(call.name, call.arguments) for call in step.calls] for step in episode.steps] == [[("list_agents", {})]] * 2
    assert [step.observations for step in episode.steps] == [("web-1",)] * 2
    assert (episode.outcome, episode.success) == ("out_of_budget", False)


def test_a_real_server_refuses_another_key_and_nothing_is_written(
    speaker: Callable[..., Path], serve: Callable[..., str], sql_task: Callable[..., SqlTask], out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    address = serve(speaker("\nANSWER: 42<|im_end|>"), n_ctx="512")
    monkeypatch.setenv("TEACHER_KEY", "another-secret")
    with pytest.raises(DataError, match=r"refuses model 'tiny' with status 401: check .* the key in TEACHER_KEY") as caught:
        teacher.collect(endpoint(address), [sql_task()], out)
    assert "another-secret" not in str(caught.value)
    assert out.read_bytes() == b""


def test_a_context_that_is_full_is_a_named_failure_of_the_run(
    speaker: Callable[..., Path], serve: Callable[..., str], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    address = serve(speaker("\nANSWER: 42<|im_end|>"), n_ctx="512")
    account = teacher.collect(endpoint(address), [sql_task(system="herbs " * 600)], out)
    assert (account["failed.status_400"], account["unfinished"], account["episodes"]) == (2, 1, 0)


# --- A server that answers by a script ---


class Scripted(BaseHTTPRequestHandler):
    """Answers each request with ``server.answer(messages)``: a message, or (status, headers, body)."""

    def do_POST(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.requests.append((self.path, self.headers["Authorization"], body))
            answer = server.answer(body["messages"])
        if isinstance(answer, dict):
            choice = {
                "index": 0,
                "message": {"role": "assistant", **answer},
                "finish_reason": answer.get("finish_reason", "stop"),
            }
            answer = 200, {}, json.dumps({"id": "x", "object": "chat.completion", "model": "tiny", "choices": [choice]}).encode()
        status, headers, content = answer
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def scripted_server() -> Iterator[Callable[..., Any]]:
    """A server on loopback whose n-th answer is the n-th of its script, the last one again and again; or a function."""
    servers = []

    def run(*script: Any, answer: Callable[[list[dict[str, Any]]], Any] | None = None) -> Any:
        server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
        todo = list(script)
        server.answer = answer or (lambda _: todo.pop(0) if len(todo) > 1 else todo[0])
        server.requests, server.lock = [], threading.Lock()
        server.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


def call(tool: str, number: int = 1, **arguments: Any) -> dict[str, Any]:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {"id": f"call-{number}", "type": "function", "function": function}


def calls(*made: dict[str, Any], **message: Any) -> dict[str, Any]:
    return {"content": None, "tool_calls": list(made), "finish_reason": "tool_calls", **message}


ANSWER = {"content": "ANSWER: 42"}


def test_the_messages_of_an_sql_task_are_those_that_any_endpoint_takes(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    server = scripted_server(
        {"content": "<think>look first</think>\nDESCRIBE: herbs"},
        {"content": "QUERY: SELECT 1 FROM herbs LIMIT 1", "reasoning": "so"},
        ANSWER,
    )
    teacher.collect(endpoint(server.address, runs=1, temperature=0.5, max_tokens=99), [sql_task(system="Explore.")], out)
    paths, keys, bodies = zip(*server.requests, strict=True)
    assert set(paths) == {"/v1/chat/completions"}
    assert set(keys) == {f"Bearer {KEY}"}
    assert all((b["model"], b["temperature"], b["max_tokens"], "tools" in b) == ("tiny", 0.5, 99, False) for b in bodies)
    system, user, *later = bodies[2]["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    assert "exactly one action" in system["content"] and system["content"].endswith("\n\nExplore.")
    assert user["content"] == "tables: herbs, Ships, numbers\nquestion: how much?"
    assert later == [
        {"role": "assistant", "content": "DESCRIBE: herbs"},
        {"role": "user", "content": TABLE},
        {"role": "assistant", "content": "QUERY: SELECT 1 FROM herbs LIMIT 1"},
        {"role": "user", "content": "1"},
    ]
    [episode] = written(out)
    assert [step.thought for step in episode.steps] == ["look first", "so", ""]
    assert (episode.system, episode.success) == ("Explore.", True)


def test_the_six_tools_are_declared_and_their_calls_answered_from_the_recording(
    scripted_server: Callable[..., Any], out: Path
) -> None:
    server = scripted_server(
        calls(call("think", 1, thought="ls"), call("bash", 2, command="ls /srv", timeout=60), content="let me look"),
        calls(call("remote_bash", 3, agent_id="web-1", command="ls")),
        calls(call("list_agents", 4), call("remote_bash", 5, agent_id="web-1", command="ls")),
        calls(call("complete", 6, answer="2 files")),
    )
    teacher.collect(endpoint(server.address, runs=1, budget=9), [Task(**{**vars(FILES), "hint": None, "answer": "2 FILES"})], out)
    bodies = [body for _, _, body in server.requests]
    assert all((body["tools"], body["tool_choice"]) == (list(agent_tools()), "auto") for body in bodies)
    assert bodies[3]["messages"][2:] == [
        {"role": "assistant", "content": "let me look", "tool_calls": [call("think", 1, thought="ls"), call("bash", 2, command="ls /srv", timeout=60)]},
        {"role": "tool", "tool_call_id": "call-1", "content": ""},
        {"role": "tool", "tool_call_id": "call-2", "content": "a\nb"},
        {"role": "assistant", "content": "", "tool_calls": [call("remote_bash", 3, agent_id="web-1", command="ls")]},
        {"role": "tool", "tool_call_id": "call-3", "content": "error: call list_agents first"},
        {"role": "assistant", "content": "", "tool_calls": [call("list_agents", 4), call("remote_bash", 5, agent_id="web-1", command="ls")]},
        {"role": "tool", "tool_call_id": "call-4", "content": "web-1"},
        {"role": "tool", "tool_call_id": "call-5", "content": "c"},
    ]  # fmt: skip
    [episode] = written(out)
    assert (episode.outcome, episode.answer, episode.success) == ("answered", "2 files", True)
    assert [len(step.observations) for step in episode.steps] == [2, 1, 2, 0]
    assert [m["role"] for m in derive.sft(episode)["messages"]][-3:] == ["tool", "tool", "assistant"]


def test_no_command_of_a_teacher_is_run(scripted_server: Callable[..., Any], out: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    server = scripted_server(calls(call("bash", command=f"touch {trap}")))
    teacher.collect(endpoint(server.address, runs=1), [Task(id="t", question="q", group="g")], out)
    [episode] = written(out)
    assert episode.outcome == "not_recorded"
    assert episode.steps[0].calls[0].arguments == {"command": f"touch {trap}"}
    assert not trap.exists()


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ({"content": "There are two files."}, "no_call"),
        (calls(call("sudo", command="ls")), "bad_call"),
        (calls(call("bash", cmd="ls")), "bad_call"),
        (calls({"id": "1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "l'}}), "bad_call"),
        (calls({"id": "1", "type": "function", "function": {"name": "bash", "arguments": "[1]"}}), "bad_call"),
        (calls({"id": "1", "type": "function", "function": {}}), "bad_call"),
        (calls(call("bash", command="ls /")), "not_recorded"),
        (calls(call("complete", error="cannot")), "gave_up"),
        (calls(call("complete", answer=" ")), "gave_up"),
        ({"content": "There are tw", "finish_reason": "length"}, "cut_off"),
        (calls(call("think", thought="x")), "out_of_budget"),
    ],
)  # fmt: skip
def test_an_episode_that_ends_otherwise_than_by_an_answer_is_kept_as_a_failure(
    scripted_server: Callable[..., Any], out: Path, message: dict[str, Any], outcome: str
) -> None:
    server = scripted_server(message)
    teacher.collect(endpoint(server.address, runs=1), [Task(**{**vars(FILES), "hint": None})], out)
    [episode] = written(out)
    assert (episode.outcome, episode.answer, episode.success) == (outcome, None, False)
    with pytest.raises(RowError, match="failed_episode"):
        derive.sft(episode)


def test_tool_calls_where_no_tool_was_offered_end_an_sql_task(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    server = scripted_server(calls(call("bash", command="ls")))
    teacher.collect(endpoint(server.address, runs=1), [sql_task()], out)
    [episode] = written(out)
    assert (episode.outcome, json.loads(episode.steps[0].action)) == ("bad_call", [call("bash", command="ls")])


# --- Who is right ---


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        (["42", "42.0", "7"], "42"),
        (["Two files", " two  FILES ", None], "Two files"),
        (['"a"', "`A`", "b"], '"a"'),
        (["1,5", "1.5", None], None),
        (["a", "b"], None),
        (["a", "a", "b", "b"], None),
        (["a", "a", "b", "c"], None),
        (["a", "a", None, None], None),
        (["a", "a", None, "b", "a"], "a"),
        (["a"], None),
        ([None, None], None),
        ([], None),
    ],
)
def test_a_majority_is_more_than_half_of_all_runs_and_never_one_alone(answers: Sequence[str | None], winner: str | None) -> None:
    assert teacher.majority(answers) == winner


def test_the_majority_of_the_runs_without_the_hint_decides(scripted_server: Callable[..., Any], out: Path) -> None:
    said = iter(["2", "two", "2.0", "3"])  # three runs without the hint, one with it
    server = scripted_server(answer=lambda _: calls(call("complete", answer=next(said))))
    account = teacher.collect(endpoint(server.address, runs=3), [FILES], out)
    assert [(e.answer, e.hinted, e.success) for e in written(out)] == [
        ("2", False, True), ("two", False, False), ("2.0", False, True), ("3", True, False),
    ]  # fmt: skip
    assert (account["episodes"], account["success"], account["unverified"]) == (4, 2, 0)
    users = [body["messages"][1]["content"] for _, _, body in server.requests]
    assert [HINT in text for text in users] == [False, False, False, True]
    assert {e.question for e in written(out)} == {FILES.question}


def test_without_a_majority_nobody_is_right_and_nothing_is_derived(scripted_server: Callable[..., Any], out: Path) -> None:
    said = iter(["2", "3", "3"])  # the hinted run has no vote
    server = scripted_server(answer=lambda _: calls(call("complete", answer=next(said))))
    account = teacher.collect(endpoint(server.address), [FILES], out)
    assert [e.success for e in written(out)] == [None] * 3
    assert account["unverified"] == 3
    for episode in written(out):
        with pytest.raises(RowError, match="unverified"):
            derive.sft(episode)


# --- Failures, retries, resuming ---


def test_a_busy_server_is_asked_again(scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path) -> None:
    soon = {"Retry-After-Ms": "1"}
    server = scripted_server((429, soon, b"{}"), (500, soon, b"{}"), (503, soon, b"x"), ANSWER)
    account = teacher.collect(endpoint(server.address, runs=1, max_retries=3), [sql_task()], out)
    assert (len(server.requests), account["finished"], account["success"]) == (4, 1, 1)


COMPLETION = b'{"id": "x", "choices": [{"index": 0, "finish_reason": "stop", "message": '


@pytest.mark.parametrize(
    ("answer", "bucket"),
    [
        ((429, {}, b"{}"), "rate_limited"),
        ((500, {}, b"{}"), "server_error"),
        ((400, {}, b'{"error": {"message": "context_length_exceeded"}}'), "status_400"),
        ((413, {}, b""), "status_413"),
        ((200, {}, b'{"error": {"message": "upstream failed", "code": 502}}'), "bad_response"),
        ((200, {}, b'{"choices": []}'), "bad_response"),
        ((200, {}, b'{"choices": null}'), "bad_response"),
        ((200, {}, b"[]"), "bad_response"),
        ((200, {"Content-Type": "text/html"}, b"<html>busy</html>"), "bad_response"),
        ((200, {}, COMPLETION + b'{"content": ["ANSWER: 42"]}}]}'), "bad_response"),
        ((200, {}, COMPLETION + b'{"content": "ANSWER: \\ud800"}}]}'), "bad_response"),
        ((200, {}, COMPLETION + b'{"content": "", "tool_calls": 5}}]}'), "bad_response"),
        ((200, {}, COMPLETION + b"null}]}"), "bad_response"),
        ({"content": "  "}, "empty_response"),
        ({"content": "<think>hm</think>"}, "empty_response"),
        ({"content": "", "finish_reason": "content_filter"}, "content_filter"),
    ],
)
def test_a_response_without_a_turn_is_counted_and_the_task_is_played_again(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path, answer: Any, bucket: str
) -> None:
    account = teacher.collect(endpoint(scripted_server(answer).address, runs=1), [sql_task()], out)
    assert {key: count for key, count in account.items() if count} == {"tasks": 1, "unfinished": 1, f"failed.{bucket}": 1}
    assert written(out) == []
    assert teacher.collect(endpoint(scripted_server(ANSWER).address, runs=1), [sql_task()], out)["finished"] == 1


def test_a_task_is_written_whole_or_not_at_all(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    server = scripted_server(ANSWER, (503, {}, b""), {"content": "ANSWER: 41"}, {"content": "  "}, ANSWER)
    account = teacher.collect(endpoint(server.address), [sql_task("a"), sql_task("b"), sql_task("c")], out)
    assert {e.task for e in written(out)} == {"b", "c"}  # a: a failure that may pass; b: one that will not
    assert {key: count for key, count in account.items() if count} == {
        "tasks": 3, "finished": 2, "unfinished": 1, "episodes": 2, "repeated": 1, "success": 1,
        "failed.server_error": 1, "failed.empty_response": 1,
    }  # fmt: skip


def test_finished_tasks_are_not_played_again(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    server = scripted_server(ANSWER)
    tasks = [sql_task(name) for name in ("a", "b", "c")]
    teacher.collect(endpoint(server.address), tasks[:2], out)
    before, asked = out.read_bytes(), len(server.requests)
    account = teacher.collect(endpoint(server.address), tasks, out)
    assert (account["skipped"], account["finished"], len(server.requests) - asked) == (2, 1, 2)
    assert out.read_bytes().startswith(before)
    assert [e.task for e in written(out)] == ["a", "b", "c"]


def test_a_line_that_a_killed_call_left_is_cut_off_with_its_task(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    said = iter(["1", "2", "3", "4", "3", "4", "5", "6"])
    server = scripted_server(answer=lambda _: {"content": f"ANSWER: {next(said)}"})
    tasks = [sql_task(name) for name in ("a", "b")]
    teacher.collect(endpoint(server.address), tasks, out)
    whole = out.read_bytes()
    out.write_bytes(whole[:-20])  # the second line of b
    account = teacher.collect(endpoint(server.address), tasks, out)
    assert (account["skipped"], account["finished"]) == (1, 1)
    assert out.read_bytes() == whole
    out.write_bytes(whole[:30])
    assert teacher.collect(endpoint(server.address), [tasks[0]], out)["skipped"] == 0
    assert [e.answer for e in written(out)] == ["5", "6"]


def test_a_file_with_something_else_in_it_is_left_alone(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    out.parent.mkdir()
    out.write_text('{"messages": []}\n')
    with pytest.raises(DataError, match=r"episodes.jsonl:1 is no episode \(missing_task: .*\): mend or remove the line"):
        teacher.collect(endpoint(scripted_server(ANSWER).address), [sql_task()], out)
    assert out.read_text() == '{"messages": []}\n'


def test_tasks_side_by_side_are_written_in_their_order(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    names = [f"t{n}" for n in range(12)]
    account = teacher.collect(endpoint(scripted_server(ANSWER).address, parallel=5), [sql_task(n) for n in names], out)
    assert account["finished"] == 12
    assert [e.task for e in written(out)] == names


def test_an_endpoint_that_answers_nobody_is_left_after_five_tasks(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path
) -> None:
    server = scripted_server((429, {}, b"{}"))
    with pytest.raises(DataError, match=r"answered none of 5 tasks in a row \(rate_limited 5\): check that it runs") as caught:
        teacher.collect(endpoint(server.address), [sql_task(f"t{n}") for n in range(40)], out)
    assert "\n" not in str(caught.value)
    assert len(server.requests) < 40
    with pytest.raises(DataError, match=r"in a row \(no_connection 5\)"):
        teacher.collect(endpoint("http://127.0.0.1:1"), [sql_task(f"t{n}") for n in range(5)], out)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_model_stops_at_once_and_is_not_repeated(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path, status: int
) -> None:
    said = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode()
    with pytest.raises(DataError, match=rf"refuses model 'tiny' with status {status}: check teacher.base_url") as caught:
        teacher.collect(endpoint(scripted_server((status, {}, said)).address), [sql_task(f"t{n}") for n in range(9)], out)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("value", ["", "  "])
def test_a_missing_key_is_one_sentence(
    sql_task: Callable[..., SqlTask], out: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TEACHER_KEY", value)
    with pytest.raises(
        ParamsError, match=r"^environment variable TEACHER_KEY is not set: put the key for .* there and call again\.$"
    ):
        teacher.collect(endpoint("http://127.0.0.1:1"), [sql_task()], out)
    assert Endpoint(base_url="http://127.0.0.1:1", model="m").key_variable == "OPENROUTER_API_KEY"
    assert not out.exists()


def test_the_key_is_in_the_request_and_nowhere_else(
    scripted_server: Callable[..., Any], sql_task: Callable[..., SqlTask], out: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("OPENAI_LOG", "debug")
    server = scripted_server(ANSWER)
    teacher.collect(endpoint(server.address), [sql_task()], out)
    assert [key for _, key, _ in server.requests] == [f"Bearer {KEY}"] * 2
    assert KEY not in json.dumps([body for _, _, body in server.requests])
    said = capfd.readouterr()
    assert KEY not in said.out + said.err
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert out in files
    assert not any(KEY.encode() in file.read_bytes() for file in files)


# --- Tasks ---


def test_only_training_questions_are_played(make_database: Callable[..., Path], tmp_path: Path) -> None:
    make_database()
    asked = [
        {"id": f"q{n}", "question": "how much?", "db_id": "shop", "query": "SELECT price FROM herbs LIMIT 1", "split": split, "group": "g", "system": "S"}
        for n, split in enumerate(["train", "unseen_schemas", "train", "seen_schemas"])
    ]  # fmt: skip
    (tmp_path / "questions.json").write_text(json.dumps(asked))
    tasks = sql_tasks(tmp_path)
    assert [(t.id, t.group, t.split, t.system) for t in tasks] == [("q0", "g", "train", "S"), ("q2", "g", "train", "S")]
    assert tasks[0].question == "tables: herbs, Ships, numbers\nquestion: how much?"
    (tmp_path / "questions.json").write_text(json.dumps(asked[1:2]))
    with pytest.raises(DataError, match="has no question of split 'train': evaluation's are never played"):
        sql_tasks(tmp_path)


def test_recorded_tasks_are_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    raw = {
        "id": "t",
        "question": "q",
        "group": "g",
        "observations": [{"tool": "bash", "arguments": {"command": "ls"}, "observation": "x"}],
    }
    path.write_text(json.dumps(raw) + "\n")
    assert recorded_tasks(path) == [
        Task(id="t", question="q", group="g", observations=(Recorded("bash", {"command": "ls"}, "x"),))
    ]
    for broken, said in (
        ("{", r"tasks.jsonl:1 cannot be read \(bad_json"),
        (json.dumps({**raw, "sql": "SELECT 1"}), "tasks.jsonl:1: sql: unexpected keyword"),
        (json.dumps({**raw, "id": ""}), "tasks.jsonl:1: id: "),
        (json.dumps({**raw, "split": "held_out"}), "tasks.jsonl:1: split: "),
        (json.dumps({**raw, "observations": [{"tool": "bash"}]}), "tasks.jsonl:1: observations.0.arguments: "),
    ):
        path.write_text(broken)
        with pytest.raises(DataError, match=said):
            recorded_tasks(path)


def test_no_task_and_two_of_one_id_are_refused(sql_task: Callable[..., SqlTask], out: Path) -> None:
    with pytest.raises(DataError, match="there is no task to play"):
        teacher.collect(endpoint("http://127.0.0.1:1"), [], out)
    with pytest.raises(DataError, match="2 tasks have the id 't1': give each its own"):
        teacher.collect(endpoint("http://127.0.0.1:1"), [sql_task(), sql_task("t2"), sql_task()], out)


# --- The command ---


def test_the_command_writes_beside_the_card_and_goes_on(
    scripted_server: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    server = scripted_server(answer=lambda _: calls(call("complete", answer="2")))
    card = Path("data/sources/mine/source.yaml")
    card.parent.mkdir(parents=True)
    teacher_ = f"teacher: {{base_url: {server.address}/v1, model: tiny, key_variable: TEACHER_KEY, runs: 2, max_retries: 0}}"
    about = 'id: mine\nrevision: "1"\nlicence: MIT\ndescription: d\npaths: [episodes.jsonl]'
    card.write_text(f"kind: episodes\n{about}\nformats: [sft]\n{teacher_}\n")
    tasks = [{"id": f"t{n}", "question": "how many?", "group": "files", "answer": "2"} for n in range(3)]
    Path("tasks.jsonl").write_text("\n".join(map(json.dumps, tasks)))
    assert cli.main(["teach", "mine", "tasks.jsonl", "-n", "2"]) == 0
    assert "tasks 2, skipped 0, finished 2" in capsys.readouterr().out
    assert cli.main(["teach", "mine", "tasks.jsonl"]) == 0
    assert "tasks 3, skipped 2, finished 1" in capsys.readouterr().out
    assert {e.task for e in written(card.parent / "episodes.jsonl")} == {"t0", "t1", "t2"}
    card.write_text(f"kind: episodes\n{about}\nformats: [sft]\n")
    assert cli.main(["teach", "mine", "tasks.jsonl"]) == 1
    assert "error: source 'mine' has no teacher: give data/sources/mine/source.yaml kind episodes" in capsys.readouterr().err
