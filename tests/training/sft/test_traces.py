"""Training rows: no forced token is a target, cut answers are sane, a branch sees its prefix and itself."""

import json
from itertools import pairwise
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.embedded.tokenizer import UNK, build_tokenizer
from anytime_training.problems import tasks
from anytime_training.problems.tasks.style import Style
from anytime_training.runs.recipes import load_recipe
from anytime_training.sft.loss import weighted_loss
from anytime_training.sft.recipe import SftRecipe
from anytime_training.sft.traces import RowWriter
from anytime_training.trees.row import TreeRow, attention_mask, collate

TOKENIZER = HFTokenizer(build_tokenizer())
FORMAT = ThinkingFormat.resolve(TOKENIZER)
RECIPE = load_recipe(SftRecipe, "tiny")
WEIGHTS = RECIPE.phases[-1].weights
WRITER = RowWriter(TOKENIZER, FORMAT, RECIPE.rows.model_copy(update={"json_share": 0.0}))
JSON_WRITER = RowWriter(TOKENIZER, FORMAT, RECIPE.rows.model_copy(update={"json_share": 1.0}))
SEED = st.integers(0, 2**32)
FAMILY = st.sampled_from(sorted(tasks.FAMILIES))
SELECTION = st.sampled_from(["largest", "smallest", "closest"])


def segments(row):
    """Split a row into (reach, ids, weights) of the trunk and of each branch."""
    starts = [*sorted(set(row.start)), len(row.ids)]
    return [(row.reach[begin], row.ids[begin:end], row.weights[begin:end]) for begin, end in pairwise(starts)]


@given(FAMILY, SEED)
def test_no_forced_token_is_a_target(family, seed):
    rng = Random(seed)
    row = WRITER.write(tasks.sample(rng, family, (2, 8)), rng, WEIGHTS)
    trunk, *branches = segments(row)
    opened = len(trunk[1]) - trunk[1][::-1].index(FORMAT.open_ids[0])
    assert not any(trunk[2][: opened + 1])
    assert all(trunk[2][opened + 1 :])
    for _, ids, weights in branches:
        forced = ids.index(FORMAT.close_ids[0]) + 1
        short = tuple(ids[forced : forced + len(FORMAT.cue_ids)]) == FORMAT.cue_ids
        forced += len(FORMAT.cue_ids) if short else 0
        assert not any(weights[:forced])
        assert all(weights[forced:])


@given(FAMILY, SEED)
def test_every_branch_answers_with_a_value_known_by_then(family, seed):
    rng = Random(seed)
    problem = tasks.sample(rng, family, (2, 8))
    trunk, *branches = segments(WRITER.write(problem, rng, WEIGHTS))
    for reach, ids, _ in branches:
        seen = TOKENIZER.decode(trunk[1][:reach])
        text = TOKENIZER.decode(ids)
        assert text.endswith("<|end|>")
        value = tasks.value_of(text.removesuffix("<|end|>"))
        assert value in problem.answers or value in seen
    assert tasks.verify(problem, TOKENIZER.decode(trunk[1]).removesuffix("<|end|>"))


@given(FAMILY, SEED)
def test_a_json_answer_holds_the_value_and_is_not_begun_unasked(family, seed):
    rng = Random(seed)
    problem = tasks.sample(rng, family, (2, 8))
    trunk, *branches = segments(JSON_WRITER.write(problem, rng, WEIGHTS))
    for _, ids, weights in branches:
        begin = ids.index(TOKENIZER.encode("{")[0])
        assert weights[begin] == 0.0
        assert all(weights[begin + 1 :])
        json.loads(TOKENIZER.decode(ids[begin:]).removesuffix("<|end|>"))
    written = TOKENIZER.decode(trunk[1]).removesuffix("<|end|>").split("</think>")[-1]
    [value] = json.loads(written).values()
    assert problem.accepts(str(value))


@pytest.mark.parametrize("guess_share", [0.0, 1.0])
def test_a_cut_answer_guesses_where_the_best_so_far_is_not_the_best(guess_share):
    writer = RowWriter(TOKENIZER, FORMAT, WRITER.rows.model_copy(update={"guess_share": guess_share}))
    rights = []
    for seed in range(40):
        rng = Random(seed)
        problem = tasks.sample(rng, "largest", (6, 8))
        _, *branches = segments(writer.write(problem, rng, WEIGHTS))
        texts = [TOKENIZER.decode(ids).removesuffix("<|end|>") for _, ids, _ in branches]
        rights += [tasks.verify(problem, text) for text in texts]
    assert all(rights) == bool(guess_share)


@given(SEED)
def test_a_branch_is_what_the_controller_forks(seed):
    rng = Random(seed)
    _, *branches = segments(WRITER.write(tasks.sample(rng, "largest", (2, 8)), rng, WEIGHTS))
    closed = [ids[: ids.index(FORMAT.close_ids[0]) + 1] for _, ids, _ in branches]
    assert tuple(closed[0]) == FORMAT.close_ids
    assert all(tuple(ids) == FORMAT.closing_ids for ids in closed[1:])


@given(SEED)
def test_the_longest_named_row_fits_the_context(seed):
    rng = Random(seed)
    style = Style(named=True, terse=0, normal=0, verbose=1, fillers=1, rechecks=1, concludes=1)
    problem = tasks.sample(rng, "closest", (12, 12))
    writer = RowWriter(TOKENIZER, FORMAT, WRITER.rows.model_copy(update={"history": 1.0}))
    row = writer.write(problem, rng, WEIGHTS, style)
    assert max(row.positions) < RECIPE.model.context


@given(SELECTION, SEED)
def test_a_named_trace_is_made_of_known_tokens(family, seed):
    rng = Random(seed)
    thought = WRITER.think(tasks.sample(rng, family, (2, 12)), rng, WEIGHTS, Style(named=True))
    for ids in (thought.ids, *(TOKENIZER.encode(finding.full(False)) for _, finding in thought.found)):
        assert TOKENIZER.encode(UNK)[0] not in ids


def test_what_each_token_sees():
    row = TreeRow()
    row.extend([1, 2, 3], [0, 0, 1])
    row.fork(2, [4, 5], [0, 1])
    batch = collate([row], pad_id=0)
    mask = attention_mask(batch["reach"], batch["start"])[0, 0].int().tolist()
    assert mask == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 0, 1, 1]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 2, 3]]


def test_a_packed_branch_has_the_logits_of_its_own_sequence():
    from anytime_training.embedded.model import build_model

    torch.manual_seed(0)
    model = build_model(load_recipe(SftRecipe, "tiny").model, build_tokenizer()).eval()
    row = TreeRow()
    row.extend(list(range(10, 30)), [0] * 20)
    row.fork(7, [40, 41, 42], [0, 0, 0])
    row.fork(15, [50, 51], [0, 0])
    longer = TreeRow()
    longer.extend(list(range(10, 40)), [0] * 30)
    batch = collate([row, longer], pad_id=0)
    with torch.no_grad():
        packed = model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            attention_mask=attention_mask(batch["reach"], batch["start"]),
        ).logits
        alone = model(input_ids=torch.tensor([[*range(10, 17), 40, 41, 42]])).logits
    torch.testing.assert_close(packed[0, 20:23], alone[0, 7:], atol=1e-5, rtol=1e-4)


def test_the_loss_is_the_weighted_mean_over_targets():
    logits = torch.zeros(1, 3, 4)
    logits[0, 0, 2] = 5.0
    ids, start = torch.tensor([[1, 2, 3]]), torch.zeros(1, 3, dtype=torch.long)
    weights = torch.tensor([[0.0, 3.0, 1.0]])
    losses = -torch.log_softmax(logits, -1)[0, [0, 1], [2, 3]]
    torch.testing.assert_close(weighted_loss(logits, ids, start, weights), (3 * losses[0] + losses[1]) / 4)


def test_the_first_token_of_a_branch_can_not_be_a_target():
    start, weights = torch.tensor([[0, 0, 2]]), torch.tensor([[0.0, 1.0, 1.0]])
    with pytest.raises(ValueError, match="first token"):
        weighted_loss(torch.zeros(1, 3, 4), torch.tensor([[1, 2, 3]]), start, weights)
