"""Evaluating a running server: what is asked, how its answers are read, and that it agrees with the model itself."""

import asyncio
import json
import re
from dataclasses import replace

import httpx
import pytest

from anytime_server.api import ServerSettings, create_app
from anytime_server.engines.choice import EMBEDDED_PATH, create_engine
from anytime_server.reasoning import ReasonSettings
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.local import LocalSource
from anytime_training.evaluation.questions import synthetic
from anytime_training.evaluation.server import ServerSource
from anytime_training.evaluation.source import Reply, Rollout, Settings
from live import serve

SETTINGS = Settings((0, 20, 40), temperature=0.0, max_answer_tokens=4)
DOCUMENT = {
    "id": "rsn_1",
    "model": "fake",
    "status": "completed",
    "stop_reason": "natural",
    "answer": {"text": "7", "value": "7", "confidence": 1.0},
    "thinking": "",
    "checkpoints": [
        {
            "at": 0,
            "answer": "5",
            "value": "5",
            "confidence": 1.0,
            "votes": 1,
            "samples": 1,
            "stable_for": 1,
            "elapsed_ms": 1.0,
            "interim_tokens": 4,
            "computed_tokens": 1,
            "cached_tokens": 0,
        }
    ],
    "budget": {"requested": 40, "granted": 40, "spent": 11},
    "usage": {"answer": 3},
    "timings": {},
}


def streamed(document):
    """The document as the stream of its session."""
    created = {"type": "reason.created", "sequence_number": 1, "checkpoints": []}
    created |= {name: document[name] for name in ("id", "model", "budget")}
    completed = {"type": "reason.completed", "sequence_number": 2, "document": document}
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in (created, completed))
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text=body)


def source(handler):
    return ServerSource("http://server", transport=httpx.MockTransport(handler))


def test_checkpoints_answer_small_budgets_and_the_final_answer_the_ones_beyond_the_natural_end():
    bodies = []

    def handler(request):
        bodies.append(json.loads(request.content))
        return streamed(DOCUMENT)

    [[rollout]] = source(handler).rollouts(["3+4"], SETTINGS)
    assert rollout == Rollout(11, True, (Reply("5", 4), Reply("7", 2), Reply("7", 2)))
    [body] = bodies
    assert (body["budget"], body["checkpoints"], body["answer"]) == (40, [0, 20], "short")
    assert body["interim"] == {"max_tokens": 4}
    assert body["max_answer_tokens"] == 4


def test_several_trunks_answer_by_their_votes():
    def ballot(trunk, at, value, reason=None):
        return {"trunk": trunk, "at": at, "value": value, "confidence": 0.9, "stop_reason": reason}

    def report(trunk, spent, reason):
        texts = {"thinking": "", "value": "7", "confidence": 1.0}
        return {"trunk": trunk, "spent": spent, "share": 40, "stop_reason": reason, "usage": {}, **texts}

    def handler(request):
        bodies.append(json.loads(request.content))
        return streamed({**DOCUMENT, **voted})

    (first,) = DOCUMENT["checkpoints"]
    ballots = [ballot(0, 20, "7"), ballot(1, 12, "7", "natural"), ballot(2, 15, "5", "natural")]
    vote = {**first, "at": 20, "answer": "7", "value": "7", "consensus": 0.66, "ballots": ballots, "interim_tokens": 7}
    voted = {
        "checkpoints": [{**first, "consensus": 1.0, "ballots": [ballot(0, 0, "5")]}, vote],
        "budget": {"requested": 120, "granted": 120, "spent": 61},
        "usage": {"answer": 5, "sequential": 34},
        "trunks": [report(0, 34, "natural"), report(1, 12, "natural"), report(2, 15, "natural")],
    }
    bodies = []
    settings = replace(SETTINGS, temperature=1.0, trunks=3)
    [[rollout]] = source(handler).rollouts(["3+4"], settings)
    assert rollout == Rollout(34, True, (Reply("5", 4, 1.0, 1.0, 0), Reply("7", 2, 1.0, 0.66, 1), Reply("7", 2)))
    [body] = bodies
    assert (body["budget"], body["trunks"], body["checkpoints"]) == (120, 3, [0, 20])
    assert rollout.replies[1].stable_for == first["stable_for"]
    vote |= {
        "votes": 2,
        "ballots": [ballot(0, 20, "7"), ballot(1, 12, r"\sqrt{49}", "natural"), ballot(2, 9, "5", "natural")],
    }
    [[rollout]] = source(handler).rollouts(["3+4"], settings)
    assert rollout.replies[1].done == 2, "both may be among the votes"
    looped = {**voted, "trunks": [report(0, 34, "natural"), report(1, 12, "loop"), report(2, 15, "natural")]}
    with pytest.raises(EvaluationError, match="before its thinking had ended"):
        source(lambda request: streamed({**DOCUMENT, **looped})).rollouts(["3+4"], settings)
    less = {**voted, "budget": {"requested": 120, "granted": 90, "spent": 61}}
    with pytest.raises(EvaluationError, match=r"--budgets 40 with --trunks 3 is beyond what the server grants: 90"):
        source(lambda request: streamed({**DOCUMENT, **less})).rollouts(["3+4"], settings)


@pytest.mark.parametrize(
    ("stop_reason", "finish", "leaks"),
    [("budget", "length", True), ("budget", "stop", False), ("natural", "length", None)],
)
def test_a_full_answer_of_a_server_leaks_if_it_has_not_ended(stop_reason, finish, leaks):
    long = {**DOCUMENT, "budget": {**DOCUMENT["budget"], "spent": 30}}
    full = {**long, "stop_reason": stop_reason, "answer": {**DOCUMENT["answer"], "finish_reason": finish}}
    bodies = []

    def handler(request):
        bodies.append(json.loads(request.content))
        return streamed(long if bodies[-1]["answer"] == "short" else full)

    [[rollout]] = source(handler).rollouts(["3+4"], replace(SETTINGS, full_answer_tokens=64))
    assert rollout.leaked is leaks
    assert (bodies[1]["budget"], bodies[1]["checkpoints"], bodies[1]["max_answer_tokens"]) == (20, [], 64)


def test_a_servers_conditions_are_as_its_models_card_says():
    format = {"open": "<t>", "close": "</t>", "closing": "..", "cue": "So:"}
    card = {"id": "served", "anytime": {"thinking_format": format}}
    found = source(lambda request: httpx.Response(200, json={"object": "list", "data": [card]})).conditions(SETTINGS)
    assert (found.model, found.open, found.close, found.closing, found.cue) == ("served", "<t>", "</t>", "..", "So:")
    assert (found.budget, found.checkpoints, found.temperature) == (40, (0, 20), 0.0)


def test_a_full_server_is_asked_again():
    replies = [httpx.Response(429, headers={"Retry-After": "0"}), streamed(DOCUMENT)]
    assert len(source(lambda request: replies.pop(0)).rollouts(["3+4"], SETTINGS)) == 1
    assert replies == []


def test_a_session_that_fails_is_asked_again_but_not_for_ever():
    failed = {**DOCUMENT, "status": "failed", "error": {"type": "engine_error", "message": "its scores are no numbers"}}
    replies = [streamed(failed), streamed(failed), streamed(DOCUMENT)]
    assert len(source(lambda request: replies.pop(0)).rollouts(["3+4"], SETTINGS)) == 1
    with pytest.raises(EvaluationError, match="its scores are no numbers"):
        source(lambda request: streamed(failed)).rollouts(["3+4"], SETTINGS)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (
            httpx.Response(422, json={"error": {"type": "x", "message": "must be smaller", "param": "temperature"}}),
            "refused with 422: must be smaller (temperature)",
        ),
        (httpx.Response(200, text="<html>"), "not as an Anytime server"),
        (httpx.Response(404, text="Not Found"), "reason is no route of an Anytime server"),
        (streamed({**DOCUMENT, "stop_reason": "load"}), "without other load"),
        (
            streamed({**DOCUMENT, "budget": {"requested": 40, "granted": 30, "spent": 11}}),
            "--budgets 40 is beyond what the server grants: 30",
        ),
    ],
)
def test_server_errors_name_the_remedy(response, message):
    with pytest.raises(EvaluationError, match=re.escape(message)):
        source(lambda request: response).rollouts(["3+4"] * 3, SETTINGS)


def test_a_server_that_is_not_there_is_an_error():
    with pytest.raises(EvaluationError, match="no server at http"):
        ServerSource("http://127.0.0.1:9").check(["3+4"], SETTINGS)


def test_a_conversation_is_sent_as_messages():
    sent = []

    def refuse(request):
        sent.append(json.loads(request.content))
        return httpx.Response(422, json={"error": {"type": "invalid_request", "message": "no", "param": None}})

    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "3+4"}]
    with pytest.raises(EvaluationError):
        source(refuse).check(["?", messages], SETTINGS)
    assert [{"role": turn["role"], "content": turn["content"]} for turn in sent[0]["messages"]] == messages


async def test_a_server_and_the_model_itself_agree_under_greedy():
    prompts = [prompt for family in ("largest", "sums") for prompt in synthetic(family, 2, seed=7).prompts]
    settings = Settings((0, 12, 36), temperature=0.0, max_answer_tokens=6)
    app = create_app(
        create_engine("transformers", "anytime-tiny"), ReasonSettings(max_budget=100), ServerSettings(drain_s=1)
    )
    async with serve(app) as client:
        server = ServerSource(str(client.base_url), concurrency=8)
        await asyncio.to_thread(server.check, prompts, settings)
        served = await asyncio.to_thread(server.rollouts, prompts, settings)
        with pytest.raises(EvaluationError, match="grants: 100"):
            await asyncio.to_thread(server.check, prompts, Settings((0, 101)))
        with pytest.raises(EvaluationError, match="temperature"):
            await asyncio.to_thread(server.check, prompts, Settings((0, 10), temperature=0.001))
    local = LocalSource(str(EMBEDDED_PATH)).rollouts(prompts, settings)
    assert {rollout.ended for [rollout] in local} == {True, False}
    assert [_stripped(rollout) for [rollout] in served] == [_stripped(rollout) for [rollout] in local]
    sure = [[reply.confidence for [rollout] in group for reply in rollout.replies] for group in (served, local)]
    assert sure[0] == pytest.approx(sure[1], abs=0.02)  # an end-of-turn token counts in one and not in the other


def _stripped(rollout):
    return rollout.length, rollout.ended, [(reply.text.strip(), reply.tokens) for reply in rollout.replies]
