import json

import pytest

JSON = {"content-type": "application/json"}
WRONG = [
    ({}, "prompt", "either prompt or messages"),
    ({"prompt": ""}, "prompt", "empty"),
    ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "prompt", "not both"),
    ({"messages": []}, "messages", "empty"),
    ({"messages": [{"role": "assistant", "content": "b"}]}, "messages.0", "user"),
    ({"messages": [{"role": "robot", "content": "b"}]}, "messages.0.role", "Input should be"),
    ({"prompt": "x", "budget": -1}, "budget", "greater than or equal to 0"),
    ({"prompt": "x", "budget": "12"}, "budget", "integer"),
    ({"prompt": "x", "budget": True}, "budget", "integer"),
    ({"prompt": "x", "budget": 5, "thinking_budget": 6}, "budget", "differ"),
    ({"prompt": "x", "budget": 10, "checkpoints": [5, 20]}, "checkpoints", "beyond the budget"),
    ({"prompt": "x", "budget": 10, "checkpoints": [5, 2]}, "checkpoints", "ascend"),
    ({"prompt": "x", "checkpoints": [-1]}, "checkpoints.0", "greater than or equal"),
    ({"prompt": "x", "checkpoints": {"every": 5, "count": 2}}, "checkpoints", "exactly one"),
    ({"prompt": "x", "checkpoints": {"evry": 5}}, "checkpoints.evry", "did you mean 'every'"),
    ({"prompt": "x", "checkpoints": {"zzz": 5}}, "checkpoints.zzz", "unknown field; remove it"),
    ({"prompt": "x", "interim": {"sample": 5}}, "interim.sample", "did you mean 'samples'"),
    ({"prompt": "x", "stop_when": {"confidance": 0.9}}, "stop_when.confidance", "did you mean 'confidence'"),
    (
        {"messages": [{"rol": "user", "content": "x"}]},
        "messages.0.role",
        "messages.0.rol: unknown field; did you mean 'role'",
    ),
    ({"messages": [{"role": "user", "contnt": "x"}]}, "messages.0.contnt", "did you mean 'content'"),
    ({"messages": [{"role": "user", "content": [{"txt": "x"}]}]}, "messages.0.content.0.text", "did you mean 'text'"),
    ({"prompt": "x", "tools": [{"function": {"nme": "f"}}]}, "tools.0.function.name", "did you mean 'name'"),
    ({"prompt": "x", "structured_outputs": {"jsn": {}}}, "structured_outputs.jsn", "did you mean 'json'"),
    ({"prompt": "x", "checkpoints": "all"}, "checkpoints", "list"),
    ({"prompt": "x", "bugdet": 3}, "bugdet", "did you mean 'budget'"),
    ({"prompt": "x", "body": 1}, "body", "unknown field; remove it"),
    ({"prompt": "x", "a[b": 1}, "a[b", "unknown field; remove it"),
    ({"messages": [{"role": "user", "content": "x", "list": 1}]}, "messages.0.list", "unknown field; remove it"),
    ({"prompt": "x", "interim": {"samples": 0}}, "interim.samples", "greater than or equal"),
    ({"prompt": "x", "interim": {"samples": 3}}, "interim.temperature", "above 0"),
    ({"prompt": "x", "stop_when": {}}, "stop_when", "stable"),
    ({"prompt": "x", "stop_when": {"consensus": 0.75}}, "stop_when.consensus", "trunks: 2"),
    ({"prompt": "x", "prune": True}, "prune", "trunks: 2"),
    ({"prompt": "x", "first": 2}, "first", "trunks: 2"),
    ({"prompt": "x", "trunks": 3, "first": 4}, "first", "raise trunks"),
    ({"prompt": "x", "trunks": 65}, "trunks", "64"),
    ({"prompt": "x", "trunks": 2, "budget": 9, "temperature": 0}, "trunks", "temperature"),
    ({"prompt": "x", "trunks": 20, "budget": 9, "temperature": 1}, "trunks", "lower trunks"),
    ({"prompt": "x", "stop_when": {"loop": False}}, "stop_when.loop", "True"),
    ({"prompt": "x", "stop_when": {"match": "a" * 257}}, "stop_when.match", "at most 256"),
    ({"prompt": "x", "stop_when": {"match": "(a"}}, "stop_when.match", "missing )"),
    ({"prompt": "x", "stop_when": {"match": "(a{40}b){40}c"}}, "stop_when.match", "repetition size"),
    ({"prompt": "x", "stop_when": {"match": "a*"}}, "stop_when.match", "where nothing is written"),
    ({"prompt": "x", "stop_when": "match:(a"}, "stop_when.match", "missing )"),
    ({"prompt": "x", "temperature": 9}, "temperature", "less than or equal"),
    ({"prompt": "x", "top_p": 0}, "top_p", "greater than 0"),
    ({"prompt": "x", "model": "gpt-9"}, "model", "serves"),
    ({"prompt": "x", "temperature": 1e-40}, "temperature", "greedy"),
    ({"prompt": "x", "interim": {"temperature": 1e-3}}, "interim.temperature", "greedy"),
    ({"prompt": "x", "checkpoints": {"geometric": 1.0000001}}, "checkpoints.geometric", "greater than or equal"),
    ({"prompt": "x", "checkpoints": {"geometric": 1e308}}, "checkpoints.geometric", "less than or equal"),
    ({"prompt": "x", "checkpoints": {"every": 1}, "budget": 2000}, "checkpoints", "space them out"),
    ({"prompt": "x", "checkpoints": list(range(300)), "budget": 400}, "checkpoints", "at most 256"),
    ({"prompt": "x", "stop": ""}, "stop", "at least 1"),
    ({"prompt": "x", "cue": "\ud800"}, "cue", "surrogate"),
    ({"prompt": "\ud800"}, "prompt", "surrogate"),
    ({"prompt": "x" * 5000}, "prompt", "shorten"),
    ({"prompt": "x", "max_answer_tokens": 5000}, "max_answer_tokens", "lower"),
    ({"prompt": "x", "budget": 5, "min_budget": 9}, "min_budget", "lower"),
    ([1, 2], None, "must be a JSON object"),
]


@pytest.mark.parametrize(("body", "param", "message"), WRONG, ids=[str(case[0])[:50] for case in WRONG])
async def test_each_error_names_its_field_and_the_remedy(served, body, param, message):
    async with served() as (client, engine):
        # httpx refuses what is no text, so the body is made here, as other clients would.
        response = await client.post("/reason", content=json.dumps(body), headers=JSON)
        error = response.json()["error"]
        assert response.status_code == 422
        assert error["type"] == "invalid_request_error"
        assert error["param"] == param
        assert message in error["message"]
        assert error["request_id"] == response.headers["x-request-id"]
        assert engine.requests == []


async def test_broken_bodies_leave_the_server_unharmed(served):
    async with served(app={"max_body_bytes": 2**20}) as (client, engine):
        broken = await client.post("/reason", content=b'{"prompt": ', headers=JSON)
        assert (broken.status_code, "not valid JSON" in broken.json()["error"]["message"]) == (422, True)
        binary = await client.post("/reason", content=b"\xff\xfe\x00", headers=JSON)
        assert binary.status_code == 422
        form = await client.post("/reason", data={"prompt": "x"})
        assert (form.status_code, "application/json" in form.json()["error"]["message"]) == (415, True)
        empty = await client.post("/reason", headers=JSON)
        assert (empty.status_code, "has no body" in empty.json()["error"]["message"]) == (422, True)
        assert (await client.post("/reason?budget=4", json={"prompt": "x"})).status_code == 200
        assert len(engine.requests) > 0


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_of_ten_megabytes_is_refused(served, declared):
    async def pieces():
        for _ in range(100):
            yield b"a" * 100_000

    async with served() as (client, engine):
        content = b"a" * 10_000_000 if declared else pieces()
        response = await client.post("/reason", content=content, headers=JSON)
        assert (response.status_code, response.json()["error"]["type"]) == (413, "payload_too_large_error")
        assert engine.requests == []


@pytest.mark.parametrize(
    ("query", "param"),
    [("budget=-1", "budget"), ("budget=x", "budget"), ("nope=1", "nope"), ("budget=1&thinking_budget=2", "budget")],
)
async def test_a_wrong_query_is_refused(served, query, param):
    async with served() as (client, _):
        response = await client.post(f"/reason?{query}", json={"prompt": "x"})
        assert (response.status_code, response.json()["error"]["param"]) == (422, param)


@pytest.mark.parametrize(
    ("path", "param"),
    [("events?starting_afer=5", "starting_afer"), ("events?starting_after=1&starting_after=2", "starting_after")],
)
async def test_an_unknown_or_repeated_query_parameter_is_refused_everywhere(served, path, param):
    async with served() as (client, _):
        id = (await client.post("/reason?budget=4", json={"prompt": "x"})).json()["id"]
        response = await client.get(f"/reason/{id}/{path}")
        assert (response.status_code, response.json()["error"]["param"]) == (422, param)


async def test_a_conversation_that_the_template_refuses_is_a_422(served):
    from anytime_server.controller import TemplateError

    async with served() as (client, engine):

        def refuse(messages, tools):
            raise TemplateError("roles must alternate")

        engine.tokenizer.render_chat = refuse
        response = await client.post("/reason", json={"prompt": "x"})
        assert (response.status_code, response.json()["error"]["param"]) == (422, "prompt")


async def test_query_and_body_must_not_differ(served):
    async with served() as (client, _):
        response = await client.post("/reason?budget=4", json={"prompt": "x", "budget": 5})
        assert (response.status_code, response.json()["error"]["param"]) == (422, "budget")


async def test_what_does_not_exist_is_404_in_the_same_shape(served):
    async with served() as (client, _):
        for method, path in [
            ("GET", "/reason/rsn_nope"),
            ("GET", "/reason/rsn_nope/events"),
            ("DELETE", "/reason/rsn_nope"),
            ("POST", "/reason/rsn_nope/answer_now"),
            ("POST", "/reason/rsn_nope/extend?budget=1"),
            ("GET", "/nowhere"),
        ]:
            response = await client.request(method, path)
            assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error"), path


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/reason/", "did you mean /reason?"),
        ("/reason/rsn_1/events/", "did you mean /reason/rsn_1/events?"),
        ("/v1/chat/completions/", "did you mean /v1/chat/completions?"),
        ("/reasons/", "no route POST /reasons/; see /docs"),
    ],
)
async def test_a_slash_too_many_is_told_and_not_redirected_past_a_proxy(served, path, told):
    async with served() as (client, _):
        response = await client.post(path, json={"prompt": "x"}, headers={"X-Forwarded-Prefix": "/llm"})
        assert response.status_code == 404
        assert told in response.json()["error"]["message"]


@pytest.mark.parametrize(("path", "location"), [("/playground", "./"), ("/playground/", "../")])
async def test_the_playground_s_name_leads_to_the_page_wherever_that_is(served, path, location):
    async with served() as (client, _):
        response = await client.get(path)
        assert (response.status_code, response.headers["location"]) == (307, location)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/reason", "POST"), ("OPTIONS", "/reason/x", "DELETE, GET"), ("DELETE", "/healthz", "GET, HEAD")],
)
async def test_a_method_that_a_path_does_not_have_is_405_and_names_those_it_has(served, method, path, allowed):
    async with served() as (client, _):
        response = await client.request(method, path)
        assert (response.status_code, response.json()["error"]["type"]) == (405, "invalid_request_error")
        assert response.headers["allow"] == allowed


@pytest.mark.parametrize("after", ["99", "-1", "x", "\u00b2"])
async def test_a_wrong_event_id_is_refused(served, after):
    async with served() as (client, _):
        id = (await client.post("/reason?budget=4", json={"prompt": "x"})).json()["id"]
        response = await client.get(f"/reason/{id}/events", headers={"Last-Event-ID": after.encode()})
        assert (response.status_code, response.json()["error"]["param"]) == (422, "Last-Event-ID")


@pytest.mark.parametrize("budget", ["%2B0", "-1", "1e3", "%2B", "9999999999", "%2B9999999999", "00", "1.5", ""])
async def test_a_wrong_extension_is_refused_and_says_what_to_send(served, budget):
    async with served() as (client, _):
        id = (await client.post("/reason?budget=4", json={"prompt": "x"})).json()["id"]
        response = await client.post(f"/reason/{id}/extend?budget={budget}")
        error = response.json()["error"]
        assert (response.status_code, error["param"]) == (422, "budget")
        assert "+N" in error["message"]
