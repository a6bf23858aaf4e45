"""The other commands as they are installed, against the embedded model."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from terminal import CTRL_C, terminal

ANYTIME = str(Path(sys.executable).with_name("anytime"))
QUESTION = "smallest of 66+8, 7*6, 90-21, 33+44, 81-50"


def anytime(*arguments, stdin=None, **environment):
    environment = {**os.environ, "ANYTIME_API_KEYS": "", **environment}
    return subprocess.run(
        [ANYTIME, *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False, env=environment
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
async def screens():
    """The terminals in which the embedded model was served, the newest one last."""
    async with AsyncExitStack() as stack:
        yield stack, []


@pytest.fixture
async def serving_screen(screens):
    """A terminal in which the embedded model is served: the newest one, unless a test has ended that."""
    stack, opened = screens
    if not opened or opened[-1].process.returncode is not None:
        environment = {**os.environ, "ANYTIME_API_KEYS": ""}
        served = terminal(ANYTIME, "serve", "--port", str(free_port()), environment=environment, width=200)
        opened.append(await stack.enter_async_context(served))
        await opened[-1].until("running on", patience_s=200)
    return opened[-1]


@pytest.fixture
def server(serving_screen):
    """URL of the embedded model, served."""
    return re.search(r"http://127\.0\.0\.1:\d+", serving_screen.text)[0]


def test_what_libraries_say_while_they_are_imported_and_load_a_model_is_left_out(serving_screen):
    started = serving_screen.text.partition("\n\n")[0]
    assert [line.split(maxsplit=3)[1:3] for line in started.splitlines()] == [["INFO", "loading"], ["INFO", "running"]]


def test_the_answer_of_the_embedded_model_comes_through_a_pipe(server):
    done = anytime("ask", "-", "--budget", "120", "--temperature", "0", stdin=QUESTION, ANYTIME_BASE_URL=server)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().rpartition("\n")[2] == "Answer: 31"


def test_an_answer_within_seconds(server):
    done = anytime("ask", QUESTION, "--within", "20", "--temperature", "0", "--json", "--base-url", server)
    document = json.loads(done.stdout)
    assert (done.returncode, document["status"], document["answer"]["value"]) == (0, "completed", "31")


async def test_a_terminal_shows_the_answer_sharpen(server):
    environment = {**os.environ, "ANYTIME_BASE_URL": server, "TERM": "xterm-256color"}
    command = (ANYTIME, "ask", QUESTION, "-b", "120", "--checkpoints", "every:15", "--temperature", "0")
    async with terminal(*command, environment=environment) as screen:
        assert await screen.ended() == 0
    kept = screen.text.rpartition("Ctrl-C: answer now")[2]
    rows = [line.split() for line in kept.splitlines() if line.split()[:1] in (["15"], ["30"], ["45"])]
    assert [int(row[0]) for row in rows] == [15, 30, 45]
    assert "Answer: 31" in kept
    assert "done by itself" in kept


def test_a_second_server_on_the_port_is_refused_and_the_doctor_knows_whose_it_is(server):
    port = server.rpartition(":")[2]
    refused = anytime("serve", "--port", port)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"anytime serve: port {port} is taken")
    found = anytime("doctor", "--no-load", "--json", "--port", port, "--base-url", server)
    findings = {finding["check"]: finding for finding in json.loads(found.stdout)["findings"]}
    assert found.returncode == 0
    assert findings["port"]["status"] == "warning"
    assert "taken by an Anytime server" in findings["port"]["text"]
    assert findings["server"]["text"] == f"{server} serves anytime-tiny with transformers"


async def test_ctrl_c_ends_a_running_server_quietly(serving_screen):
    serving_screen.press(CTRL_C)
    assert await serving_screen.ended() == 130
    assert "Traceback" not in serving_screen.text
    assert "leaked" not in serving_screen.text, "what a library says of the interpreter's end is for nobody"


def doctor(forks, *arguments):
    """Run it with its imports behind it; return how it ended, and all that it wrote."""
    process = forks.piped(["doctor", "--port", "0", *arguments], {**os.environ, "ANYTIME_API_KEYS": ""})
    try:
        written, _ = process.communicate(timeout=120)
        return process.wait(), written
    finally:
        process.close()


def test_the_doctor_loads_the_embedded_model_and_its_json_is_alone_on_the_output(forks):
    code, written = doctor(forks, "--json")
    load = json.loads(written)["findings"][-1]
    assert (code, load["check"], load["status"]) == (0, "load", "ok")
    assert (load["details"]["open"], load["details"]["close"]) == ("<think>", "</think>")


def test_the_doctor_tells_a_model_that_does_not_load(forks, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    code, written = doctor(forks, "--model", str(tmp_path))
    assert code == 1
    assert "fail    load      can't load" in written
    assert "Traceback" not in written


async def test_ctrl_c_ends_a_server_that_is_still_loading():
    environment = {**os.environ, "ANYTIME_API_KEYS": ""}
    async with terminal(ANYTIME, "serve", "--port", str(free_port()), environment=environment, width=200) as screen:
        await screen.until("loading anytime-tiny")
        screen.press(CTRL_C)
        assert await screen.ended() == 128 + signal.SIGINT
    assert "stopped while the model was loading" in screen.text
    assert "Traceback" not in screen.text


def test_bash_completes_with_the_script_that_the_command_shows():
    script = (
        f'PATH="{Path(ANYTIME).parent}:$PATH"; eval "$(anytime --show-completion bash)"; '
        "COMP_WORDS=(anytime ask --che); COMP_CWORD=2; _anytime_completion anytime; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["--checkpoints"]
