"""Whether there is such a model or data set, asked before anything is loaded.

The libraries ask the Hub again and again, file by file, for more than a minute where there is no network: a mistyped
name, or what is here already, need not wait for that.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from threading import Thread

from anytime_server.engines.choice import EMBEDDED, locate
from anytime_server.errors import EngineError

UNREACHABLE = "the Hugging Face Hub can't be reached"
WITHIN_S = 5.0
"""How long the Hub may take to answer; names can take longer to resolve than any time-out of the network."""

Ask = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of repository.

    Attributes:
        word: what one is called.
        folder: how the folders of downloaded ones begin.
        remedy: for a name that is not known.
    """

    word: str
    folder: str
    remedy: str


MODEL = Kind("model", "models", "check the name, or give a folder with a model")
DATA = Kind("data set", "datasets", "check the name, or give a file")


def ask_hub(repository: str) -> None:
    """Ask the Hub for a model; whatever goes wrong is raised."""
    from huggingface_hub import HfApi

    HfApi().model_info(repository, timeout=WITHIN_S)


def ask_hub_for_data(repository: str) -> None:
    """Ask the Hub for a data set; whatever goes wrong is raised."""
    from huggingface_hub import HfApi

    HfApi().dataset_info(repository, timeout=WITHIN_S)


def look_up(model: str, ask: Ask = ask_hub, within_s: float = WITHIN_S) -> bool:
    """Find out whether there is a `model`, if it is a Hub id.

    A model that is here already is served from here if the Hub can't be reached: this process goes offline then.

    Args:
        model: as in `--model`.
        ask: asks the Hub.
        within_s: seconds after which it can't be reached.

    Returns:
        Whether this process has gone offline.

    Raises:
        EngineError: if there is no such model, or it is not here and the Hub can't be reached; within `within_s`.
    """
    return _is_hub_id(model) and _look_for(model, MODEL, ask, within_s)


def look_up_data(name: str, ask: Ask = ask_hub_for_data, within_s: float = WITHIN_S) -> bool:
    """Find out whether there is a data set by this Hub id; see `look_up`."""
    return _look_for(name, DATA, ask, within_s)


def _look_for(name: str, kind: Kind, ask: Ask, within_s: float) -> bool:
    from huggingface_hub import is_offline_mode
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    here = is_here(name, kind)
    if is_offline_mode():
        if not here:
            raise EngineError(f"{name!r} is not on this machine, and HF_HUB_OFFLINE is set; {_meant(name, kind)}")
        return False
    match _within(ask, repository_of(name), within_s):
        case None | GatedRepoError():
            return False
        case HFValidationError():
            raise EngineError(f"{name!r} can't be the name of a {kind.word}; {_meant(name, kind)}")
        case RepositoryNotFoundError() if not here:
            remedy = f"{_meant(name, kind)}, or set HF_TOKEN if it is private"
            raise EngineError(f"the Hub knows no {kind.word} {name!r}; {remedy}")
        case HfHubHTTPError():
            # It answers; what it says of the files is told when they are loaded.
            return False
        case error if not here:
            reason = f"{type(error).__name__}: {error}"
            raise EngineError(f"{name!r} is not on this machine, and {UNREACHABLE} ({reason}); {_meant(name, kind)}")
    go_offline()
    return True


def _is_hub_id(model: str) -> bool:
    """Whether a model is looked for on the Hub: it is not embedded, not in a folder, and not at another address."""
    source = locate(model)
    elsewhere = "://" in source or bool(os.environ.get("VLLM_USE_MODELSCOPE"))
    return not elsewhere and not Path(source).expanduser().exists()


def folder_or_id(source: str) -> str:
    """Return the path of a folder on this machine without `~`, or a Hub id as it is."""
    folder = Path(source).expanduser()
    return str(folder) if folder.is_dir() else source


def repository_of(model: str) -> str:
    """Return a Hub id without what vLLM takes behind it: the quantization of a GGUF file."""
    return model.partition(":")[0]


def is_here(name: str, kind: Kind = MODEL) -> bool:
    """Whether some of the repository has been downloaded; of a data set, whether its table has been made of it."""
    from huggingface_hub import constants

    parts = repository_of(name).split("/")
    downloaded = Path(constants.HF_HUB_CACHE) / "--".join([kind.folder, *parts])
    made = Path(os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets") / "___".join(parts)
    return any(downloaded.glob("snapshots/*")) or (kind is DATA and made.exists())


def go_offline() -> None:
    """Have the libraries of this process, and of those it starts, look on this machine only."""
    from huggingface_hub import constants

    os.environ["HF_HUB_OFFLINE"] = "1"
    constants.HF_HUB_OFFLINE = True
    if (datasets := sys.modules.get("datasets")) is not None:
        datasets.config.HF_HUB_OFFLINE = True


def _within(ask: Ask, repository: str, within_s: float) -> Exception | None:
    """Ask in a thread of its own, which may wait for a name server for longer, and does not hold up the end."""
    failures: list[Exception | None] = []

    def work() -> None:
        try:
            ask(repository)
            failures.append(None)
        except Exception as error:
            # Judged in the caller's thread. Which library the Hub is asked with depends on its version.
            failures.append(error)

    asking = Thread(target=work, name="anytime-hub", daemon=True)
    asking.start()
    asking.join(within_s)
    return failures[0] if failures else TimeoutError(f"no answer within {within_s:g} s")


def _meant(name: str, kind: Kind) -> str:
    close = kind is MODEL and get_close_matches(name, [EMBEDDED], cutoff=0.7)
    return f"did you mean {EMBEDDED}?" if close else kind.remedy
