"""The thinking of a session: its token log, its text, and the legs it was generated in."""

from anytime_server.controller import BudgetPolicy, BudgetState, Phase, Tokenizer
from anytime_server.engines import EngineRequest, Thinking
from anytime_server.reasoning.detokenizer import Detokenizer
from anytime_server.reasoning.plan import Plan


class Trunk:
    """The thinking tokens of a session.

    A leg is one generation of the engine that goes on from here; its tokens pass through the budget's state machine,
    which says what is thinking. Tokens that may yet be the start of the close marker are not in `ids` until they are
    known to be thinking.
    """

    def __init__(self, plan: Plan, tokenizer: Tokenizer) -> None:
        """Start with no thinking."""
        self._plan = plan
        self._detokenizer = Detokenizer(tokenizer)
        self._decoded = 0
        self._seen: list[int] = []
        self.ids: list[int] = []
        self.state = BudgetState(BudgetPolicy(plan.granted), plan.format)

    @property
    def text(self) -> str:
        """The thinking as text, as far as it was taken."""
        return self._detokenizer.text

    def take_text(self) -> str:
        """Return the text that came since the last call, up to the last whole character while the thinking goes on."""
        new, self._decoded = self.ids[self._decoded :], len(self.ids)
        text = self._detokenizer.feed(new) if new else ""
        return text + self._detokenizer.finish() if self.ended else text

    @property
    def ended(self) -> bool:
        """Whether the current leg has left the thinking."""
        return self.state.phase is not Phase.THINKING

    def begin_leg(
        self, request_id: str, policy: BudgetPolicy, *, answers: bool, most: int | None = None
    ) -> EngineRequest:
        """Return the engine request that goes on from the trunk under `policy`, for `most` tokens if that is given.

        If it `answers`, the answer is part of it, and it has logprobs; else `answer_request` is to follow.
        """
        thinking = Thinking(policy, self._plan.format, tuple(self.ids))
        self.state = thinking.state()
        self._seen = list(self.ids)
        format, request = self._plan.format, self._plan.request
        whole = max(0, policy.budget - len(self.ids)) + len(format.closing_ids)
        if policy.short_answer:
            whole += len(format.cue_ids)
        if answers:
            whole += self._plan.max_answer_tokens
        return EngineRequest(
            request_id=request_id,
            prompt_ids=self._plan.prompt_ids,
            max_tokens=most or min(whole, self._plan.max_total_tokens - len(self.ids)),
            sampling=self._plan.sampling.further(len(self.ids)),
            thinking=thinking,
            logprobs=answers,
            top_logprobs=request.top_logprobs if answers else 0,
        )

    def answer_request(self, request_id: str) -> EngineRequest:
        """Return the engine request of an answer alone, which goes on from the thinking that the leg has closed.

        It is one of its own so that a grammar holds from its first token, or since the thinking had no logprobs.
        """
        request = self._plan.request
        return EngineRequest(
            request_id=request_id,
            prompt_ids=(*self._plan.prompt_ids, *self._seen),
            max_tokens=min(self._plan.max_answer_tokens, self._plan.max_total_tokens - len(self._seen)),
            sampling=self._plan.sampling.further(len(self._seen)),
            structured=request.structured_outputs,
            top_logprobs=request.top_logprobs,
        )

    def observe(self, token: int) -> Phase:
        """Move past a token of the leg and return the phase it belongs to."""
        phase = self.state.observe(token)
        if phase is not Phase.ANSWER:
            self._seen.append(token)
        if phase is Phase.THINKING:
            self.ids.extend(self._seen[len(self.ids) : self.state.spent - self.state.pending])
        return phase
