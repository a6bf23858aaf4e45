"""What the package offers, what importing it costs, and that no import goes in a circle."""

import subprocess
import sys
from graphlib import TopologicalSorter

import grimp
import pytest

import anytime_training


def test_the_public_names_are_what_is_offered():
    assert sorted(anytime_training.__all__) == anytime_training.__all__ == dir(anytime_training)
    from anytime_training.rewards.answer import AnswerReward

    assert anytime_training.AnswerReward is AnswerReward


@pytest.mark.filterwarnings("ignore:TRL currently supports vLLM versions:UserWarning")
def test_the_names_of_the_trainer_are_the_trainers():
    from anytime_training import BRPOConfig, BRPOTrainer
    from anytime_training.brpo import config, trainer

    assert BRPOConfig is config.BRPOConfig
    assert BRPOTrainer is trainer.BRPOTrainer


def test_another_name_is_an_error():
    with pytest.raises(AttributeError, match="no attribute 'BRPOTrainr'"):
        anytime_training.BRPOTrainr  # noqa: B018


def test_importing_the_package_imports_nothing_of_weight():
    heavy = ["torch", "trl", "transformers", "datasets", "pydantic", "anytime_server"]
    script = f"import sys, anytime_training; print(set({heavy}) & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"


def test_no_import_goes_in_a_circle_wherever_it_stands():
    """Packages and their own modules included, which the contracts of pyproject.toml do not look at."""
    graph = grimp.build_graph("anytime_training", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    imports["anytime_training"] = set()  # its names are imported when they are used
    TopologicalSorter(imports).prepare()
