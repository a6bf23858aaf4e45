import asyncio
import json
import logging
import re
import subprocess
import sys
from contextlib import closing

import pytest

from anytime_client.protocol import Budget, ReasonDocument, Timings, Usage
from anytime_server.api.session_log import SessionLog
from anytime_server.logs import TEXT, JsonFormatter, TextFormatter, fields, in_text, request_id, take_over
from live import read_events

SECRET = "the-question-nobody-should-see"


@pytest.fixture
def lines():
    """Collect what the server logs, as the JSON lines it would write."""

    class Lines(logging.Handler):
        def __init__(self):
            super().__init__()
            self.setFormatter(JsonFormatter())
            self.written = []

        def emit(self, record):
            self.written.append(self.format(record))

        def named(self, message):
            return [line for line in map(json.loads, self.written) if line["message"] == message]

    handler = Lines()
    logger = logging.getLogger("anytime_server")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


async def _logged(lines, message, count):
    """The access log comes after the response, so a client may be ahead of it."""
    async with asyncio.timeout(10):
        while len(lines.named(message)) < count:
            await asyncio.sleep(0.01)
    return lines.named(message)


async def test_a_request_is_one_line_with_its_id_and_without_its_query(served, lines):
    async with served() as (client, _):
        await client.get(f"/reason/rsn_no?x={SECRET}", headers={"X-Request-Id": "mine"})
        (line,) = await _logged(lines, "request", 1)
    assert line.pop("duration_ms") >= 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "anytime_server.api.access_log",
        "message": "request",
        "request_id": "mine",
        "method": "GET",
        "path": "/reason/rsn_no",
        "status": 422,
        "client": "127.0.0.1",
    }
    assert SECRET not in "".join(lines.written)


async def test_a_session_is_one_line_with_what_it_cost_and_nothing_that_was_said(served, lines):
    async with served(thinking="deep; secret; thoughts") as (client, _):
        response = await client.post("/reason?budget=40", json={"prompt": SECRET}, headers={"X-Request-Id": "mine"})
        document = response.json()
        (line,) = await _logged(lines, "session ended", 1)
    assert line["request_id"] == "mine"
    assert (line["session_id"], line["model"], line["status"]) == (document["id"], "fake-model", "completed")
    assert line["stop_reason"] == document["stop_reason"]
    assert {name: line[name] for name in ("budget", "usage", "timings")} == {
        name: document[name] for name in ("budget", "usage", "timings")
    }
    written = "".join(lines.written)
    for text in (SECRET, document["thinking"], document["answer"]["text"], "secret", "There are"):
        assert text not in written


async def test_prompts_are_logged_when_that_is_asked_for(served, lines):
    async with served(app={"log_prompts": True}) as (client, _):
        document = (await client.post("/reason?budget=40", json={"prompt": SECRET})).json()
        (line,) = await _logged(lines, "session ended", 1)
    assert line["messages"] == [{"role": "user", "content": SECRET}]
    assert (line["thinking"], line["answer"]) == (document["thinking"], document["answer"]["text"])


async def test_a_session_that_outlives_its_request_keeps_the_requests_id(served, lines):
    async with served(pause_s=0.005) as (client, _):
        body = {"prompt": "x", "background": True, "budget": 30}
        started = await client.post("/reason", json=body, headers={"X-Request-Id": "starter"})
        async with client.stream("GET", f"/reason/{started.json()['id']}/events") as stream:
            assert [event async for event in read_events(stream)][-1].event == "reason.completed"
        (line,) = await _logged(lines, "session ended", 1)
    assert line["request_id"] == "starter"


async def test_a_failed_session_is_named_as_such(served, lines):
    async with served() as (client, engine):
        engine.dead = True
        assert (await client.post("/reason?budget=4", json={"prompt": "x"})).status_code == 503
        (line,) = await _logged(lines, "session ended", 1)
    assert (line["status"], line["error"]) == ("failed", "engine_error")


async def test_probes_that_succeed_are_quiet(served, lines):
    async with served() as (client, engine):
        for path in ("/healthz", "/readyz", "/metrics", "/health", "/ping", "/version"):
            assert (await client.get(path)).status_code == 200
        engine.dead = True
        assert (await client.get("/readyz")).status_code == 503
        (line,) = await _logged(lines, "request", 1)
    assert (line["path"], line["status"]) == ("/readyz", 503)


@pytest.mark.parametrize("path", ["/", "/playground/icon.svg", "/docs/assets/swagger-ui.css"])
async def test_files_are_not_logged_unless_they_are_missing(served, lines, path):
    async with served() as (client, _):
        assert (await client.get(path)).status_code == 200
        assert (await client.get("/playground/nothing.js")).status_code == 404
        (line,) = await _logged(lines, "request", 1)
    assert line["path"] == "/playground/nothing.js"


async def test_as_text_a_session_is_one_short_line_and_its_requests_are_none(served, caplog):
    caplog.set_level(logging.INFO, "anytime_server")
    async with served() as (client, _):
        document = (await client.post("/reason?budget=40", json={"prompt": SECRET})).json()
        await client.get(f"/reason/{document['id']}")
        await client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
        assert (await client.get("/reason/rsn_no")).status_code == 404
    shown = [record for record in caplog.records if getattr(record, TEXT, record) is not None]
    texts = [TextFormatter().format(record) for record in shown]
    ours, _ = [text for text in texts if "rsn_" in text and " completed (" in text]
    told = rf"{document['id']} completed \(natural\), 24 of 40 thinking tokens, 24 of the answer, \d\.\d s"
    assert re.fullmatch(rf"[\d:.]+ INFO    {told}", ours)
    assert [text.split("path=")[1].split()[0] for text in texts if " request " in text] == ["/reason/rsn_no"]


def ended(**document):
    """Return the text of a session's end."""
    document = ReasonDocument(
        **{
            "id": "rsn_1",
            "model": "m",
            "status": "failed",
            "stop_reason": None,
            "answer": None,
            "thinking": "",
            "checkpoints": (),
            "budget": Budget(requested=1, granted=1, spent=0),
            "usage": Usage(),
            "timings": Timings(),
            **document,
        }
    )
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger(SessionLog.__module__)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    SessionLog().ended(document, document.usage)
    logger.removeHandler(handler)
    logger.setLevel(level)
    return TextFormatter().format(records[0])


def test_a_session_that_failed_is_told_in_full():
    assert "error=engine_error" in ended(error={"type": "engine_error", "message": "it died"})
    assert "rsn_1 cancelled, 0 of 1 thinking tokens" in ended(status="cancelled")


async def test_an_error_nobody_expected_is_a_500_in_the_log_too(served, lines):
    live = served()
    live.app.add_api_route("/boom", lambda: 1 / 0)
    async with live as (client, _):
        response = await client.get("/boom")
        (line,) = await _logged(lines, "request", 1)
    assert (response.status_code, line["status"]) == (500, 500)
    assert line["request_id"] == response.json()["error"]["request_id"]


IDS = {
    "0b4ff9a4-7b6e-4d0c-9d6a-0e5cf2b1a001": True,
    "01ARZ3NDEKTSV4RRFFQ69G5FAV": True,
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": True,
    "req_9f.2": True,
    "x" * 128: True,
    "x" * 129: False,
    "a=b status=200": False,
    "<script>": False,
    'a"b': False,
    "-rf": False,
    "a;b": False,
}


@pytest.mark.parametrize("given", IDS)
async def test_ids_of_clients_are_taken_if_they_are_plain_words(served, given):
    async with served() as (client, _):
        id = (await client.get("/healthz", headers={"X-Request-Id": given})).headers["X-Request-Id"]
        assert (id == given) is IDS[given]
        assert id == given or re.fullmatch("req_[0-9a-f]{16}", id)


def _record(message, *, error=None, **values):
    exc_info = (type(error), error, None) if error else None
    record = logging.LogRecord("anytime_server.x", logging.INFO, __file__, 1, message, (), exc_info)
    record.__dict__.update(fields(**values))
    return record


def test_text_shows_fields_as_words_with_dotted_names():
    record = _record(
        "session ended", status="completed", usage={"thinking": 3, "answer": 0}, error=None, text="two words"
    )
    line = TextFormatter().format(record)
    assert line.endswith('INFO    session ended status=completed usage.thinking=3 usage.answer=0 text="two words"')


@pytest.mark.parametrize("path", ["/a\nINFO forged", "/a status=200", '/a"', "/a\u2028b", "\x1b[31m", ""])
def test_nothing_a_client_sends_makes_a_second_line_or_another_field(path):
    token = request_id.set("r")
    try:
        text = TextFormatter().format(_record("request", path=path, status=404))
        line = JsonFormatter().format(_record("request", path=path, status=404))
    finally:
        request_id.reset(token)
    assert len(text.splitlines()) == 1
    assert text.endswith(f"request request_id=r path={json.dumps(path)} status=404")
    assert len(line.split("\n")) == 1
    assert json.loads(line)["path"] == path


def test_an_id_is_quoted_like_any_other_field():
    token = request_id.set("a=b status=200")
    try:
        assert TextFormatter().format(_record("request")).endswith('request request_id="a=b status=200"')
    finally:
        request_id.reset(token)


def test_the_text_below_a_line_can_be_told_from_a_line():
    line = TextFormatter().format(_record("it failed", error=ValueError("x\n12:00:00.000 INFO    request status=200")))
    first, *below = line.splitlines()
    assert first.endswith("it failed")
    assert all(each.startswith("  ") for each in below)


def test_a_traceback_is_a_field_of_its_json_line():
    line = JsonFormatter().format(_record("failed", error=ValueError("why")))
    assert "ValueError: why" in json.loads(line)["exception"]


def test_text_has_the_traceback_below_its_line():
    lines = TextFormatter().format(_record("failed\nforged", error=ValueError("why"))).splitlines()
    assert lines[0].endswith("failed\\nforged")
    assert lines[-1] == "  ValueError: why"


def test_lines_below_a_text_stand_as_they_are_and_its_message_is_one_line():
    record = _record("ready", model="m")
    record.__dict__.update(in_text("it runs\nforged", below=["  model  m"]))
    first, second = TextFormatter().format(record).splitlines()
    assert first.endswith("INFO    it runs\\nforged")
    assert second == "  model  m"
    assert json.loads(JsonFormatter().format(record))["model"] == "m"


@pytest.mark.parametrize(
    ("level", "shown"), [("info", ["short", "trouble"]), ("debug", ["short", "left out", "trouble"])]
)
def test_what_libraries_tell_their_developers_is_left_out_but_at_debug(level, shown, forks, tmp_path):
    script = tmp_path / "told.py"
    script.write_text(
        "import logging, sys, warnings\n"
        "from anytime_server.logs import NOT_IN_TEXT, LogFormat, configure, in_text\n"
        "from anytime_server.noise import quieten\n"
        f"configure(LogFormat.text, {level!r})\n"
        f"quieten(LogFormat.text, {level!r})\n"
        "logging.getLogger('anytime_server.x').info('long', extra=in_text('short'))\n"
        "logging.getLogger('anytime_server.x').info('left out', extra=NOT_IN_TEXT)\n"
        "logging.getLogger('uvicorn.error').warning('trouble')\n"
        "if len(sys.argv) == 1:\n"
        "    logging.getLogger('uvicorn.error').info('Started server process')\n"
        "    logging.getLogger('uvicorn.error').error('Application startup failed. Exiting.')\n"
        "    warnings.warn('this will change', FutureWarning)\n"
        "    logging.getLogger('ContinuousBatchingLogger').warning('Request r generated a useless token: 7')\n"
    )
    more = ["more"] if level == "debug" else []
    with closing(forks.piped([str(script), *more])) as process:
        written, _ = process.communicate(timeout=60)
    assert process.returncode == 0, written
    assert [line.split(maxsplit=2)[2] for line in written.splitlines()] == shown


def test_a_library_with_a_handler_of_its_own_is_brought_into_line(capsys, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [caplog.handler])
    library = logging.getLogger("a library")
    library.addHandler(logging.StreamHandler())
    library.propagate = False
    take_over("a library")
    library.warning("odd weights")
    assert caplog.messages == ["odd weights"]
    assert capsys.readouterr().err == ""


def test_every_line_is_written_once_and_in_one_format():
    code = (
        "import logging\n"
        "from anytime_server.logs import LogFormat, configure\n"
        "configure(LogFormat.json, 'info')\n"
        "logging.getLogger('anytime_server.api').info('ours')\n"
        "logging.getLogger('anytime_server.api').debug('detail')\n"
        "logging.getLogger('uvicorn.error').info('started')\n"
        "logging.getLogger('somebody.else').info('chatter')\n"
        "logging.getLogger('somebody.else').warning('trouble')\n"
        "import huggingface_hub, transformers\n"
        "logging.getLogger('huggingface_hub.utils').warning('no network')\n"
        "logging.getLogger('transformers.modeling_utils').warning('odd weights')\n"
    )
    written = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in written.stderr.splitlines()]
    assert [line["message"] for line in lines] == ["ours", "started", "trouble", "no network", "odd weights"]
    assert written.stdout == ""
