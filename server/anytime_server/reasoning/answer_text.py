"""The final answer while it streams: its text up to a stop string, and how sure the model is of it."""

from collections.abc import Callable, Sequence

from anytime_client.protocol import Answer, FinishReason, TokenLogprob
from anytime_server.controller import Tokenizer
from anytime_server.reasoning.answer_logprobs import AnswerLogprobs
from anytime_server.reasoning.detokenizer import Detokenizer
from anytime_server.reasoning.interim import mean_probability
from anytime_server.reasoning.stop_strings import StopStrings


class AnswerText:
    """Collects answer tokens; `done` once it is full or has met a stop string."""

    def __init__(
        self, tokenizer: Tokenizer, max_tokens: int, stop: Sequence[str], logprobs: AnswerLogprobs | None = None
    ) -> None:
        """Start empty; `logprobs` notes those of the tokens."""
        self._detokenizer = Detokenizer(tokenizer)
        self._eos_ids = tokenizer.eos_ids
        self._max_tokens = max_tokens
        self._stops = StopStrings(stop)
        self._logprobs: list[float] = []
        self._given = 0
        self._taken = 0
        self._noted = logprobs
        self.finish_reason: FinishReason | None = None

    @property
    def done(self) -> bool:
        """Whether the answer is whole."""
        return self.finish_reason is not None

    @property
    def text(self) -> str:
        """The text given out so far."""
        return self._detokenizer.text[: self._given]

    def take(self) -> str:
        """Return the text given out since the last call."""
        piece = self.text[self._taken :]
        self._taken = self._given
        return piece

    def take_logprobs(self) -> tuple[TokenLogprob, ...] | None:
        """Return the logprobs that go with what `take` has returned last; None if they are not noted."""
        return None if self._noted is None else self._noted.take(self._taken)

    def feed(self, token: int, logprob: float, alternatives: Sequence[tuple[int, float]] = ()) -> None:
        """Take in a sampled token."""
        self._logprobs.append(logprob)
        if token not in self._eos_ids:
            self._stops.feed(self._detokenizer.feed([token]))
            if self._noted is not None:
                self._noted.feed(token, logprob, alternatives, end=len(self._detokenizer.text))
        if token in self._eos_ids or len(self._logprobs) >= self._max_tokens:
            self.finish("stop" if token in self._eos_ids else "length")
        else:
            if self._stops.position is not None:
                self.finish_reason = "stop"
            self._given = max(self._given, self._stops.settled)

    def finish(self, reason: FinishReason) -> None:
        """Give out what was held back: the engine has ended the answer, unless a stop string in it had."""
        self._stops.feed(self._detokenizer.finish())
        stop = self._stops.position
        self.finish_reason = reason if stop is None else "stop"
        self._given = max(self._given, len(self._detokenizer.text) if stop is None else stop)

    def answer(self, value_of: Callable[[str], str | None]) -> Answer:
        """Return the answer so far; `value_of` finds the value in its text."""
        text = self.text.strip()
        return Answer(
            text=text,
            value=value_of(text),
            confidence=mean_probability(self._logprobs),
            finish_reason=self.finish_reason,
            logprobs=None if self._noted is None else self._noted.within(self._given),
        )
