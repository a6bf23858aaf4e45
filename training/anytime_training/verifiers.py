r"""Verifiers: whether an answer has an accepted value.

A verifier is a function `(answer, accepted, **columns) -> float`: the text of an answer without its thinking, the
accepted values of its problem and, if it asks for them, further columns of the row. It returns a reward in [0, 1] or a
bool. `exact` is bounded by construction; everything else runs in the processes of a `VerifierPool`.
"""

import importlib
import importlib.util
import logging
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from anytime_server.controller.markers import FINAL_ANSWER_CUE
from anytime_training.errors import VerifierError
from anytime_training.tasks import value_of

Verifier = Callable[..., float]

BOXED = "\\boxed{"
_CUE = FINAL_ANSWER_CUE.strip()
_MATHS_IN_TEXT = re.compile(r"(?<!\\)\$.+?(?<!\\)\$|\\\[|\\\(", re.DOTALL)


def exact(answer: str, accepted: Sequence[str]) -> bool:
    """Whether the value after the last cue, or the whole of a short answer, is an accepted value.

    Letter case, runs of white space and a full stop at the end do not matter.
    """
    return _normalised(value_of(answer)) in {_normalised(value) for value in accepted}


def math(answer: str, accepted: Sequence[str]) -> bool:
    r"""Whether the value of an answer equals an accepted value as mathematics, by math-verify.

    The value is the last `\boxed{}` after the last `**Final Answer**`, else the first paragraph there; without that cue
    the whole answer is searched. math-verify's own time-outs need the main thread and are off: run it in a pool.

    Raises:
        VerifierError: if math-verify is not installed.
        ValueError: if an accepted value can't be read.
    """
    library = _math_verify()
    target = library.parse(_maths_of(answer), parsing_timeout=None)
    for value in accepted:
        gold = library.parse(_boxed(value), parsing_timeout=None)
        if not gold:
            raise ValueError(f"math-verify can't read the accepted value {value!r}")
        if library.verify(gold, target, timeout_seconds=None):
            return True
    return False


VERIFIERS: dict[str, Verifier] = {"exact": exact, "math": math}
BOUNDED = frozenset({"exact"})
"""The verifiers that need no time-out, since their work is linear in the length of the answer."""


def resolve(name: str) -> Verifier:
    """Find a verifier by name, `module:function` or `path/to/file.py:function`, and import what it needs.

    Raises:
        VerifierError: if there is no such verifier, or a library of it is missing.
    """
    if name == "math":
        _math_verify()
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


def last_boxed(text: str) -> str | None:
    r"""What is in the last `\boxed{}` of a text; None if there is none or it is not closed."""
    start = text.rfind(BOXED)
    if start < 0:
        return None
    start, depth = start + len(BOXED), 1
    for brace in re.finditer(r"\\.|[{}]", text[start:]):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return text[start : start + brace.start()].strip()
    return None


def _maths_of(answer: str) -> str:
    """The value of an answer as text that math-verify reads whole, and not just the last number of."""
    tail = answer.rpartition(_CUE)[2].strip()
    paragraph = tail.split("\n\n", 1)[0]
    if last_boxed(tail) is None and _MATHS_IN_TEXT.search(paragraph):
        return paragraph
    return _boxed(tail if last_boxed(tail) is not None else paragraph)


def _boxed(value: str) -> str:
    inner = last_boxed(value)
    return f"{BOXED}{value.strip().removesuffix('.') if inner is None else inner}}}"


def _normalised(value: str) -> str:
    return " ".join(value.split()).removesuffix(".").casefold()


def _math_verify() -> ModuleType:
    if importlib.util.find_spec("math_verify") is None:
        raise VerifierError("the verifier 'math' needs math-verify: pip install 'anytime-reasoning[training]'")
    # It warns that its time-outs are off, and logs every answer it can't read.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return importlib.import_module("math_verify")


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        try:
            return importlib.import_module(place)
        except ModuleNotFoundError as error:
            raise VerifierError(f"the verifier's module {place!r} can't be imported: {error}") from error
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    if spec is None or spec.loader is None or not Path(place).is_file():
        raise VerifierError(f"the verifier's file {place} does not exist")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
