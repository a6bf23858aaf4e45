"""What one trunk adds to the speed that the sessions of a process measure together."""

from anytime_server.reasoning.deadlines.speed import Speed


class Measured:
    """Takes the times of a trunk, from the request of its first token to its answer."""

    def __init__(self, speed: Speed) -> None:
        """Begin now, with nothing thought."""
        self._speed = speed
        self._asked_at = self._since = self._until = speed.clock()
        self._noted = 0
        self._begun = False

    def asked(self) -> None:
        """A request goes out to the engine."""
        self._asked_at = self._speed.clock()

    def heard(self, *, first: bool) -> None:
        """The engine has said something; the `first` of a session is what it waited for."""
        if not self._begun:
            self._begun = True
            self._since = self._speed.clock()
            if first:
                self._speed.note_first_token(self._asked_at)

    def thought(self) -> None:
        """A token of thinking has come."""
        self._until = self._speed.clock()

    def note(self, spent: int) -> None:
        """Note how long it took to come to `spent` thinking tokens."""
        self._speed.note_thinking(self._since, spent - self._noted)
        self.go_on_from(spent)

    def go_on_from(self, spent: int) -> None:
        """Count from `spent` thinking tokens on."""
        self._since, self._noted = self._speed.clock(), spent

    def answered(self, *, short: bool) -> None:
        """Note how long the answer took after the thinking."""
        self._speed.note_answer(self._until, short=short)
