"""What a session has written so far, token by token: its thinking and its answer, in the legs that they were made in.

All of it follows from the steps that were taken: legs begun, tokens observed. So whoever takes the same steps again
(`redo`) has the same transcript, down to the half characters that are held back.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from anytime_client.protocol import TokenLogprob
from anytime_server.controller import BudgetPolicy, Phase, Tokenizer
from anytime_server.engines import EngineRequest
from anytime_server.errors import EngineError
from anytime_server.reasoning.answers.final import AnswerText
from anytime_server.reasoning.answers.logprobs import AnswerLogprobs
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.trunk.leg import Leg
from anytime_server.reasoning.trunk.trunk import Trunk

Step = list[Any]
"""A step as JSON: its kind, and what it was taken with."""

DIFFERS = (
    "the engine was lost within a structured answer, and what it makes anew differs from what was sent; ask again, "
    "with a seed or a temperature of 0 if it must not happen"
)


class Transcript:
    """The trunk, the answer, and the leg that makes them; `legs` counts those that were begun."""

    def __init__(self, session_id: str, plan: Plan, tokenizer: Tokenizer, *, keeps_steps: bool) -> None:
        """Start with nothing written; steps are kept for `take_steps` if they may have to be taken again."""
        self._plan = plan
        self._tokenizer = tokenizer
        self._steps: list[Step] | None = [] if keeps_steps else None
        self._answered: list[int] = []
        self._sent = ""
        self.trunk = Trunk(session_id, plan, tokenizer)
        self.leg = Leg(0, answers=False)
        self.legs = 0
        self.answer = self._new_answer()

    @property
    def in_answer(self) -> bool:
        """Whether the leg has left the thinking, its closing and its cue behind."""
        return self.trunk.begun and self.trunk.state.phase is Phase.ANSWER

    def begin_leg(self, policy: BudgetPolicy, *, answers: bool) -> None:
        """Begin a leg under `policy`; if it `answers`, what follows its closing is the answer."""
        self._note("leg", policy.budget, policy.min_budget, answers)
        self.leg = Leg(len(self.trunk.ids), answers=answers)
        self.answer, self._answered, self._sent = self._new_answer(), [], ""
        self.trunk.begin(policy)
        if self.in_answer:
            self._begin_answer()

    def go_on_to_answer(self) -> None:
        """Let what follows be the answer, in a leg that was to think and close only."""
        self._note("answers")
        self.leg.answers = True

    def observe(
        self,
        token: int,
        logprob: float = 0.0,
        alternatives: Sequence[tuple[int, float]] = (),
        *,
        heeded: bool = True,
    ) -> Phase:
        """Move past a token of the leg and return the phase it belongs to.

        If it is one of the answer, the answer takes it in, unless it is whole, or the token is not to be `heeded`.

        Raises:
            EngineError: if a structured answer that is made anew differs from what was sent of it.
        """
        phase = self.trunk.state.phase
        surplus = phase is Phase.ANSWER and (self.answer.done or not self.leg.answers)
        self.leg.count(forced=self.trunk.state.forces, surplus=surplus)
        self.trunk.observe(token)
        if phase is not Phase.ANSWER:
            self._note("tokens", token)
            if self.in_answer:
                self._begin_answer()
        elif heeded and not surplus:
            self._write(token, logprob, alternatives)
        return phase

    def drop(self, tokens: int) -> None:
        """Leave out so many tokens of the leg: they came with one after which the thinking was to end."""
        if tokens:
            self._note("drop", tokens)
            self.leg.drop(tokens)

    def finish_answer(self) -> None:
        """End an answer that the engine has ended: it has the most tokens it may have."""
        self._note("finish")
        self.answer.finish("length")

    def request_rest(self, name: str) -> EngineRequest:
        """Return the engine request `name` of an answer that a loss cut off.

        Free text goes on from its tokens. No engine resumes a grammar, so a structured answer is made anew; what was
        sent of it is not sent again.
        """
        if self._plan.request.structured_outputs is None:
            return self.trunk.answer_request(name, self._answered)
        self._begin_anew()
        return self.trunk.answer_request(name)

    def take_answer(self) -> str:
        """Return the text of the answer that was not taken before."""
        return self.answer.take()

    def take_logprobs(self) -> tuple[TokenLogprob, ...] | None:
        """Return the logprobs that go with what `take_answer` has returned last; None if they are not noted."""
        return self.answer.take_logprobs()

    def _write(self, token: int, logprob: float, alternatives: Sequence[tuple[int, float]]) -> None:
        self._note("answer", token, logprob, *alternatives)
        self._answered.append(token)
        self.answer.feed(token, logprob, alternatives)
        size = min(len(self._sent), len(self.answer.text))
        if self._sent[:size] != self.answer.text[:size]:
            raise EngineError(DIFFERS)

    def _begin_answer(self) -> None:
        trunk = self.trunk
        self.answer.begin(was_cut=trunk.state.was_cut, begins_in=trunk.answer_begins_in, header=trunk.answer_header)

    def _begin_anew(self) -> None:
        self._note("anew")
        self.leg.discard_answer(len(self._answered))
        self._sent = max(self._sent, self.answer.taken, key=len)
        self.answer, self._answered = self._new_answer(), []
        self._begin_answer()
        self.answer.skip(len(self._sent))

    def _new_answer(self) -> AnswerText:
        plan, request = self._plan, self._plan.request
        return AnswerText(
            self._tokenizer,
            plan.format.markers,
            plan.max_answer_tokens,
            request.stop_strings,
            AnswerLogprobs(self._tokenizer) if request.logprobs else None,
            verbatim=not plan.thinks,
            calls_tools=plan.calls_tools,
        )

    # --- its steps ---------------------------------------------------------------------------------------------------

    def take_steps(self) -> list[Step]:
        """Return the steps taken since the last call."""
        steps = self._steps or []
        if steps:
            self._steps = []
        return steps

    def redo(self, steps: Iterable[Step], policy_of: Callable[[int, int], BudgetPolicy]) -> None:
        """Take steps again; `policy_of` makes a policy of its budget and its least budget.

        Raises:
            ValueError: if there is no such step.
        """
        for kind, *details in steps:
            match kind, details:
                case "leg", [budget, min_budget, answers]:
                    self.begin_leg(policy_of(budget, min_budget), answers=answers)
                case "answers", []:
                    self.go_on_to_answer()
                case "tokens", tokens:
                    for token in tokens:
                        self.observe(token)
                case "answer", [token, logprob, *alternatives]:
                    self.observe(token, logprob, [(other, value) for other, value in alternatives])
                case "drop", [size]:
                    self.drop(size)
                case "finish", []:
                    self.finish_answer()
                case "anew", []:
                    self._begin_anew()
                case _:
                    raise ValueError(f"there is no step {kind!r}")
        self.take_steps()

    def _note(self, kind: str, *details: Any) -> None:
        if self._steps is None:
            return
        if kind == "tokens" and self._steps and self._steps[-1][0] == kind:
            self._steps[-1].extend(details)
        else:
            self._steps.append([kind, *details])
