"""`anytime serve` in a process of its own, on the embedded model; test_commands starts it as it is installed."""

import signal

from processes import forked, wait_until_ready


def test_the_embedded_model_answers_and_sigterm_lets_a_stream_finish(forks):
    with forked(forks) as (process, client):
        wait_until_ready(process, client)
        answer = client.post("/reason?budget=60", json={"prompt": "largest of 37+48, 9*8, 91-16"}).json()
        assert (answer["status"], answer["model"]) == ("completed", "anytime-tiny")
        assert client.get("/openapi.json").json()["info"]["title"] == "Anytime"
        body = {"prompt": "12+7+25+9+31+8+14", "budget": 200, "min_budget": 200, "stream": True}
        with client.stream("POST", "/reason", json=body) as response:
            lines = response.iter_lines()
            assert next(lines) == "id: 1"
            process.send_signal(signal.SIGTERM)
            seen = "\n".join(lines)
        assert "event: reason.completed" in seen
        # uvicorn raises the signal again once everything is down, for whoever asked.
        assert process.wait(timeout=30) in (0, -signal.SIGTERM)


def test_a_stream_that_outlasts_the_drain_is_cancelled_and_ends_with_its_event(forks):
    with forked(forks, "--drain", "1") as (process, client):
        wait_until_ready(process, client)
        body = {"prompt": "12+7+25+9", "budget": 700, "min_budget": 700, "checkpoints": [], "stream": True}
        with client.stream("POST", "/reason", json=body) as response:
            lines = response.iter_lines()
            assert next(lines) == "id: 1"
            process.send_signal(signal.SIGTERM)
            seen = "\n".join(lines)
        assert "event: reason.cancelled" in seen or "event: reason.completed" in seen
        output = process.communicate(timeout=30)[0]
        assert "Traceback" not in output


def test_a_model_that_cannot_be_loaded_ends_with_one_clear_line(forks, tmp_path):
    with forked(forks, "--model", str(tmp_path)) as (process, _):
        output = process.communicate(timeout=120)[0]
    assert process.returncode != 0
    assert "can't load" in output
    assert "Traceback" not in output
