import json
import re

import pytest
from typer.testing import CliRunner

from anytime_client.cli import build
from web import web_server

CARD = {
    "id": "anytime-tiny",
    "object": "model",
    "created": 1,
    "owned_by": "anytime",
    "max_model_len": 1024,
    "anytime": {
        "engine": "transformers",
        "thinking_format": {"open": "<think>", "close": "</think>"},
        "default_budget": 2048,
        "max_budget": None,
    },
}
CELLS = ["anytime-tiny", "transformers", "1024", "2048", "what fits", "<think> </think>"]


def models(replies, *arguments):
    with web_server(replies) as port:
        return CliRunner().invoke(build(), ["models", "--base-url", f"http://127.0.0.1:{port}", *arguments])


def test_a_model_is_a_row_with_its_engine_context_and_budgets():
    done = models({"/v1/models": (200, {"object": "list", "data": [CARD]})})
    heading, row = done.stdout.splitlines()
    assert heading.split("  ")[0] == "model"
    assert re.split(" {2,}", row.strip()) == CELLS


def test_what_a_server_does_not_say_stays_empty():
    card = {"id": "gpt", "object": "model", "created": 1, "owned_by": "x", "anytime": {"max_budget": 0}}
    done = models({"/v1/models": (200, {"object": "list", "data": [card]})})
    assert done.stdout.splitlines()[1].split() == ["gpt", "0"]


def test_a_name_and_markers_with_brackets_are_shown_as_they_are_and_no_escape_sequence_is():
    about = {"engine": "vllm\x1b[31m", "thinking_format": {"open": "[THINK]", "close": "[/THINK]"}}
    card = {"id": "org/model[awq]", "object": "model", "created": 1, "owned_by": "x", "anytime": about}
    done = models({"/v1/models": (200, {"object": "list", "data": [card]})})
    row = re.split(" {2,}", done.stdout.splitlines()[1].strip())
    assert row == ["org/model[awq]", "vllm[31m", "[THINK] [/THINK]"]


def test_json_is_the_list_of_cards():
    done = models({"/v1/models": (200, {"object": "list", "data": [CARD]})}, "--json")
    assert json.loads(done.stdout) == [CARD]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            (401, {"error": {"type": "authentication_error", "message": "send an API key"}}),
            "send an API key (--api-key",
        ),
        ((404, {"detail": "no such route"}), "no such route"),
        ((200, {"hello": 1}), "not as an Anytime server"),
    ],
)
def test_a_refusal_is_one_line(reply, words):
    done = models({"/v1/models": reply})
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("anytime models: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
