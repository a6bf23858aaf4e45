"""Runs of the study as processes, so many at a time; what has a result is not run again."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from study_parts import search
from study_parts.arms import ARMS, WARM_UP, Arm
from study_parts.runs import best_learning_rates, search_score
from study_parts.training import Order, digest

SCRIPT = Path(__file__).resolve().parents[1] / "brpo_study.py"
QUIET = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TRL_EXPERIMENTAL_SILENCE": "1"}


class RunError(Exception):
    """A run failed, or a result is of something else than what is to be run."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where runs are kept and what they start from."""

    task: str
    warm_up: Path
    work: Path
    jobs: int

    def search(self, arms: Sequence[Arm], steps: int) -> None:
        """Search the learning rate of each arm; `jobs` arms at a time, the rates of an arm one after the other."""
        searched = [arm for arm in arms if arm.rate_of is None]
        with ThreadPoolExecutor(self.jobs) as pool:
            _all_done({arm.name: pool.submit(self._search, arm, steps) for arm in searched})

    def run(
        self, arms: Sequence[Arm], seeds: Sequence[int], steps: int, given: Mapping[str, float] | None = None
    ) -> None:
        """Measure the warm-up and run every arm with every seed, seed by seed, so that a part of it is balanced.

        An arm takes the rate that its search has found, or that which is `given`.
        """
        rates = dict(given or {})
        wanted = {arm.rate_of or arm.name for arm in arms}
        if wanted - set(rates):
            rates = {**best_learning_rates(self.work), **rates}
        missing = sorted(wanted - set(rates))
        if missing:
            raise SystemExit(f"{self.work} holds no search of {', '.join(missing)}; search them first")
        orders = [Order(WARM_UP, self.task, WARM_UP, 0, 0.0, 0)]
        for seed in seeds:
            for arm in arms:
                rate = rates[arm.rate_of or arm.name]
                orders.append(Order(f"{arm.name}-{seed}", self.task, arm.name, seed, rate, steps))
        with ThreadPoolExecutor(self.jobs) as pool:
            running: dict[str, Future[Any]] = {}
            for order in orders:
                running[order.name] = pool.submit(self._run_after, order, running)
            _all_done(running)

    def _search(self, arm: Arm, steps: int) -> dict[float, float]:
        def measure(rate: float) -> float:
            name = f"search-{arm.name}-{rate:g}"
            return search_score(self.result(Order(name, self.task, arm.name, search.SEED, rate, steps, search=True)))

        return search.walk(measure)

    def _run_after(self, order: Order, earlier: dict[str, "Future[Any]"]) -> None:
        """Run an order; one that lasts as long as another waits for it, which was submitted before."""
        timed_by = ARMS[order.arm].as_long_as if order.arm in ARMS else None
        if timed_by:
            name = f"{timed_by}-{order.seed}"
            if name in earlier:
                earlier[name].result()
            path = self.work / name / "run.json"
            if not path.exists():
                raise RunError(f"{order.name} lasts as long as {name}, which has no result; run {timed_by} as well")
            order = replace(order, cpu_seconds=json.loads(path.read_text())["train_cpu_seconds"])
        self.result(order)

    def result(self, order: Order) -> dict[str, Any]:
        """The result of a run; it is run first if there is none."""
        out = self.work / order.name
        path = out / "run.json"
        if not path.exists():
            self._process(order, out)
        found: dict[str, Any] = json.loads(path.read_text())
        expected = {**order.identity, "warm_up": digest(self.warm_up)}
        for name, value in expected.items():
            if found[name] != value:
                raise RunError(f"{path}: {name} is {found[name]}, not {value}; give another --work")
        return found

    def _process(self, order: Order, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(SCRIPT), "one", "--warm-up", str(self.warm_up), "--out", str(out)]
        with (out / "log.txt").open("w") as log:
            code = subprocess.run(
                [*command, "--order", json.dumps(asdict(order))], stdout=log, stderr=log, env={**os.environ, **QUIET}
            ).returncode
        print(f"{order.name}: {'failed' if code else 'done'}", flush=True)
        if code:
            raise RunError(f"{order.name} failed; its log is {out / 'log.txt'}")


def _all_done(running: dict[str, "Future[Any]"]) -> None:
    """Wait for all; what failed ends the program when everything else is done."""
    failed = [f"{name}: {error}" for name, future in running.items() if (error := future.exception())]
    if failed:
        raise SystemExit("\n".join(failed))
