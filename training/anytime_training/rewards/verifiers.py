r"""Verifiers: whether an answer has an accepted value.

A verifier is a function `(answer, accepted, **columns) -> float`: the text of an answer without its thinking, the
accepted values of its problem and, if it asks for them, further columns of the row. It returns a reward in [0, 1] or a
bool. `exact` is bounded by construction; everything else runs in the processes of a `VerifierPool`.
"""

import importlib
import importlib.util
import numbers
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from anytime_server.values import (
    after_cue,
    is_bare,
    is_prose,
    last_boxed,
    mathematics,
    same_value,
    short_value,
    value_of,
    whole_value,
)
from anytime_server.values.boxes import has_box
from anytime_training.errors import VerifierError

__all__ = ["BOUNDED", "VERIFIERS", "Loadable", "Verifier", "exact", "last_boxed", "math", "resolve", "score"]

Verifier = Callable[..., float]


class Loadable(Protocol):
    """What stands for a verifier and makes it in each worker process; it is picklable, and `str` of it is its name."""

    def load(self) -> Verifier:
        """Make the verifier; VerifierError if a library of it is missing."""


def exact(answer: str, accepted: Sequence[str]) -> bool:
    """Whether an answer says an accepted value and nothing after it.

    The value is found and compared as the server does it (`anytime_server.values`): in a box, after the last cue or
    announcement, or the whole of a short answer; the same number, or the same text but for letter case and notation.
    """
    value = whole_value(answer)
    return any(same_value(value, good) for good in accepted)


def math(answer: str, accepted: Sequence[str]) -> bool:
    r"""Whether the value of an answer equals an accepted value as mathematics, by math-verify.

    The value is found as the server finds it. An answer that announces none, and does not begin with a bare one, is
    searched for the last value that math-verify finds. A box that is not closed is no value. math-verify's time-outs
    need the main thread and are off: run it in a pool.

    Raises:
        VerifierError: if math-verify is not installed.
        ValueError: if an accepted value can't be read.
    """
    _check_math_verify()
    tail = after_cue(answer) or answer
    value = value_of(answer)
    if value is None and is_bare(tail):
        value = short_value(tail)
    golds = [last_boxed(good) or good for good in accepted]
    if value is not None and any(mathematics.equals(gold, value) for gold in golds):
        return True
    searched = not has_box(tail) and (value is None or is_prose(value))
    return searched and any(mathematics.found_in(gold, tail) for gold in golds)


VERIFIERS: dict[str, Verifier] = {"exact": exact, "math": math}
BOUNDED = frozenset({"exact"})
"""The verifiers that need no time-out, since their work is linear in the length of the answer."""


def resolve(name: str | Loadable) -> Verifier:
    """Find a verifier by name, `module:function` or `path/to/file.py:function`, or load it; import what it needs.

    Raises:
        VerifierError: if there is no such verifier, or a library of it is missing.
    """
    if not isinstance(name, str):
        return name.load()
    if name == "math":
        _check_math_verify()
    if name in VERIFIERS:
        return VERIFIERS[name]
    place, _, function = name.rpartition(":")
    if not place:
        raise VerifierError(
            f"unknown verifier {name!r}; known: {', '.join(VERIFIERS)}, module:function or path/to/file.py:function"
        )
    verifier = getattr(_module(place), function, None)
    if not callable(verifier):
        raise VerifierError(f"verifier {name!r}: {place} has no function {function!r}")
    return verifier  # type: ignore[no-any-return]  # a user's function; `score` checks what it returns


def score(verifier: Verifier, answer: str, accepted: Sequence[str], columns: Mapping[str, Any]) -> float:
    """Verify one answer.

    Raises:
        VerifierError: if the verifier returns anything but a bool or a number in [0, 1].
        Exception: whatever the verifier raises.
    """
    reward: object = verifier(answer, accepted, **columns)
    if not isinstance(reward, numbers.Real) or not 0 <= float(reward) <= 1:
        raise VerifierError(f"the verifier returned {reward!r}; a reward must be a bool or a number in [0, 1]")
    return float(reward)


def _check_math_verify() -> None:
    if not mathematics.is_installed():
        raise VerifierError("the verifier 'math' needs math-verify: pip install 'anytime-reasoning[training]'")


def _module(place: str) -> ModuleType:
    try:
        return _file(place) if place.endswith(".py") else importlib.import_module(place)
    except VerifierError:
        raise
    except (Exception, SystemExit) as error:
        what = "file" if place.endswith(".py") else "module"
        raise VerifierError(f"the verifier's {what} {place!r} can't be imported: {_told(error)}") from error


def _file(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise VerifierError(f"the verifier's file {path} does not exist")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _told(error: BaseException) -> str:
    """Return what an import raised, and where in the module, in a line."""
    if isinstance(error, SyntaxError):
        text, place = error.msg, (error.filename, error.lineno)
    else:
        importing = (__file__, importlib.__file__)
        steps = [step for step in traceback.extract_tb(error.__traceback__) if step.filename not in importing]
        steps = [step for step in steps if not step.filename.startswith("<frozen")]
        own = [step for step in steps if step.filename == steps[0].filename]
        text, place = str(error), (own[-1].filename, own[-1].lineno) if own else (None, None)
    where = f" ({place[0]}, line {place[1]})" if place[0] else ""
    return " ".join(f"{type(error).__name__}: {text}{where}".split())
