import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from anytime_client.cli import build
from anytime_training.errors import TrainingError
from anytime_training.hub import check_model

NOT_HERE = "some-body/some-model"


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))


def test_a_model_that_is_nowhere_is_told_by_the_commands_before_they_load_anything(tmp_path):
    out = ["--out", str(tmp_path / "out")]
    for command in (["train", "brpo", "--model", NOT_HERE, *out], ["eval", "--model", NOT_HERE, *out]):
        done = CliRunner().invoke(build(), command)
        assert done.exit_code == 2
        assert f"error: '{NOT_HERE}' is not on this machine" in done.stderr


def test_a_model_that_is_here_needs_no_hub(tmp_path):
    check_model("anytime-tiny")
    check_model(str(tmp_path))
    with pytest.raises(TrainingError, match="is not on this machine"):
        check_model(NOT_HERE)


def test_a_data_set_that_is_nowhere_is_told_before_anything_is_loaded():
    done = CliRunner().invoke(build(), ["eval", "--model", "anytime-tiny", "--dataset", "openai/gsm8k"])
    assert done.exit_code == 2
    assert "error: 'openai/gsm8k' is not on this machine" in done.stderr
