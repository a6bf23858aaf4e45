"""What one leg of the trunk generated, booked by role once it is over."""

from anytime_server.reasoning.surroundings.tally import Tally


class Leg:
    """Counts the tokens that go on from the trunk; `answers` says whether those after the closing are the answer."""

    def __init__(self, trunk_length: int, *, answers: bool) -> None:
        """Begin at a trunk of so many tokens."""
        self.answers = answers
        self.booked = False
        self._trunk_length = trunk_length
        self._generated = 0
        self._forced = 0
        self._surplus = 0

    def count(self, *, forced: bool, surplus: bool) -> None:
        """Count one token; `surplus` ones are no part of the answer that they follow the closing with."""
        self._generated += 1
        self._forced += forced
        self._surplus += surplus

    def drop(self, tokens: int) -> None:
        """Count so many tokens that nobody looks at: they came with the one that ended the thinking."""
        self._generated += tokens

    def discard_answer(self, tokens: int) -> None:
        """Count so many tokens of the answer as generated for nothing: it is made anew."""
        self._surplus += tokens

    def book(self, tally: Tally, trunk_length: int, *, answered: bool) -> None:
        """Add the leg to `tally`, once, but for what lengthened the trunk: that is thinking.

        The rest is the closing, the cue and the answer if the leg answered, else it was generated for nothing.
        """
        if self.booked:
            return
        self.booked = True
        rest = self._generated - (trunk_length - self._trunk_length)
        if answered:
            tally.forced += self._forced
            tally.answer += rest - self._forced - self._surplus
            tally.discarded += self._surplus
        else:
            tally.discarded += rest
