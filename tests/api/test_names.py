"""The names of the served model, and of the fields in errors."""

import pytest

from anytime_server.engines.choice import name_of
from anytime_server.serving import flatten

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "count"}


def test_a_folder_is_served_under_its_own_name(tmp_path, monkeypatch):
    folder = tmp_path / "models" / "my-model"
    folder.mkdir(parents=True)
    assert name_of(str(folder)) == name_of(f"{folder}/") == "my-model"
    monkeypatch.chdir(tmp_path)
    assert name_of("models/my-model") == name_of("./models/../models/my-model") == "my-model"
    monkeypatch.chdir(folder)
    assert name_of(".") == "my-model"
    assert name_of("Qwen/Qwen3-8B") == "Qwen/Qwen3-8B"
    assert name_of("anytime-tiny") == "anytime-tiny"


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["a", "b"], ("a", "b")),
        (["a,b"], ("a", "b")),
        (["a b"], ("a", "b")),
        (["org/a, b", "a", "b"], ("org/a", "b", "a")),
        ([" "], ()),
        (None, ()),
    ],
)
def test_names_come_one_by_one_or_together(values, names):
    assert flatten(values, also=" ") == names


async def test_every_name_is_accepted_and_listed_and_the_first_is_shown(served):
    async with served(aliases=("gpt-4o", "org/model")) as (client, _):
        for name in ("fake-model", "gpt-4o", "org/model"):
            chat = await client.post(CHAT, json={"model": name, "messages": [USER]})
            assert (chat.status_code, chat.json()["model"]) == (200, "fake-model")
            assert (await client.post("/reason", json={"model": name, "prompt": "count"})).status_code == 200
            assert (await client.get(f"/v1/models/{name}")).json()["id"] == name
        cards = (await client.get("/v1/models")).json()["data"]
        assert [card["id"] for card in cards] == ["fake-model", "gpt-4o", "org/model"]
        assert {card["root"] for card in cards} == {"fake-model"}
        refused = await client.post(CHAT, json={"model": "gpt-9", "messages": [USER]})
        assert refused.status_code == 404
        assert "'gpt-4o'" in refused.json()["error"]["message"]
        assert (await client.get("/v1/models/gpt-9")).status_code == 404


@pytest.mark.parametrize(
    ("route", "body", "param", "told", "untold"),
    [
        ("/v1/responses", {"input": "x", "prompt": "y"}, "prompt", "input", "did you mean"),
        ("/v1/responses", {"input": "x", "closing": "...", "max_output_tokens": 1}, "max_output_tokens",
         "raise max_output_tokens", "max_completion_tokens"),
        ("/v1/responses", {"input": "x", "closing": "...", "max_completion_tokens": 1}, "max_completion_tokens",
         "raise max_completion_tokens", "max_output_tokens"),
        ("/v1/responses", {"input": []}, "input", "input: ", "messages"),
        ("/v1/responses", {"input": [{"role": "robot", "content": "x"}]}, "input.0.role", "be 'user'", "messages"),
        ("/v1/responses", {"input": "y" * 5000}, "input", "shorten it", "messages"),
        ("/v1/responses", {"inptu": "x"}, "input", "did you mean 'input'", "prompt"),
        ("/v1/responses", {"input": "x", "text": {"format": {"type": "json_object"}}, "tools": [
            {"type": "function", "name": "f"}]}, "text.format", "tools", "response_format"),
        (CHAT, {"messages": [USER], "closing": "...", "max_tokens": 1}, "max_tokens", "raise max_tokens",
         "max_completion_tokens"),
        (CHAT, {"messages": [USER], "closing": "...", "max_completion_tokens": 1}, "max_completion_tokens",
         "raise max_completion_tokens", "max_tokens"),
        (CHAT, {"messages": [USER], "prompt": "x"}, "prompt", "unknown field", "did you mean 'prompt'"),
        (CHAT, {"messages": [USER], "thinking_budget": -5}, "thinking_budget", "thinking_budget: ", "budget: budget"),
        ("/reason", {"prompt": "x", "thinking_token_budget": -5}, "thinking_token_budget", "thinking_token_budget: ",
         " budget:"),
        ("/reason", {"prompt": "x", "max_thinking_tokens": "many"}, "max_thinking_tokens", "max_thinking_tokens: ",
         " budget:"),
        ("/reason", {"prompt": "x", "budget": -5}, "budget", "budget: ", "thinking"),
        ("/v1/completions", {"prompt": "x", "max_tokens": 0}, "max_tokens", "max_tokens: ", "completion"),
    ],
)  # fmt: skip
async def test_errors_name_a_field_as_it_was_sent(served, route, body, param, told, untold):
    async with served() as (client, engine):
        response = await client.post(route, json=body)
        error = response.json()["error"]
        assert response.status_code in (400, 422)
        assert error["param"] == param
        assert told in error["message"]
        assert untold not in error["message"]
        assert engine.requests == []


async def test_no_field_is_suggested_in_its_own_place(served):
    routes = {
        "/reason": {"prompt": "x"},
        CHAT: {"messages": [USER]},
        "/v1/responses": {"input": "x"},
        "/v1/completions": {"prompt": "x"},
        "/tokenize": {"prompt": "x"},
        "/detokenize": {"tokens": []},
    }
    names = ["prompt", "messages", "input", "max_tokens", "max_output_tokens", "tokens", "background", "n", "grace_ms"]
    async with served() as (client, _):
        for route, body in routes.items():
            for name in set(names) - set(body):
                error = (await client.post(route, json={**body, name: {"x": 1}})).json().get("error")
                assert error is None or f"did you mean {name!r}" not in error["message"], route
