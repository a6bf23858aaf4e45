"""A session's thinking under a watch that may end it: because it loops, or because its text has come to a pattern."""

from collections.abc import Sequence

from anytime_server.controller import StopReason, ThinkingRule, ThinkingWatch


class Vigil:
    """Knows how far the thinking has been looked at, and from where on.

    All else follows from the tokens, so a restored session that looks again sees the same.
    """

    def __init__(self, rule: ThinkingRule, vocabulary: Sequence[bytes]) -> None:
        """Hold a thinking to `rule`; nothing of it is looked at yet."""
        self._rule = rule
        self._vocabulary = vocabulary
        self.begin(0)

    def begin(self, since: int) -> None:
        """Look at the thinking from its token `since` on, as if it began there."""
        self.since = self._seen = since
        self._watch = ThinkingWatch(self._rule, self._vocabulary)

    def look(self, trunk_ids: Sequence[int]) -> StopReason | None:
        """Return why the thinking is to end where it stands, or None."""
        if not self._rule:
            return None
        while self._seen < len(trunk_ids) and self._watch.found is None:
            self._watch.observe(trunk_ids[self._seen])
            self._seen += 1
        return self._watch.found

    def pass_over(self, trunk_ids: Sequence[int]) -> None:
        """Let the thinking go on: what has been found in it does not end it again."""
        if self.look(trunk_ids) is not None:
            self.begin(len(trunk_ids))
