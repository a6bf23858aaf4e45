"""The logprobs of an answer's tokens, told along with the text that they make."""

from bisect import bisect_left
from collections.abc import Sequence
from math import exp

from anytime_client.protocol import Alternative, TokenLogprob
from anytime_server.controller import Tokenizer

LOWEST_LOGPROB = -9999.0
"""Of a token that is ruled out, as a grammar does it: minus infinity is no JSON. It is the one that OpenAI tells."""


class AnswerLogprobs:
    """Notes tokens with their logprobs and where in the text they begin.

    A stop string cuts the text, not a token: the token in which the text was cut is told.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Start empty."""
        self._tokenizer = tokenizer
        self._starts: list[int] = []
        self._end = 0
        self._tokens: list[TokenLogprob] = []
        self._taken = 0
        self._ended = False

    def feed(self, token: int, logprob: float, alternatives: Sequence[tuple[int, float]], end: int) -> None:
        """Note a token after which the text is `end` characters long."""
        top = tuple(self._alternative(other, value) for other, value in alternatives)
        own = self._alternative(token, logprob)
        self._tokens.append(TokenLogprob(**own.model_dump(), top_logprobs=top))
        self._starts.append(self._end)
        self._end = end

    def restart(self, end: int = 0) -> None:
        """Forget the tokens: the text begins anew, with `end` characters that are of none."""
        self._starts, self._tokens = [], []
        self._end, self._taken = end, 0

    def finish(self) -> None:
        """Note that the text goes to its end: tokens behind it are told, too, such as those of half a character."""
        self._ended = True

    @property
    def behind(self) -> bool:
        """Whether some are left to take that are of no text."""
        return self._ended and self._taken < len(self._tokens)

    def skip(self, length: int) -> None:
        """Leave the tokens that begin in the first `length` characters out of what `take` will return."""
        self._taken = bisect_left(self._starts, length)

    def within(self, length: int) -> tuple[TokenLogprob, ...]:
        """Return the tokens that begin in the first `length` characters."""
        return tuple(self._tokens[: self._reached(length)])

    def take(self, length: int) -> tuple[TokenLogprob, ...]:
        """Return those that `within` has got since the last call."""
        before, self._taken = self._taken, self._reached(length)
        return tuple(self._tokens[before : self._taken])

    def _reached(self, length: int) -> int:
        return len(self._tokens) if self._ended else bisect_left(self._starts, length)

    def _alternative(self, token: int, logprob: float) -> Alternative:
        text, logprob = self._tokenizer.decode([token]), max(logprob, LOWEST_LOGPROB)
        # An id beyond the vocabulary, of a padded model, spells nothing.
        raw = b"".join(self._tokenizer.vocabulary[token : token + 1])
        return Alternative(token=text, logprob=logprob, bytes=tuple(raw))


def mean_probability(logprobs: Sequence[float]) -> float:
    """Return the mean of the tokens' probabilities; 1 for no tokens."""
    return sum(map(exp, logprobs)) / len(logprobs) if logprobs else 1.0
