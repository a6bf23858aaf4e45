"""Recipes: frozen, every key checked, errors that name the key and the remedy."""

import pytest
import yaml
from pydantic import ValidationError

from anytime_training.errors import RecipeError
from anytime_training.runs.recipes import FOLDER, known_recipes, load_recipe
from anytime_training.sft.recipe import SftRecipe


@pytest.mark.parametrize("name", known_recipes("sft"))
def test_every_recipe_loads(name):
    assert load_recipe(SftRecipe, name).steps > 0


@pytest.mark.parametrize("name", known_recipes("sft"))
def test_the_demo_model_names_expressions_from_the_first_step_on_and_no_other_does(name):
    assert {phase.style.named for phase in load_recipe(SftRecipe, name).phases} == {name == "tiny"}


def test_a_recipe_is_frozen():
    with pytest.raises(ValidationError):
        load_recipe(SftRecipe, "tiny").seed = 3


def test_phases_follow_one_another():
    recipe = load_recipe(SftRecipe, "tiny", ["phases.0.steps=2", "phases.1.steps=1"])
    first, second, third, *_ = recipe.phases
    assert [recipe.phase_at(step) for step in range(4)] == [first, first, second, third]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimiser.learning_rat=1", "'learning_rat' is unknown here; known: .*learning_rate"),
        ("phases.9.steps=1", "'9' is unknown here"),
        ("seed.more=1", "'more' is unknown here; known: nothing"),
        ("optimiser.learning_rate", "must be key=value"),
        ("optimiser.learning_rate=-1", "optimiser.learning_rate: .*greater than 0"),
        ("optimiser.threads=two", "optimiser.threads: .*integer"),
        ("phases.0.families={maximal: 1}", "phases.0: .*'maximal'.* are unknown; known: "),
        ("phases.0.count=[4, 2]", "phases.0: .*at least 2 to at most 12"),
    ],
)
def test_a_bad_override_is_named(override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(SftRecipe, "tiny", [override])


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(RecipeError, match=r"unknown recipe 'huge' for sft; known: .*tiny"):
        load_recipe(SftRecipe, "huge")


def test_an_unknown_key_in_a_file_is_named(tmp_path):
    values = yaml.safe_load((FOLDER / "sft/tiny.yaml").read_text())
    values["rows"]["cutz"] = 3
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(RecipeError, match=r"rows\.cutz: Extra inputs"):
        load_recipe(SftRecipe, str(path))


def test_a_file_that_is_not_yaml_is_an_error(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: [")
    with pytest.raises(RecipeError, match="not valid YAML"):
        load_recipe(SftRecipe, str(path))
