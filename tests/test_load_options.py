"""What `anytime serve` is told of load and fairness, and what it refuses before anything is loaded."""

import json

import pytest

from anytime_server.api.keys import client_name
from anytime_server.controller.load import LoadPolicy
from anytime_server.engines.gated import Gated
from anytime_server.load_options import accuracy_curve, client_weights, fair_arguments, gated, load_policy
from fakes import FakeEngine, scripted

KEYS = ["first-key-of-sixteen", "second-key-of-sixteen"]


def summary(path, *curves):
    entries = [
        {"run": run, "family": family, "accuracy": {str(budget): [mean, 0, 1] for budget, mean in accuracy.items()}}
        for run, family, accuracy in curves
    ]
    path.write_text(json.dumps({"curves": entries}))
    return str(path)


@pytest.mark.parametrize("alone", [False, True])
def test_a_curve_is_read_from_what_anytime_eval_writes(tmp_path, alone):
    accuracy = {0: 0.2, 10: 0.7, 40: 0.9}
    others = () if alone else (("m", "sums", {0: 0.9, 5: 0.1}),)
    family = "largest" if alone else "mean"
    curve = accuracy_curve(summary(tmp_path / "summary.json", ("m", family, accuracy), *others))
    assert [(segment.begin, segment.end) for segment in curve.segments] == [(0, 10), (10, 40)]
    assert accuracy_curve(None) is None


def test_a_curve_of_votes_is_none_of_one_thought(tmp_path):
    path = tmp_path / "summary.json"
    summary(path, ("m", "mean", {0: 0.1, 10: 0.5}))
    path.write_text(json.dumps({**json.loads(path.read_text()), "settings": {"trunks": 8}}))
    with pytest.raises(ValueError, match="how 8 trunks vote; evaluate without --trunks"):
        accuracy_curve(path)


@pytest.mark.parametrize(
    ("curves", "match"),
    [
        ([("a", "mean", {0: 0.1, 9: 0.2}), ("b", "mean", {0: 0.1, 9: 0.2})], "2 runs"),
        ([("a", "x", {0: 0.1, 9: 0.2}), ("a", "y", {0: 0.1, 9: 0.2})], "mean"),
        ([("a", "mean", {0: 0.1})], "two budgets"),
        ([], "0 runs"),
    ],
)
def test_a_file_that_tells_no_curve_is_refused(tmp_path, curves, match):
    with pytest.raises(ValueError, match=f"--curve .*{match}"):
        accuracy_curve(summary(tmp_path / "summary.json", *curves))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"curves": [{"run": "a"}]}'])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "curve.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="is not a summary"):
        accuracy_curve(str(path))
    with pytest.raises(ValueError, match=r"--curve .*nowhere.json can't be read: No such file or directory$"):
        accuracy_curve(str(tmp_path / "nowhere.json"))


def test_a_floor_is_what_is_said_and_else_a_quarter():
    assert load_policy(False, None, None) is None
    assert load_policy(True, 0.5, 9.0) == LoadPolicy(floor=0.5, target_rate=9.0)
    assert load_policy(True, 0.0, None).floor == 0
    assert load_policy(True, None, None).floor == 0.25


def test_weights_go_to_keys_in_their_order(monkeypatch):
    monkeypatch.setenv("ANYTIME_API_KEYS", ",".join(KEYS))
    assert client_weights(True, "3, 1") == {client_name(KEYS[0]): 3.0, client_name(KEYS[1]): 1.0}
    assert client_weights(True, None) == {}
    assert client_weights(False, None) is None
    assert not any(key in client_name(key) for key in KEYS)


@pytest.mark.parametrize(
    ("keys", "weights", "match"),
    [
        ("", None, "set ANYTIME_API_KEYS"),
        (KEYS[0], "1,2", "2 weights for 1 API keys"),
        (KEYS[0], "0", "above 0"),
        (KEYS[0], "inf", "above 0"),
        (KEYS[0], "many", "--key-weights takes numbers"),
    ],
)
def test_weights_that_do_not_fit_are_refused(monkeypatch, keys, weights, match):
    monkeypatch.setenv("ANYTIME_API_KEYS", keys)
    with pytest.raises(ValueError, match=match):
        client_weights(True, weights)


def test_vllm_orders_its_queue_where_clients_share_it():
    assert fair_arguments("vllm", {"dtype": "float32"}) == {"dtype": "float32", "scheduling_policy": "priority"}
    assert fair_arguments("transformers", {}) == {}
    with pytest.raises(ValueError, match="scheduling_policy=priority"):
        fair_arguments("vllm", {"scheduling_policy": "fcfs"})


@pytest.mark.parametrize(
    ("queues", "slots", "open_ended"), [(True, None, True), (True, 4, False), (False, None, False)]
)
async def test_an_engine_without_a_queue_gets_one_at_the_gate(queues, slots, open_ended):
    engine = FakeEngine(scripted("x", "y"))
    engine.queues = queues
    guarded = gated(engine, slots, None)
    assert isinstance(guarded, Gated)
    assert (guarded._gate._trunks is None) is open_ended


async def test_what_an_engine_can_not_do_is_known_at_the_gate_though_it_tells_at_its_start():
    class LateTeller(FakeEngine):
        async def start(self):
            await super().start()
            self.unsupported = {"structured_outputs": "serve another model"}

    guarded = gated(LateTeller(scripted("x", "y")), 4, None)
    await guarded.start()
    assert guarded.unsupported == {"structured_outputs": "serve another model"}
