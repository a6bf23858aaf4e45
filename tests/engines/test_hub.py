"""Whether a model is there, asked before it is loaded."""

from threading import Event
from typing import ClassVar

import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from typer.testing import CliRunner

from anytime_client.cli import build
from anytime_server.engines.hub import look_up, look_up_data
from anytime_server.errors import EngineError


class Response:
    headers: ClassVar[dict] = {}
    request = None
    status_code = 404


def raising(error):
    def ask(repository):
        raise error

    return ask


def not_asked(repository):
    raise AssertionError(f"asked for {repository}")


NO_NETWORK = raising(OSError("no network"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and a process that is online before and after."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return tmp_path


@pytest.fixture
def downloaded(cache):
    (cache / "models--Qwen--Qwen3-1.7B" / "snapshots" / "0123").mkdir(parents=True)


def test_what_is_no_hub_id_is_not_looked_up(tmp_path, monkeypatch):
    for model in ("anytime-tiny", str(tmp_path), "s3://bucket/model"):
        assert look_up(model, not_asked) is False
    monkeypatch.setenv("VLLM_USE_MODELSCOPE", "1")
    assert look_up("Qwen/Qwen3-1.7B", not_asked) is False


def test_the_hub_is_asked_for_the_repository_alone():
    asked = []
    assert look_up("Qwen/Qwen3-1.7B-GGUF:Q4_K_M", asked.append) is False
    assert asked == ["Qwen/Qwen3-1.7B-GGUF"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("no network"), "not on this machine, and the Hugging Face Hub can't be reached"),
        (RepositoryNotFoundError("404", response=Response()), "the Hub knows no model 'Qwen/Qwen3-1.7B'"),
        (HFValidationError("bad"), "can't be the name of a model"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_model_that_is_not_there_is_told_with_the_remedy(error, told):
    with pytest.raises(EngineError, match="check the name") as raised:
        look_up("Qwen/Qwen3-1.7B", raising(error))
    assert told in raised.value.message


def test_a_data_set_that_is_not_there_is_told_with_the_remedy():
    with pytest.raises(EngineError, match=r"is not on this machine, and .* can't be reached .*or give a file"):
        look_up_data("openai/gsm8k", NO_NETWORK)
    with pytest.raises(EngineError, match="the Hub knows no data set 'openai/gsm9k'"):
        look_up_data("openai/gsm9k", raising(RepositoryNotFoundError("404", response=Response())))


@pytest.mark.parametrize("folder", ["datasets--openai--gsm8k/snapshots/0123", "datasets/openai___gsm8k"])
def test_a_data_set_that_is_here_is_read_without_the_hub(cache, folder):
    (cache / folder).mkdir(parents=True)
    assert look_up_data("openai/gsm8k", NO_NETWORK) is True
    assert constants.HF_HUB_OFFLINE is True


def test_a_slip_in_the_embedded_models_name_is_seen():
    with pytest.raises(EngineError, match=r"did you mean anytime-tiny\?"):
        look_up("anytime-tinny", NO_NETWORK)


@pytest.mark.usefixtures("downloaded")
def test_a_model_that_is_here_is_served_without_the_hub_and_nothing_asks_for_it_again():
    assert look_up("Qwen/Qwen3-1.7B", NO_NETWORK) is True
    assert constants.HF_HUB_OFFLINE is True
    assert look_up("Qwen/Qwen3-1.7B", not_asked) is False


def test_a_process_that_is_offline_asks_nobody(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EngineError, match="HF_HUB_OFFLINE is set"):
        look_up("Qwen/Qwen3-1.7B", not_asked)


def test_a_hub_that_answers_with_an_error_of_its_own_is_left_to_the_loading():
    assert look_up("Qwen/Qwen3-1.7B", raising(HfHubHTTPError("503", response=Response()))) is False
    assert constants.HF_HUB_OFFLINE is False


def test_a_hub_that_says_nothing_is_not_waited_for():
    gate = Event()
    with pytest.raises(EngineError, match=r"no answer within 0\.05 s"):
        look_up("Qwen/Qwen3-1.7B", lambda repository: gate.wait(), within_s=0.05)
    gate.set()


def test_serve_ends_with_one_line_and_code_2(monkeypatch):
    monkeypatch.setattr(HfApi, "model_info", lambda self, repository, timeout: NO_NETWORK(repository))
    done = CliRunner().invoke(build(), ["serve", "--port", "0", "--model", "Qwen/Qwen3-1.7X"])
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("anytime serve: 'Qwen/Qwen3-1.7X' is not on this machine")
