import asyncio
import re
import signal
from contextlib import asynccontextmanager

import pytest

from terminal import CTRL_C

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
COLOR = re.compile(r"\x1b\[(\d+;)*3[0-8]")


async def test_a_terminal_shows_thinking_answers_and_budget_and_keeps_the_result(slow_cli):
    async with slow_cli.terminal("ask", "x", "-b", "9000", "--checkpoints", "20,40") as screen:
        await screen.until("hm; hm; ")
        await screen.until("40  10 ")
        await screen.until("/9000 tokens")
        await screen.until("Ctrl-C: answer now")
        screen.press(CTRL_C)
        assert await screen.ended() == 0
    kept = screen.text.rpartition("answering now; Ctrl-C again cancels")[2]
    rows = [line.split()[:3] for line in kept.splitlines() if "90%" in line]
    assert rows == [["20", "5", "90%"], ["40", "10", "90%"]]
    assert "It is 16." in kept
    assert "thinking tokens, stopped on demand" in kept
    assert "hm; hm; " not in kept


async def test_without_thinking_only_the_answers_are_drawn(cli):
    async with cli.terminal("ask", "x", "-b", "70", "--no-thinking") as screen:
        assert await screen.ended() == 0
    assert "then;" not in screen.text
    assert "It is 16." in screen.text


async def test_ctrl_c_once_answers_now(slow_cli):
    async with slow_cli.terminal("ask", "x", "-b", "9000", "--checkpoints", "8") as screen:
        await screen.until("90%")
        screen.press(CTRL_C)
        await screen.until("answering now; Ctrl-C again cancels")
        assert await screen.ended() == 0
    assert "stopped on demand" in screen.text
    assert "It is 16." in screen.text


async def test_ctrl_c_twice_cancels_and_tells_the_best_answer(slow_cli):
    async with slow_cli.terminal("ask", "x", "-b", "9000", "--checkpoints", "8") as screen:
        await screen.until("90%")
        slow_cli.engine.gate.clear()
        screen.press(CTRL_C)
        await screen.until("answering now")
        screen.press(CTRL_C)
        assert await screen.ended() == 130
    assert "anytime ask: cancelled; the best answer by then, at 8 tokens: 2 (90%)" in screen.text
    assert "Traceback" not in screen.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_command_that_is_told_to_end_cancels_its_session_and_shows_the_cursor(slow_cli, number):
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the tests run where this signal is ignored, as under nohup")
    async with slow_cli.terminal("ask", "x", "-b", "9000") as screen:
        await screen.until("hm; ")
        screen.process.send_signal(number)
        assert await screen.ended() == 128 + number
    assert screen.raw.rindex(SHOW_CURSOR) > screen.raw.rindex(HIDE_CURSOR)
    assert "Traceback" not in screen.text
    async with asyncio.timeout(10):
        while slow_cli.engine.active:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def silent_server():
    """URL of a server that begins a session and from then on answers nothing."""
    event = (
        '{"type": "reason.created", "sequence_number": 1, "id": "rsn_1", "model": "m", "checkpoints": [],'
        ' "budget": {"requested": 9, "granted": 9, "spent": 0}}'
    )
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    async def answer(reader, writer):
        if (await reader.readline()).startswith(b"POST /reason "):
            writer.write(f"{head}id: 1\nevent: reason.created\ndata: {event}\n\n".encode())
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_that_does_not_even_cancel_is_left(cli):
    async with silent_server() as url, cli.terminal("ask", "x", "--base-url", url) as screen:
        await screen.until("0/9 tokens")
        screen.press(CTRL_C)
        await screen.until("answering now")
        screen.press(CTRL_C)
        await screen.until("cancelling")
        screen.press(CTRL_C)
        assert await screen.ended() == 130
    assert screen.text.endswith("anytime ask: cancelled\n")


async def test_the_terminal_is_left_with_its_cursor(slow_cli):
    async with slow_cli.terminal("ask", "x", "-b", "9000") as screen:
        await screen.until("tokens")
        screen.press(CTRL_C)
        await screen.ended()
    assert screen.raw.rindex("\x1b[?25h") > screen.raw.rindex("\x1b[?25l")


async def test_no_color_means_no_color(cli):
    async with cli.terminal("ask", "x", "-b", "70", NO_COLOR="1") as screen:
        await screen.ended()
    assert not COLOR.search(screen.raw)
    async with cli.terminal("ask", "x", "-b", "70") as screen:
        await screen.ended()
    assert COLOR.search(screen.raw)


async def test_a_dumb_terminal_gets_plain_lines(cli):
    async with cli.terminal("ask", "x", "-b", "70", "--checkpoints", "25", TERM="dumb") as screen:
        assert await screen.ended() == 0
    assert screen.raw == screen.text.replace("\n", "\r\n")
    assert "[at 25: 5 (90%, " in screen.text
    assert screen.text.splitlines()[-1] == "It is 16."


async def test_a_question_is_asked_for_on_a_terminal(cli):
    async with cli.terminal("ask") as screen:
        assert await screen.ended() == 2
    assert "QUESTION" in screen.text
