"""The thinking of a session: its token log, its text, and the legs it was generated in."""

from collections.abc import Sequence

from anytime_server.controller import BudgetPolicy, BudgetState, Phase, Tokenizer
from anytime_server.engines import EngineRequest, Thinking
from anytime_server.engines.contract import Role
from anytime_server.reasoning.plans.plan import Plan
from anytime_server.reasoning.text.shown_thinking import ShownThinking


class Trunk:
    """The thinking tokens of a session.

    A leg is one generation of the engine that goes on from here; its tokens pass through the budget's state machine,
    which says what is thinking. Tokens that may yet be the start of the close marker are not in `ids` until they are
    known to be thinking.
    """

    def __init__(self, session_id: str, plan: Plan, tokenizer: Tokenizer) -> None:
        """Start with no thinking."""
        self._session_id = session_id
        self._plan = plan
        self._tokenizer = tokenizer
        self._shown = ShownThinking(tokenizer, plan.format)
        self._decoded = 0
        self._end_told = False
        self._closer: int | None = None
        self._prompt_ids = plan.prompt_ids
        self._seen: list[int] = []
        self.begun = False
        self.queues = True
        """Whether its next request waits for its turn: the first one, and the first after a loss."""
        self.ids: list[int] = []
        self._policy = BudgetPolicy(plan.granted)
        self.state = BudgetState(self._policy, plan.format)

    @property
    def text(self) -> str:
        """The thinking as text, as far as it was taken."""
        return self._shown.text

    def take_text(self) -> str:
        """Return the text that came since the last call, as far as it is known to be thinking."""
        new, self._decoded = self.ids[self._decoded :], len(self.ids)
        text = self._shown.feed(new) if new else ""
        if self.state.phase is Phase.ANSWER and not self._end_told:
            self._end_told = True
            text += self._shown.end(self.state, self._closer)
        return text

    @property
    def ended(self) -> bool:
        """Whether the current leg has left the thinking."""
        return self.state.phase is not Phase.THINKING

    @property
    def answer_begins_in(self) -> tuple[int, int] | None:
        """The last token, if it ran past the model's own close marker: the answer begins inside of it.

        With it comes how many of its bytes are the marker's.
        """
        if self.state.phase is not Phase.ANSWER or self.state.was_cut or self._plan.request.answer == "short":
            return None
        return (self._seen[-1], self.state.overrun) if self._seen else None

    @property
    def answer_header(self) -> str:
        """In a family that writes channels, the header by which the model ended its thinking; empty for any other."""
        if self._plan.format.tail_search is None or self.state.was_cut or self.state.phase is not Phase.ANSWER:
            return ""
        closer = b"".join(self._tokenizer.vocabulary[token] for token in self._seen[len(self.ids) :])
        rest = len(self._tokenizer.vocabulary[self._seen[-1]]) - self.state.overrun
        return closer[self.state.lead : len(closer) - rest].decode(errors="replace")

    @property
    def _role(self) -> Role:
        return "trunk" if self.queues else "rest"

    def begin(self, policy: BudgetPolicy) -> None:
        """Begin a leg under `policy`: what the one before has generated beyond the trunk is forgotten."""
        self.begun, self._end_told, self._closer = True, False, None
        self._policy, self._seen = policy, list(self.ids)
        if self.is_direct(policy):
            cue_ids = self._plan.format.cue_ids if policy.short_answer else ()
            self._prompt_ids = (*(self._plan.direct_prompt_ids or self._plan.prompt_ids), *cue_ids)
            thinking = Thinking.over(self._plan.format) if self._plan.thinks else Thinking(policy, self._plan.format)
        else:
            self._prompt_ids = self._plan.prompt_ids
            thinking = Thinking(policy, self._plan.format, tuple(self.ids))
        self.state = thinking.state()

    def is_direct(self, policy: BudgetPolicy) -> bool:
        """Whether a leg under `policy` answers at once: there is no thinking to generate, nor to close."""
        no_thinking = self._plan.direct_prompt_ids is not None and policy.budget == 0 and not self.ids
        return no_thinking or not self._plan.thinks

    def request(self, leg: str, *, answers: bool, most: int | None = None) -> EngineRequest:
        """Return the engine request `leg` that goes on from the trunk, for `most` tokens if that is given.

        If it `answers`, the answer is part of it, and it has logprobs; else `answer_request` is to follow.
        """
        policy, format, request = self._policy, self._plan.format, self._plan.request
        whole = max(0, policy.budget - len(self.ids)) + format.most_closing
        if policy.short_answer:
            whole += len(format.cue_ids)
        if answers:
            whole += self._plan.max_answer_tokens
        return EngineRequest(
            request_id=f"{self._plan.name_of(self._session_id)}.{leg}",
            session_id=self._session_id,
            client=self._plan.client,
            role=self._role,
            prompt_ids=self._prompt_ids,
            max_tokens=most or min(whole, self._plan.max_total_tokens - len(self.ids)),
            sampling=self._plan.sampling,
            thinking=Thinking(policy, format, tuple(self.ids)),
            logprobs=answers,
            top_logprobs=request.top_logprobs if answers else 0,
        )

    def answer_request(self, leg: str, answered: Sequence[int] = ()) -> EngineRequest:
        """Return the engine request of an answer alone, which goes on from the thinking that the leg has closed.

        It is one of its own so that a grammar holds from its first token, or since the thinking had no logprobs; or
        since a loss has cut the answer off after the tokens `answered`.
        """
        request = self._plan.request
        # A grammar rules the open marker out, or asks for it.
        guarded = self.state.was_cut and request.structured_outputs is None
        written = len(self._seen) + len(answered)
        most = min(self._plan.max_answer_tokens - len(answered), self._plan.max_total_tokens - written)
        return EngineRequest(
            request_id=f"{self._plan.name_of(self._session_id)}.{leg}",
            session_id=self._session_id,
            client=self._plan.client,
            role=self._role,
            prompt_ids=(*self._prompt_ids, *self._seen, *(() if guarded else answered)),
            max_tokens=max(1, most),
            sampling=self._plan.sampling,
            thinking=Thinking.over(self._plan.format, answered) if guarded else None,
            structured=request.structured_outputs,
            top_logprobs=request.top_logprobs,
        )

    def cued_prompt(self) -> tuple[int, ...]:
        """Return the prompt of a short answer after the thinking as the leg has closed it."""
        cue_ids = () if self._policy.short_answer else self._plan.format.cue_ids
        return (*self._prompt_ids, *self._seen, *cue_ids)

    def observe(self, token: int) -> Phase:
        """Move past a token of the leg and return the phase it belongs to."""
        phase = self.state.observe(token)
        if phase is not Phase.ANSWER:
            self._seen.append(token)
            self._closer = token if phase is Phase.THINKING else self._closer
        if phase is Phase.THINKING:
            self.ids.extend(self._seen[len(self.ids) : self.state.spent - self.state.pending])
        return phase
