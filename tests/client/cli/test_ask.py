import asyncio
import json
import re
import signal
import socket
from contextlib import asynccontextmanager

import pytest

from client.cli.conftest import cli_with
from fakes import FakeEngine, scripted
from terminal import CTRL_C


async def test_in_a_pipe_only_the_answer_is_printed(spawned_cli):
    done = await spawned_cli.run("ask", "how many?", "--budget", "60")
    assert (done.code, done.out, done.err) == (0, "It is 16.\n", "")


@pytest.mark.parametrize("arguments", [[], ["-"]])
async def test_the_question_comes_through_a_pipe(cli, arguments):
    done = await cli.run("ask", *arguments, "--json", given="\ufeffhow many\nwörds?\n".encode())
    assert done.code == 0
    prompt = cli.engine.tokenizer.decode(cli.engine.requests[0].prompt_ids)
    assert prompt.startswith("user: how many\nwörds?\n")


async def test_an_argument_wins_over_the_pipe(cli):
    done = await cli.run("ask", "from here", given=b"from there")
    assert done.code == 0
    assert "from here" in cli.engine.tokenizer.decode(cli.engine.requests[0].prompt_ids)


async def test_an_answer_beyond_the_encoding_is_printed_as_far_as_it_goes():
    async with cli_with(FakeEngine(scripted("hm", "42 \u2713 \x1b[1m"))) as cli:
        assert (await cli.run("ask", "x", PYTHONIOENCODING="ascii")).out == "42 ? \x1b[1m\n"


@pytest.mark.parametrize(
    ("stdin", "complaint"), [(b" \n", "it is empty"), (b"\xef\xbb\xbf\r\n", "it is empty"), (b"\xff\xfe", "not UTF-8")]
)
async def test_a_question_that_is_none_is_wrong_use(cli, stdin, complaint):
    done = await cli.run("ask", given=stdin)
    assert done.code == 2
    assert complaint in done.err
    assert not cli.engine.requests


async def test_options_reach_the_server_as_fields(cli):
    arguments = ["--checkpoints", "10,20", "--samples", "3", "--temperature", "0.5", "--seed", "7", "--short"]
    done = await cli.run("ask", "x", "-b", "30", *arguments, "--system", "be brief", "--json")
    document = json.loads(done.out)
    assert document["budget"] == {"requested": 30, "granted": 30, "spent": 30, "limited_by": None}
    assert [(answer["at"], answer["samples"]) for answer in document["checkpoints"]] == [(10, 3), (20, 3)]
    assert document["answer"]["text"] == "6"
    trunk = cli.engine.requests[0]
    assert (trunk.sampling.temperature, trunk.sampling.seed) == (0.5, 7)
    assert cli.engine.tokenizer.decode(trunk.prompt_ids).startswith("system: be brief\nuser: x\n")


async def test_a_settled_answer_stops_the_thinking(slow_cli):
    rules = ["--checkpoints", "4,5,6", "--stop-when", "stable:3"]
    done = await slow_cli.run("ask", "x", "-b", "5000", *rules, "--json")
    assert json.loads(done.out)["stop_reason"] == "stable"


async def test_json_is_the_document_and_events_are_lines(cli):
    document = json.loads((await cli.run("ask", "x", "-b", "20", "--checkpoints", "none", "--json")).out)
    assert (document["status"], document["answer"]["text"]) == ("completed", "It is 16.")
    lines = (await cli.run("ask", "x", "-b", "20", "--events")).out.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["sequence_number"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("reason.created", "reason.completed")


async def test_json_and_events_exclude_each_other(cli):
    done = await cli.run("ask", "x", "--json", "--events")
    assert done.code == 2
    assert "either --json or --events" in done.err


async def test_verbose_tells_the_progress_beside_the_answer(cli):
    done = await cli.run("ask", "x", "-v", "-b", "60", "--checkpoints", "25")
    assert done.out == "It is 16.\n"
    assert "[fake-model thinks, within 60 tokens (rsn_" in done.err
    assert "[at 25: 5 (90%, " in done.err
    assert "so; then; " in done.err
    assert done.err.splitlines()[-1].startswith("[60 of 60 thinking tokens, the budget is spent · ")
    quiet = await cli.run("ask", "x", "-v", "-b", "60", "--no-thinking")
    assert "so; then; " not in quiet.err


async def test_a_refused_field_is_named_in_one_line(cli):
    done = await cli.run("ask", "x", "--samples", "3", "--temperature", "0")
    assert done.code == 2
    assert done.err.startswith("anytime ask: interim.temperature: ")
    assert len(done.err.splitlines()) == 1
    named_by_the_server = await cli.run("ask", "x", "--budget", "99999999999")
    assert named_by_the_server.err.startswith("anytime ask: budget: Input should be ")


def closed_url():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


@asynccontextmanager
async def hanging_up():
    """Give the URL of something that takes every connection and drops it."""
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_that_is_not_there_is_told_in_one_line(cli):
    url = closed_url()
    done = await cli.run("ask", "x", "--base-url", url)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"anytime ask: can't connect to the server at {url}")
    assert "say where it is (--base-url, ANYTIME_BASE_URL)" in done.err
    assert "start one with `anytime serve`" in done.err
    assert len(done.err.splitlines()) == 1


async def test_the_server_s_heartbeat_is_the_least_time_out(cli):
    done = await cli.run("ask", "x", "--timeout", "44")
    assert (done.code, "--timeout" in done.err, "45" in done.err) == (2, True, True)
    done = await cli.run("ask", "x", "--timeout", "90", "--base-url", closed_url())
    assert (done.code, "can't connect" in done.err) == (1, True)


async def test_a_server_that_is_not_there_in_time_is_told_as_that(cli):
    async with hanging_up() as url:
        done = await cli.run("ask", "x", "--base-url", url, "--within", "1")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"anytime ask: no answer within 1 s: the connection to the server at {url} broke")


async def test_that_a_server_is_tried_again_is_told(cli):
    async with hanging_up() as url:
        process = await cli.start("ask", "x", "-v", "--base-url", url)
        assert (await process.stderr.readline()).startswith(b"[no answer from the server; trying again in 0.")
        process.kill()
        await process.communicate()
        async with cli.terminal("ask", "x", "--base-url", url) as screen:
            await screen.until("no answer from the server; trying again in 0.")
            screen.press(CTRL_C)
            assert await screen.ended() == 130
    assert screen.text.endswith("anytime ask: cancelled\n")


async def test_a_url_that_is_none_is_wrong_use(cli):
    done = await cli.run("ask", "x", ANYTIME_BASE_URL="localhost")
    assert done.code == 2
    assert "ANYTIME_BASE_URL" in done.err
    assert len(done.err.splitlines()) == 1


async def test_an_engine_that_fails_ends_with_the_best_answer_in_the_line(cli):
    cli.engine.gate.clear()
    process = await cli.start("ask", "x", "--events", "--checkpoints", "1")
    await process.stdout.readline()
    cli.engine.dead = True
    cli.engine.gate.set()
    out, err = await process.communicate()
    assert process.returncode == 1
    assert json.loads(out.splitlines()[-1])["type"] == "reason.failed"
    assert err.decode().startswith("anytime ask: the session failed: ")
    assert len(err.splitlines()) == 1


async def test_a_reader_that_leaves_the_pipe_cancels_the_session(slow_cli):
    process = await slow_cli.start("ask", "x", "-b", "5000", "--events")
    await process.stdout.readline()
    process.stdout._transport.close()
    async with asyncio.timeout(60):
        await process.wait()
        while slow_cli.engine.active:
            await asyncio.sleep(0.01)
    assert process.returncode == 1
    assert b"Traceback" not in await process.stderr.read()


async def test_an_interrupt_in_a_pipe_makes_it_answer(slow_cli):
    process = await slow_cli.start("ask", "x", "-b", "5000", "--checkpoints", "none", "-v")
    await process.stderr.readline()
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert (process.returncode, out) == (0, b"It is 16.\n")
    assert b"answering now" in err
    assert b"stopped on demand" in err


async def test_a_quiet_pipe_tells_what_an_interrupt_does(slow_cli):
    process = await slow_cli.start("ask", "x", "-b", "5000", "--events")
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert err == b"anytime ask: answering now; Ctrl-C again cancels\n"


async def test_two_interrupts_cancel(slow_cli):
    process = await slow_cli.start("ask", "x", "-b", "5000", "--checkpoints", "8", "-v", "--json")
    while b"[at 8:" not in await process.stderr.readline():
        pass
    slow_cli.engine.gate.clear()
    process.send_signal(signal.SIGINT)
    while b"answering now" not in await process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 130
    assert json.loads(out)["status"] == "cancelled"
    assert b"anytime ask: cancelled; the best answer by then, at 8 tokens: 2 (90%)" in err
    async with asyncio.timeout(60):
        while slow_cli.engine.active:
            await asyncio.sleep(0.01)


async def test_within_a_time_a_short_answer_comes_of_as_much_thinking_as_fits(cli):
    done = await cli.run("ask", "x", "--within", "50", "--json")
    document = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (document["status"], document["answer"]["text"]) == ("completed", "16")
    assert [answer["at"] for answer in document["checkpoints"]] == [16, 32, 64]


async def test_when_the_time_is_over_the_latest_interim_answer_is_the_answer(slow_cli):
    process = await slow_cli.start("ask", "x", "--within", "3", "-v")
    told = b""
    while b"[at 16:" not in told:
        told += await process.stderr.readline()
    slow_cli.engine.gate.clear()
    out, err = await process.communicate()
    latest = re.findall(rb"\[at \d+: (\d+) ", told + err)[-1]
    assert (process.returncode, out.strip()) == (0, latest)
    slow_cli.engine.gate.set()


async def test_no_answer_in_time_is_told(slow_cli):
    slow_cli.engine.gate.clear()
    done = await slow_cli.run("ask", "x", "--within", "1")
    assert (done.code, done.out) == (1, "")
    assert done.err == "anytime ask: no answer within 1 s; give it more time, or an earlier checkpoint\n"
    slow_cli.engine.gate.set()
