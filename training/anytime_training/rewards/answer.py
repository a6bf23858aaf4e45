"""The reward of an answer, as a reward function of TRL."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from anytime_training.errors import VerifierError
from anytime_training.rewards.pool import Counts, Task, VerifierPool
from anytime_training.rewards.strict import StrictRule
from anytime_training.rewards.verifiers import BOUNDED, Loadable, Verifier, resolve, score

TRIED = 4
"""Right answers that a verifier of the user's own is tried on before anything is computed; it may be slow."""

Completion = str | Sequence[Mapping[str, Any]]
"""A text, or the messages of a turn, whose last one is the answer."""


class AnswerReward:
    """A reward in [0, 1] for every completion: what the verifier says of it and of the row's accepted values.

    Without a pool the verifier runs in this process. With a rule, the verifier sees what the rule lets it judge, and an
    answer of which that is nothing earns 0. `counts` tells how the verifications went so far.
    """

    def __init__(self, verifier: Verifier, pool: VerifierPool | None, name: str, rule: StrictRule | None) -> None:
        self.__name__ = "answer_reward"  # TRL names the reward's metrics by it
        self.counts = Counts() if pool is None else pool.counts
        self._verifier = verifier
        self._pool = pool
        self._name = name
        self._rule = rule
        self._has_run = False

    @classmethod
    def create(
        cls, verifier: str | Loadable, timeout_s: float = 5.0, workers: int = 2, rule: StrictRule | None = None
    ) -> "AnswerReward":
        """Make the reward of a verifier: exact, math, module:function, path/to/file.py:function or a loadable one.

        Raises:
            VerifierError: if there is no such verifier, or a library of it is missing; the text names the remedy.
        """
        function = resolve(verifier)
        pool = None if isinstance(verifier, str) and verifier in BOUNDED else VerifierPool(verifier, timeout_s, workers)
        return cls(function, pool, str(verifier), rule)

    def __call__(
        self, completions: Sequence[Completion], answer: Sequence[str | Sequence[str]], **columns: Any
    ) -> list[float]:
        """Verify completions against the column `answer`, the accepted values of each row.

        TRL calls the column `prompt` `prompts`; a verifier gets it by either name.

        Raises:
            VerifierError: if not one verification of the first batch ended in a reward, with the last exception.
        """
        texts = [_text(completion) for completion in completions]
        judged = [self._rule.judged(text) if self._rule else text for text in texts]
        first = not self._has_run
        self._has_run = self._has_run or any(text is not None for text in judged)
        if "prompts" in columns:
            columns["prompt"] = columns["prompts"]
        rewards = iter(self.verify(judged, answer, columns, must_work=first))
        return [0.0 if text is None else next(rewards) for text in judged]

    def verify(
        self,
        texts: Sequence[str | None],
        answer: Sequence[str | Sequence[str]],
        columns: Mapping[str, Any],
        must_work: bool = True,
    ) -> list[float]:
        """What the verifier says of texts, whatever the rule; a text that is None is left out.

        Raises:
            VerifierError: if the verifier `must_work` and not one verification ended in a reward.
        """
        rows = _rows(_wanted(self._verifier, columns), len(texts))
        tasks: list[Task] = [
            (text, [accepted] if isinstance(accepted, str) else list(accepted), row)
            for text, accepted, row in zip(texts, answer, rows, strict=True)
            if text is not None
        ]
        if self._pool is None:
            rewards = [score(self._verifier, *task) for task in tasks]
            self.counts.verified += len(rewards)
            return rewards
        before = self.counts.verified
        rewards = self._pool.run(tasks)
        if must_work and tasks and self.counts.verified == before:
            raise VerifierError(
                f"the verifier {self._name!r} failed on every one of {len(tasks)} answers, the last time with: "
                f"{self._pool.last_failure}; it must return a number from 0 to 1 for any text, within reward.timeout_s"
            )
        return rewards

    def check(self, columns: Sequence[str]) -> None:
        """Check that rows with these columns have what the verifier asks for.

        Raises:
            VerifierError: naming what is missing.
        """
        _wanted(self._verifier, dict.fromkeys(columns))

    def close(self) -> None:
        """Stop the worker processes."""
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> "AnswerReward":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _text(completion: Completion) -> str:
    text = completion if isinstance(completion, str) else completion[-1]["content"]
    return str(text or "")


def _wanted(verifier: Verifier, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that the verifier's signature asks for."""
    parameters = list(inspect.signature(verifier).parameters.values())[2:]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(columns)
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    if missing := [name for name in needed if name not in columns]:
        raise VerifierError(
            f"the verifier wants {', '.join(missing)}, and there are only the columns {', '.join(sorted(columns))}; "
            "keep more of them (data.keep), or give the parameter a default"
        )
    return {parameter.name: columns[parameter.name] for parameter in parameters if parameter.name in columns}


def _rows(columns: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """The columns by row; TRL also passes things that are no column, and they can't go to another process."""
    real = {name: column for name, column in columns.items() if isinstance(column, list) and len(column) == count}
    return [{name: column[row] for name, column in real.items()} for row in range(count)]
