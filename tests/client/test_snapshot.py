"""What a reader gathers from recorded streams is what the server's documents say."""

import dataclasses

import pytest

from anytime_client._snapshot import Snapshot, reduce
from anytime_client._sse import Decoder
from anytime_client.protocol import EVENT_ADAPTER, BudgetChanged
from client.conftest import TRANSCRIPTS


def events(name):
    return [EVENT_ADAPTER.validate_json(message.data) for message in Decoder().feed(TRANSCRIPTS[name])]


def snapshots(name):
    known = [Snapshot()]
    for event in events(name):
        known.append(reduce(known[-1], event))
    return known


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_the_parts_add_up_to_the_document(name):
    *_, before, after = snapshots(name)
    document = after.document
    assert before.document is None
    assert (before.id, before.model) == (document.id, document.model)
    assert before.thinking == document.thinking
    assert before.checkpoints == document.checkpoints
    assert before.budget == document.budget
    assert after.best_answer == document.answer
    assert after.as_document() == document


@pytest.mark.parametrize("name", ["natural", "extended"])
def test_the_answer_text_is_the_final_answer_as_generated(name):
    *_, last = snapshots(name)
    assert last.answer_text.strip() == last.document.answer.text


def test_the_best_answer_is_the_newest_interim_one_until_the_final_one():
    known = snapshots("natural")
    values = [snapshot.best_answer.value for snapshot in known if snapshot.best_answer]
    assert list(dict.fromkeys(values)) == ["53", "42", "25"]
    assert known[-2].best_answer.text == known[-2].checkpoints[-1].answer


def test_an_extension_starts_the_answer_anew_and_keeps_the_best_one():
    known = snapshots("extended")
    changed = next(i for i, event in enumerate(events("extended")) if isinstance(event, BudgetChanged))
    before, after = known[changed], known[changed + 1]
    assert before.document is not None
    assert after.document is None
    assert before.answer_text
    assert after.answer_text == ""
    assert after.best_answer == before.best_answer == before.document.answer
    assert after.budget.granted == 60
    assert after.as_document().status == "running"


def test_a_snapshot_can_be_kept_while_the_stream_goes_on():
    kept = snapshots("natural")
    copies = [dataclasses.replace(snapshot) for snapshot in kept]
    assert kept == copies
    assert [len(snapshot.thinking) for snapshot in kept] == sorted(len(snapshot.thinking) for snapshot in kept)
    with pytest.raises(dataclasses.FrozenInstanceError):
        kept[0].thinking = "x"
