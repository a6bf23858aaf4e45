"""Which session an engine dies of.

All sessions in the engine at its death may be the one. Most deaths have nothing to do with any of them, so a death
counts against a session only if the session had not got past the place where it was at the last one, or if it was the
only suspect in the engine. Three that count are enough.

When an engine dies again soon after a restart, those in it become suspects and are let in one at a time. A suspect is
cleared, and the next let in, once it has got past the place of its death, or asks for nothing more.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Suspicion:
    """What is held against a session: deaths, and the most tokens one of its requests had come to at the last one."""

    deaths: int = 0
    reached: int = 0


@dataclass(slots=True)
class _Presence:
    """A session in the engine: its requests there, and the most tokens that one of them has come to."""

    requests: int = 0
    reached: int = 0


@dataclass(slots=True)
class Blame:
    """Who is in the engine, who may be to blame for its deaths, and who may go in next."""

    _inside: dict[str, _Presence] = field(default_factory=dict)
    _held: dict[str, _Suspicion] = field(default_factory=dict)
    _suspects: dict[str, None] = field(default_factory=dict)

    MOST_DEATHS = 3
    SOON_S = 30.0
    """A death this soon after a restart makes suspects."""
    CLEARING = 16
    """Tokens past the place of its death that clear a session."""

    def guilty(self, session: str) -> bool:
        """Whether the engine has died of this session often enough."""
        held = self._held.get(session)
        return held is not None and held.deaths >= self.MOST_DEATHS

    def may_enter(self, session: str) -> bool:
        """Whether a request of the session may go in now: it is no suspect, or there is no other suspect inside."""
        return session not in self._suspects or not any(
            other in self._inside for other in self._suspects if other != session
        )

    def enter(self, session: str, tokens: int) -> None:
        """Take note of a request that goes in, with so many tokens."""
        presence = self._inside.setdefault(session, _Presence())
        presence.requests += 1
        presence.reached = max(presence.reached, tokens)

    def advance(self, session: str, tokens: int) -> bool:
        """Take note that a request has come to so many tokens; return whether that has cleared a suspect."""
        presence = self._inside[session]
        if tokens <= presence.reached:
            return False
        presence.reached = tokens
        if session not in self._suspects or not self._is_past(session, tokens):
            return False
        del self._suspects[session]
        return True

    def leave(self, session: str) -> None:
        """Take note that a request has left, in whichever way; a suspect without any is cleared."""
        presence = self._inside[session]
        presence.requests -= 1
        if not presence.requests:
            del self._inside[session]
            self._suspects.pop(session, None)

    def died(self, since_restart_s: float) -> None:
        """Hold a death of the engine against those inside; it is empty then."""
        alone = [session for session in self._inside if session in self._suspects]
        for session, presence in self._inside.items():
            held = self._held.setdefault(session, _Suspicion())
            if session not in alone and self._is_past(session, presence.reached):
                held.deaths = 0
            held.deaths += 1
            held.reached = max(held.reached, presence.reached)
        # Nobody tells of sessions that have ended: who was not here, and does not wait as a suspect, is forgotten.
        suspects = {**self._suspects, **dict.fromkeys(self._inside)} if since_restart_s < self.SOON_S else {}
        self._held = {name: held for name, held in self._held.items() if name in self._inside or name in suspects}
        self._suspects, self._inside = suspects, {}

    def _is_past(self, session: str, tokens: int) -> bool:
        held = self._held.get(session)
        return held is None or tokens >= held.reached + self.CLEARING
