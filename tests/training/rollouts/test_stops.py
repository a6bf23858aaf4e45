"""Thinking of a rollout stops where its text spells the close marker, whatever tokens do."""

from dataclasses import replace

import pytest
import torch

from anytime_server.controller import ThinkingFormat, split_trunk
from anytime_training.rollouts.generation import generate
from anytime_training.rollouts.stops import Stop
from tiny_rollouts import CLOSE, EOS, FORMAT, MARKERS, Letters, tiny_lm

LETTERS = Letters()


def several(text: str) -> ThinkingFormat:
    return ThinkingFormat.from_markers(LETTERS, replace(MARKERS, close=text))


@pytest.mark.parametrize(
    ("format", "text", "length"),
    [
        (FORMAT, "HIBJ", 3),
        (FORMAT, "HIJ", None),
        (several("HIH"), "HHIHJ", 4),
        (several("HIH"), "HIIH", None),
        (several("HIH"), "HI" + LETTERS.decode([EOS]) + "H", 3),
    ],
)
def test_ids_stop_at_the_marker_or_the_end_of_the_sequence(format, text, length):
    assert Stop.thinking(format).length(LETTERS.encode(text)) == length


def test_a_model_thinks_without_the_penalties_of_its_own_generation_config():
    """Its answers are sampled without them, and so is all that a server samples."""
    model = tiny_lm()
    settings = {"do_sample": False, "max_new_tokens": 20, "eos_token_id": [EOS], "pad_token_id": 0}
    plain, _ = generate(model, [[10, 11, 12]], Stop((EOS,)), 0, **settings)
    model.generation_config.repetition_penalty = 5.0
    assert generate(model, [[10, 11, 12]], Stop((EOS,)), 0, **settings)[0] == plain
    assert model.generation_config.repetition_penalty == 5.0


def test_every_row_of_a_batch_stops_at_its_own_marker():
    model, prompts = tiny_lm(), [[10, 11, 12], [13], [14, 15]]
    settings = {"do_sample": True, "max_new_tokens": 30, "eos_token_id": [EOS], "pad_token_id": 0}
    torch.manual_seed(3)
    free, _ = generate(model, prompts * 8, Stop((EOS,)), 0, **settings)
    # A marker of two letters that one of them writes.
    writer = next(ids for ids in free if len(ids) > 12 and CLOSE not in ids)
    format = several(LETTERS.decode(writer[6:8]))
    torch.manual_seed(3)
    stopped, _ = generate(model, prompts * 8, Stop.thinking(format), 0, **settings)
    ended = [split_trunk(ids, format)[1] for ids in stopped]
    assert any(ended) and not all(ended)
    for ids, natural in zip(stopped, ended, strict=True):
        spelled = LETTERS.decode(ids)
        assert spelled.endswith(format.markers.close) if natural else format.markers.close not in spelled
