"""A serving engine in simulated time, under the very policy that serves: what budgets that follow the load are worth.

Fluid decoding: each of `n` running sessions thinks a token every `STEP_S + ROW_S * n` seconds; the others wait, first
come first served. A question is answered right from some length of thinking on, which nobody knows beforehand. Its
model goes on to think beyond that, as models do. Whoever has a deadline closes the thinking in time for the answer.
"""

import math
import random
from collections import deque
from dataclasses import dataclass, field

from anytime_server.controller.load import AccuracyCurve, Claim, LoadScale, LoadSignals, grants, moved

STEP_S, ROW_S = 0.012, 0.0006
SLOTS = 32
ANSWER_TOKENS = 20
REQUESTED = 1000
EVERY = 100
SAME_GUESS = 0.5
DT_S = 0.25


@dataclass(slots=True)
class Asked:
    """A question on its way.

    Attributes:
        at: when it came, in seconds.
        needs: thinking tokens from which on its answer is right.
        ends: thinking tokens after which the model closes its thinking by itself.
        deadline_s: seconds after `at`.
        granted: thinking tokens.
        spent: tokens so far, those of the answer included.
        settled: for how many checkpoints the interim answer has been the same.
        checked: checkpoints so far.
    """

    at: float
    needs: float
    ends: float
    deadline_s: float
    granted: float = REQUESTED
    spent: float = 0.0
    settled: int = 0
    checked: int = 0


@dataclass(slots=True)
class Outcome:
    """What became of the questions; `scales` holds (time, scale) of every tick."""

    seconds: float
    right: int = 0
    asked: int = 0
    refused: int = 0
    late: int = 0
    granted: list[float] = field(default_factory=list)
    scales: list[tuple[float, float]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Right answers in time per second."""
        return self.right / self.seconds


def step_s(running: int) -> float:
    """Seconds of a step of the engine."""
    return STEP_S + ROW_S * running


def draw(random_: random.Random, at: float) -> Asked:
    """Draw a question: half of them need under 200 tokens, one in ten more than was asked for."""
    needs = random_.lognormvariate(math.log(200), 1.25)
    whole_s = (REQUESTED + ANSWER_TOKENS) * step_s(SLOTS)
    return Asked(at, needs, min(needs * random_.uniform(2, 6) + 100, 4 * REQUESTED), 1.25 * whole_s)


def curve() -> AccuracyCurve:
    """The accuracy at each budget, as an evaluation would have measured it."""
    random_ = random.Random(7)
    needs = [draw(random_, 0.0).needs for _ in range(4000)]
    budgets = (0, 50, 100, 200, 400, 700, 1000)
    return AccuracyCurve({budget: sum(need <= budget for need in needs) / len(needs) for budget in budgets})


def capacity() -> float:
    """Questions per second that the engine answers at full budgets, with all slots taken."""
    random_ = random.Random(8)
    tokens = [min(REQUESTED, draw(random_, 0.0).ends) + ANSWER_TOKENS for _ in range(4000)]
    return SLOTS / step_s(SLOTS) / (sum(tokens) / len(tokens))


def arrivals(load, seconds: float, seed: int) -> list[Asked]:
    """Questions that come at `load(time)` times the capacity, at random (a thinned Poisson process)."""
    random_, rate, at, asked = random.Random(seed), 4 * capacity(), 0.0, []
    while (at := at + random_.expovariate(rate)) < seconds:
        if random_.random() < load(at) / 4:
            asked.append(draw(random_, at))
    return asked


def simulate(asked, seconds, *, policy=None, curve=None, static=None, knows_pace=True) -> Outcome:
    """Run it. With a `policy` budgets follow the load; `static` is one largest budget for all.

    A server that knows no pace looks every `policy.tick_s`, however short sessions are.
    """
    outcome, to_come, waiting, running = Outcome(seconds, asked=len(asked)), deque(asked), deque(), []
    scale, now, guesses, look_at = LoadScale(policy) if policy else None, 0.0, random.Random(9), 0.0
    while to_come or waiting or running:
        now += DT_S
        while to_come and to_come[0].at <= now:
            one = to_come.popleft()
            if scale and scale.exhausted:
                outcome.refused += 1
                continue
            one.granted = min(REQUESTED, static or REQUESTED)
            if scale and scale.value < 1:
                claims = [claim_of(other) for other in thinking(running)]
                *_, one.granted = grants([*claims, Claim(REQUESTED)], policy.floor, scale.value, curve)
            waiting.append(one)
        while waiting and len(running) < SLOTS:
            running.append(waiting.popleft())
        if scale and now >= look_at:
            look(now, scale, running, waiting, curve, REQUESTED * step_s(len(running)) if knows_pace else None)
            look_at = now + scale.look_s
            outcome.scales.append((now, scale.value))
        running = _step(running, now, outcome, guesses)
    return outcome


def look(now, scale, running, waiting, curve, session_s) -> None:
    """Do what a server does at every tick."""
    signals = LoadSignals(len(running), len(waiting), session_s=session_s)
    scale.observe(now, signals)
    movable = [*thinking(running), *waiting]
    claims, present = [claim_of(one) for one in movable], [int(one.granted) for one in movable]
    granted = grants(claims, scale.policy.floor, scale.value, curve)
    for one, new in zip(movable, moved(claims, present, granted, signals, pressed=scale.pressed), strict=True):
        one.granted = one.granted if new is None else new


def thinking(running: list[Asked]) -> list[Asked]:
    """Those that don't answer yet."""
    return [one for one in running if one.spent < min(one.granted, one.ends)]


def claim_of(one: Asked) -> Claim:
    """What a session asks for."""
    return Claim(REQUESTED, spent=min(REQUESTED, int(one.spent)), settled=one.settled)


def _check(one: Asked, guesses: random.Random) -> None:
    """Answer at the checkpoints that it has come to."""
    while one.checked < min(one.spent, one.granted, one.ends) // EVERY:
        one.checked += 1
        at = one.checked * EVERY
        same = at - EVERY >= one.needs or (at < one.needs and guesses.random() < SAME_GUESS)
        one.settled = one.settled + 1 if same and one.settled else 1


def _step(running: list[Asked], now: float, outcome: Outcome, guesses: random.Random) -> list[Asked]:
    """Let each think on for a while; return those that go on."""
    goes_on, pace = [], step_s(len(running))
    for one in running:
        one.spent += DT_S / pace
        _check(one, guesses)
        left_s = one.at + one.deadline_s - now
        thought = min(one.spent, one.granted, one.ends)
        if one.spent >= min(one.granted, one.ends) + ANSWER_TOKENS:
            in_time = left_s >= 0
            outcome.late += not in_time
            outcome.right += in_time and thought >= one.needs
            outcome.granted.append(one.granted)
        else:
            goes_on.append(one)
    return goes_on
