import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.api.openai.effort import EffortMap
from anytime_server.api.openai.trimmed import Trimmed


async def test_the_model_is_listed_with_what_it_can(served, connect):
    efforts = EffortMap.of({"low": 200})
    async with served(default_budget=700, app={"effort": efforts}) as (client, _), connect(client) as oai:
        (listed,) = (await oai.models.list()).data
        assert listed == await oai.models.retrieve("fake-model")
        assert (listed.id, listed.object, listed.owned_by, listed.max_model_len) == (
            "fake-model", "model", "anytime", 4096,
        )  # fmt: skip
        assert listed.created > 1_700_000_000
        assert listed.anytime["engine"] == "fake"
        format = {"open": "<think>", "close": "</think>", "closing": "..", "cue": "\nAnswer:"}
        assert listed.anytime["thinking_format"] == format
        assert (listed.anytime["default_budget"], listed.anytime["max_budget"]) == (700, None)
        assert listed.anytime["reasoning_effort"]["low"] == 200


async def test_clients_may_ask_for_a_page_or_tell_their_version(served):
    async with served() as (client, _):
        for path in ("/v1/models?client_version=1.0&limit=20", "/v1/models/fake-model?client_version=1.0"):
            assert (await client.get(path)).status_code == 200


async def test_a_name_with_slashes_is_found(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        engine.model = "someone/model-1"
        assert (await oai.models.retrieve("someone/model-1")).id == "someone/model-1"


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"huge": 5}, "no effort 'huge'; choose one of none, minimal, low"),
        ({"low": "many"}, "number of thinking tokens"),
        ({"low": True}, "number of thinking tokens"),
        ({"low": 9000}, "do not fall"),
        ({"none": -1}, "do not fall"),
    ],
)
def test_a_map_of_efforts_that_makes_no_sense_is_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        EffortMap.of(pairs)


@given(st.lists(st.text(alphabet=" \na")))
def test_trimmed_pieces_join_to_the_stripped_text(pieces):
    trimmed = Trimmed()
    assert "".join(trimmed.feed(piece) for piece in pieces) == "".join(pieces).strip()
