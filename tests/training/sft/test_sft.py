"""A run of a few steps on the CPU: the loss falls, the model loads, the rows depend on the step alone."""

import hashlib
import multiprocessing
from functools import partial

import pytest

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.embedded.tokenizer import build_tokenizer
from anytime_training.errors import OutputError, RecipeError
from anytime_training.evaluation.curves import measure
from anytime_training.evaluation.local import LocalSource
from anytime_training.evaluation.questions import synthetic
from anytime_training.evaluation.source import Settings
from anytime_training.runs.recipes import load_recipe
from anytime_training.runs.sft import train
from anytime_training.sft.ahead import Ahead
from anytime_training.sft.curriculum import Curriculum
from anytime_training.sft.recipe import SftRecipe
from anytime_training.sft.traces import RowWriter
from noted_calls import note

SMALL = [
    "optimiser.compile=false",
    "optimiser.threads=1",
    "optimiser.batch_rows=4",
    "optimiser.learning_rate=0.01",
    "optimiser.warmup_steps=1",
    "model.layers=1",
    "model.hidden_size=64",
    "model.heads=2",
    "phases.0.count=[2, 2]",
    "phases.0.families={sums: 1}",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sft") / "model"
    return folder, train(load_recipe(SftRecipe, "tiny", SMALL), folder, max_steps=24)


def test_the_loss_falls(trained):
    _, result = trained
    assert result["steps"] == 24
    assert result["last_loss"] < 0.8 * result["first_loss"]


def test_a_run_is_not_resumed_at_its_end_or_with_another_recipe(trained):
    folder, _ = trained
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(OutputError, match="the run is at its last step, 24; its model is in"):
        train(load_recipe(SftRecipe, "tiny", SMALL), folder, max_steps=24, resume=True)
    with pytest.raises(RecipeError, match=r"was started with seed 0, now 7"):
        train(load_recipe(SftRecipe, "tiny", [*SMALL, "seed=7"]), folder, max_steps=25, resume=True)
    assert (folder / "model.safetensors").read_bytes() == before


def test_the_saved_model_loads_without_remote_code_and_can_be_evaluated(trained):
    from transformers import AutoConfig

    folder, _ = trained
    config = AutoConfig.from_pretrained(folder)
    assert config.architectures == ["Qwen3ForCausalLM"]
    assert config.vocab_size % 64 == 0
    settings = Settings(budgets=(0, 8), temperature=1.0)
    (curve,) = measure("small", LocalSource(str(folder)), [synthetic("sums", 4, seed=1)], settings)
    assert [point.budget for point in curve.points] == [0, 8]
    assert curve.mean_length <= 8


def test_the_rows_of_a_step_depend_on_the_seed_and_the_step_alone():
    recipe = load_recipe(SftRecipe, "tiny", ["optimiser.batch_rows=2"])
    tokenizer = HFTokenizer(build_tokenizer())
    writer = RowWriter(tokenizer, ThinkingFormat.resolve(tokenizer), recipe.rows)
    straight, resumed = Curriculum(recipe, writer), Curriculum(recipe, writer)
    rows = [[row.ids for row in straight.rows(step)] for step in range(10)]
    assert [row.ids for row in resumed.rows(9)] == rows[9]
    assert [row.ids for row in resumed.rows(1)] == rows[1]
    assert rows[0] != rows[8]


def test_workers_draw_the_same_rows_from_any_step_on_and_end_with_the_curriculum():
    recipe = load_recipe(SftRecipe, "tiny", ["optimiser.batch_rows=2"])
    tokenizer = HFTokenizer(build_tokenizer())
    writer = RowWriter(tokenizer, ThinkingFormat.resolve(tokenizer), recipe.rows)
    alone = Curriculum(recipe, writer)
    before = multiprocessing.active_children()
    with Curriculum(recipe, writer, workers=2) as helped:
        for step in (5000, 5001, 5008, 3, recipe.steps - 1):
            assert helped.rows(step) == alone.rows(step)
        assert len(multiprocessing.active_children()) == len(before) + 2
    assert multiprocessing.active_children() == before


def test_only_the_groups_that_come_next_are_worked_out_ahead(tmp_path):
    ahead = Ahead(partial(note, tmp_path), end=10, workers=2)
    try:
        assert [ahead.get(number) for number in (4, 5, 8)] == [4, 5, 8]
    finally:
        ahead.close()
    assert {4, 5, 8} <= {int(path.name) for path in tmp_path.iterdir()} <= {4, 5, 6, 7, 8, 9}


def test_what_fails_in_a_worker_is_told_where_it_is_asked_for():
    ahead = Ahead(range(2, 4).__getitem__, end=5, workers=1)
    try:
        assert ahead.get(1) == 3
        with pytest.raises(IndexError):
            ahead.get(2)
    finally:
        ahead.close()


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("tiny-study", "f0ffbf99e4dd3587"),
        ("tiny-countdown", "d8e3e08fcd007b44"),
    ],
)
def test_the_rows_of_the_study_stay_what_they_were(name, digest):
    recipe = load_recipe(SftRecipe, name, ["optimiser.batch_rows=4"])
    tokenizer = HFTokenizer(build_tokenizer())
    curriculum = Curriculum(recipe, RowWriter(tokenizer, ThinkingFormat.resolve(tokenizer), recipe.rows))
    rows = [(row.ids, row.reach, row.weights) for step in (0, recipe.steps - 1) for row in curriculum.rows(step)]
    assert hashlib.sha256(repr(rows).encode()).hexdigest()[:16] == digest
