"""The final answer while it streams: its text up to a stop string, and how sure the model is of it."""

from collections.abc import Callable, Sequence

from anytime_client.protocol import Answer, FinishReason, TokenLogprob
from anytime_server.controller import ThinkingMarkers, Tokenizer
from anytime_server.reasoning.answers.content import AnswerContent
from anytime_server.reasoning.answers.logprobs import AnswerLogprobs, mean_probability
from anytime_server.reasoning.answers.stop_strings import StopStrings
from anytime_server.reasoning.text.detokenizer import Detokenizer


class AnswerText:
    """Collects answer tokens; `done` once it is full or has met a stop string.

    `begin` is called once the thinking has ended, before the first token.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        markers: ThinkingMarkers,
        max_tokens: int,
        stop: Sequence[str],
        logprobs: AnswerLogprobs | None = None,
        *,
        verbatim: bool = False,
        calls_tools: bool = False,
    ) -> None:
        """Start empty; `logprobs` notes those of the tokens. A `verbatim` answer begins with its white space."""
        self._calls_tools = calls_tools
        self._tokenizer = tokenizer
        self._markers = markers
        self._verbatim = verbatim
        self._detokenizer = Detokenizer(tokenizer)
        self._content = self._new_content(was_cut=False)
        self._eos_ids = tokenizer.eos_ids
        self._max_tokens = max_tokens
        self._stop = stop
        self._stops = StopStrings(stop, verbatim=verbatim)
        self._read = 0
        self._logprobs: list[float] = []
        self._given = 0
        self._taken = self._skipped = 0
        self._noted = logprobs
        self.finish_reason: FinishReason | None = None

    @property
    def done(self) -> bool:
        """Whether the answer is whole."""
        return self.finish_reason is not None

    @property
    def text(self) -> str:
        """The text given out so far."""
        return self._content.text[: self._given]

    def begin(self, *, was_cut: bool, begins_in: tuple[int, int] | None = None, header: str = "") -> None:
        """Begin the answer: after thinking that was closed for the model, or inside a token that ran past its marker.

        Args:
            was_cut: see `AnswerContent`.
            begins_in: that token, and how many of its bytes are not the answer's.
            header: of the first message, in a family that writes channels.
        """
        self._content = self._new_content(was_cut=was_cut)
        self._take_in(header)
        if begins_in is not None:
            token, size = begins_in
            self._detokenizer = Detokenizer(self._tokenizer, skipped=size)
            self._take_in(self._detokenizer.feed([token]))
        if self._noted is not None:
            self._noted.restart(self._content.length)

    def _new_content(self, *, was_cut: bool) -> AnswerContent:
        return AnswerContent(self._markers, was_cut=was_cut, verbatim=self._verbatim, calls_tools=self._calls_tools)

    @property
    def taken(self) -> str:
        """What `take` has returned so far, all of it."""
        return self.text[: self._taken]

    def skip(self, characters: int) -> None:
        """Leave the first characters out of what `take` will return: they were taken of an earlier making."""
        self._taken = self._skipped = characters

    def take(self) -> str:
        """Return the text given out since the last call."""
        piece = self.text[self._taken :]
        if piece:
            self._skip_logprobs()
        self._taken = max(self._taken, self._given)
        return piece

    def _skip_logprobs(self) -> None:
        """Leave out those of what was taken of an earlier making; all of it has been made again by now."""
        if self._skipped and self._noted is not None:
            self._noted.skip(self._skipped)
        self._skipped = 0

    def take_logprobs(self) -> tuple[TokenLogprob, ...] | None:
        """Return the logprobs that go with what `take` has returned last; None if they are not noted."""
        return None if self._noted is None else self._noted.take(self._taken)

    @property
    def leaves_logprobs(self) -> bool:
        """Whether the text has ended, and logprobs are left to take that go with none of it."""
        return self._noted is not None and self._noted.behind

    def feed(self, token: int, logprob: float, alternatives: Sequence[tuple[int, float]] = ()) -> None:
        """Take in a sampled token."""
        self._logprobs.append(logprob)
        if token not in self._eos_ids:
            self._take_in(self._detokenizer.feed([token]))
            if self._noted is not None:
                self._noted.feed(token, logprob, alternatives, end=self._content.length)
        if token in self._eos_ids or len(self._logprobs) >= self._max_tokens:
            self.finish("stop" if token in self._eos_ids else "length")
        else:
            if self._stops.position is not None:
                self.finish_reason = "stop"
            self._given = max(self._given, self._stops.settled)

    def _take_in(self, piece: str) -> None:
        restarts = self._content.restarts
        self._content.feed(piece)
        if self._content.restarts > restarts:
            self._stops = StopStrings(self._stop, verbatim=self._verbatim)
            self._given = self._taken = self._read = 0
            if self._noted is not None:
                self._noted.restart()
        self._read_on()

    def _read_on(self) -> None:
        """Look for stop strings in what the content has got."""
        text = self._content.text
        self._stops.feed(text[self._read :])
        self._read = len(text)

    def finish(self, reason: FinishReason) -> None:
        """Give out what was held back: the engine has ended the answer, unless a stop string in it had."""
        self._content.finish()
        self._read_on()
        stop = self._stops.position
        self.finish_reason = reason if stop is None else "stop"
        self._given = max(self._given, len(self._content.text) if stop is None else stop)
        self._skip_logprobs()
        if stop is None and self._noted is not None:
            self._noted.finish()

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
