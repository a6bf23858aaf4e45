"""What the operator decides for requests that do not say."""

from dataclasses import replace

import pytest

from anytime_client.protocol import CheckpointRule, InterimOptions, ReasonRequest, StopWhen
from anytime_server.controller import CalibrationError
from anytime_server.engines import Sampling
from anytime_server.reasoning import RequestDefaults
from anytime_server.request_defaults import request_defaults
from reasoning.calibration import CALIBRATION

CHAT = "/v1/chat/completions"
ASK = {"prompt": "count", "budget": 20}
CHAT_ASK = {"messages": [{"role": "user", "content": "count"}], "budget": 20}
DEFAULTS = RequestDefaults(
    checkpoints=CheckpointRule(every=5),
    stop_when=StopWhen(stable=2),
    interim=InterimOptions(max_tokens=3, samples=2, temperature=0.5),
)


async def checkpoints_of(client, **fields):
    response = await client.post("/reason", json={**ASK, **fields})
    assert response.status_code == 200, response.text
    return [point["at"] for point in response.json()["checkpoints"]]


async def chat_checkpoints_of(client, **fields):
    response = await client.post(CHAT, json={**CHAT_ASK, **fields})
    assert response.status_code == 200, response.text
    return [point["at"] for point in response.json()["choices"][0]["anytime"]["checkpoints"]]


@pytest.mark.parametrize("ask", [checkpoints_of, chat_checkpoints_of])
async def test_the_servers_checkpoints_hold_unless_the_request_says_otherwise(served, ask):
    async with served(defaults=RequestDefaults(checkpoints=CheckpointRule(every=5))) as (client, _):
        assert await ask(client) == [5, 10, 15]
        assert await ask(client, checkpoints=[7]) == [7]
        assert await ask(client, checkpoints="every:10") == [10]
        for off in ([], None, "none"):
            assert await ask(client, checkpoints=off) == []


async def test_without_the_servers_checkpoints_each_route_has_its_own(served):
    async with served() as (client, _):
        assert await checkpoints_of(client) == [4, 8, 12, 16]
        assert await chat_checkpoints_of(client) == []


async def test_responses_have_them_too(served):
    async with served(defaults=RequestDefaults(checkpoints=[4])) as (client, _):
        for fields, expected in (({}, [4]), ({"checkpoints": []}, []), ({"checkpoints": None}, [])):
            response = await client.post("/v1/responses", json={"input": "count", "budget": 20, **fields})
            assert [point["at"] for point in response.json()["anytime"]["checkpoints"]] == expected


@pytest.mark.parametrize("off", [None, "none"])
async def test_a_settled_answer_ends_the_thinking_by_default(served, off):
    async with served(thinking="y" * 900, defaults=DEFAULTS) as (client, _):
        for route, question in (("/reason", ASK), (CHAT, CHAT_ASK)):
            ask = {**question, "budget": 400, "checkpoints": "5,10,15"}
            said = (await client.post(route, json=ask)).json()
            unsaid = (await client.post(route, json={**ask, "stop_when": off})).json()
            reasons = [one["stop_reason"] if route == "/reason" else one["choices"][0]["anytime"]["stop_reason"]
                       for one in (said, unsaid)]  # fmt: skip
            assert reasons == ["stable", "budget"]


async def test_interim_answers_are_drawn_as_the_server_says_field_by_field(served):
    async with served(defaults=DEFAULTS) as (client, engine):

        async def drawn(**fields):
            engine.requests.clear()
            body = {**ASK, "checkpoints": [5], "stop_when": None, "temperature": 1, **fields}
            assert (await client.post("/reason", json=body)).status_code == 200
            (branch,) = [request for request in engine.requests if request.thinking.closed]
            return branch.samples, branch.max_tokens, branch.sampling.temperature

        assert await drawn() == (2, 3, 0.5)
        assert await drawn(interim={"samples": 4}) == (4, 3, 0.5)
        assert await drawn(interim=None) == (1, 128, 1)


def test_several_samples_by_default_give_way_to_a_greedy_request():
    defaults = RequestDefaults(interim=InterimOptions(samples=5))
    assert defaults.fill(ReasonRequest(prompt="x", temperature=0), temperature=1.0).interim.samples == 1
    assert defaults.fill(ReasonRequest(prompt="x"), temperature=0.0).interim.samples == 1
    assert defaults.fill(ReasonRequest(prompt="x"), temperature=1.0).interim.samples == 5


def test_filling_twice_is_filling_once_and_keeps_what_the_request_named():
    request = ReasonRequest(prompt="x", interim={"samples": 3}, temperature=1.0)
    filled = DEFAULTS.fill(request, temperature=1.0)
    assert DEFAULTS.fill(filled, temperature=1.0) == filled
    assert filled.model_fields_set == request.model_fields_set
    assert filled.interim.model_fields_set == {"samples"}


async def test_a_default_that_does_not_fit_gives_way(served):
    defaults = RequestDefaults(checkpoints=[5, 15, 500], interim=InterimOptions(max_tokens=100_000))
    async with served(defaults=defaults) as (client, _):
        assert await checkpoints_of(client) == [5, 15]
    async with served(thinking="y" * 900, defaults=RequestDefaults(checkpoints=CheckpointRule(every=1))) as (client, _):
        assert await checkpoints_of(client, budget=600) == [*range(3, 600, 3)]
        refused = await client.post("/reason", json={**ASK, "budget": 600, "checkpoints": "every:1"})
        assert (refused.status_code, refused.json()["error"]["param"]) == (422, "checkpoints")


async def test_the_deadline_holds_for_requests_that_name_none(served):
    async with served(thinking="y" * 3000, pause_s=0.002, defaults=RequestDefaults(deadline_ms=300)) as (client, _):
        body = {
            "prompt": "count",
            "budget": 2900,
            "checkpoints": [],
            "max_answer_tokens": 8,
            "interim": {"max_tokens": 8},
        }
        assert (await client.post("/reason", json=body)).json()["stop_reason"] == "deadline"


async def test_the_models_card_tells_the_defaults(served):
    async with served(defaults=DEFAULTS) as (client, _):
        (card,) = (await client.get("/v1/models")).json()["data"]
        assert card["anytime"]["defaults"] == {
            "checkpoints": {"every": 5},
            "stop_when": {"stable": 2},
            "interim": {"max_tokens": 3, "samples": 2, "temperature": 0.5},
        }


async def test_a_retried_request_is_the_same_under_the_servers_defaults(served):
    async with served(defaults=DEFAULTS) as (client, engine):
        engine.default_sampling = Sampling(temperature=1.0)
        headers = {"Idempotency-Key": "once"}
        first, second = [(await client.post("/reason", json=ASK, headers=headers)).json() for _ in range(2)]
        assert first["id"] == second["id"]


async def test_an_error_rate_passes_through_every_route_and_the_models_card_tells_of_it(served):
    async with served(thinking="y" * 900, calibration=CALIBRATION) as (client, _):
        rules = {"stop_when": {"risk": 0.05}, "temperature": 0}
        asks = {
            "/reason": {"prompt": "count"},
            CHAT: {"messages": [{"role": "user", "content": "count"}]},
            "/v1/responses": {"input": "count"},
        }
        for route, question in asks.items():
            body = (await client.post(route, json={**question, **rules})).json()
            choice = body["choices"][0] if route == CHAT else body
            assert choice.get("anytime", choice)["stop_reason"] == "risk"
        refused = await client.post(CHAT, json={**asks[CHAT], **rules, "budget": 9})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "stop_when.risk")
        (card,) = (await client.get("/v1/models")).json()["data"]
        assert card["anytime"]["calibration"]["lowest_rate"] == 0.008
        assert card["anytime"]["calibration"]["trunks"] == 1
        assert card["anytime"]["thinking_format"]["cue"] == "\nAnswer:"


async def test_a_calibration_for_another_model_stops_the_server_from_starting(served):
    other = replace(CALIBRATION, conditions=replace(CALIBRATION.conditions, model="another"))
    app = served(calibration=other).app
    with pytest.raises(CalibrationError, match="model 'fake-model'"):
        async with app.router.lifespan_context(app):
            pass


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, None, {}), RequestDefaults()),
        (("every:250", None, None, {}), RequestDefaults(checkpoints=CheckpointRule(every=250))),
        (("250,500", None, 900, {}), RequestDefaults(checkpoints=[250, 500], deadline_ms=900)),
        ((None, "loop,match:so, (x|y)", None, {}), RequestDefaults(stop_when=StopWhen(loop=True, match="so, (x|y)"))),
        (("none", "stable:3", None, {}), RequestDefaults(checkpoints=[], stop_when=StopWhen(stable=3))),
        ((None, "consensus:0.75", None, {}), RequestDefaults(stop_when=StopWhen(consensus=0.75))),
        ((None, "none", None, {}), RequestDefaults()),
        ((None, None, None, {"samples": 5}), RequestDefaults(interim=InterimOptions(samples=5))),
    ],
)
def test_the_options_are_read(given, expected):
    assert request_defaults(*given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("often", None, None, {}), "^--checkpoints: 'often' is none of .*every:250"),
        (("5,3", None, None, {}), "must ascend"),
        (("every:0", None, None, {}), "--checkpoints every"),
        ((None, "sure:1", None, {}), "--stop-when.*stable:3"),
        ((None, "match:(x", None, {}), "--stop-when match .*missing"),
        ((None, None, None, {"samples": 0}), "--interim samples"),
        ((None, None, None, {"sample": 3}), "--interim has no sample; it has max_tokens, samples, temperature"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_their_name(given, message):
    with pytest.raises(ValueError, match=message):
        request_defaults(*given)
