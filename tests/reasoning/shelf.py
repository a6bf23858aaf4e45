"""A store that keeps logs for another reasoner to go on from, and what a restored session is compared by."""

from anytime_client.protocol import EVENT_ADAPTER
from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_server.reasoning.stores import MemoryStore, StoredSession
from fakes import MARKERS, FakeEngine, fake_format, scripted


class Shelf(MemoryStore):
    """Keeps logs; of a reasoner that it watches, it notes at each length of a log how the session stands then."""

    keeps_steps = True

    def __init__(self):
        super().__init__()
        self.heads, self.logs, self.keys = {}, {}, {}
        self.stands = {}
        self._watched = None

    def watch(self, reasoner):
        self._watched = reasoner

    def begin(self, session_id, head, log, key):
        self.heads[session_id], self.logs[session_id], self.keys[session_id] = head, log, key

    def own(self, session_id, log):
        self.logs[session_id] = log

    def grown(self, session_id):
        log = self.logs[session_id]
        log.release(len(log))
        if self._watched is not None and session_id in self._watched._archive._running:
            session = self._watched.get(session_id)
            self.stands[len(log)] = session.document(), session._generation.account.standing()

    def stored(self, session_id, length=None):
        entries = tuple(self.logs[session_id].entries()[:length])
        return StoredSession(session_id, self.heads[session_id], entries, self.keys[session_id])

    def cut(self, session_id, share):
        """Such a share of a log: one event at least."""
        return self.stored(session_id, 1 + round(share * (len(self.logs[session_id]) - 1)))


def reasoner_over(shelf, thinking, answer, markers=MARKERS, **options):
    engine = FakeEngine(scripted(thinking, answer))
    return engine, Reasoner(engine, fake_format(engine, markers), ReasonSettings(**options), None, shelf)


def events_in(log):
    return [EVENT_ADAPTER.validate_json(entry.data) for entry in log.entries()]


def restored_as_it_was(reasoner, stored, shelf):
    """Restore a session, and compare it with what the `shelf` has noted of it at that length."""
    restored = reasoner._sessions.restore(stored)
    if len(stored.entries) in shelf.stands:
        document, standing = shelf.stands[len(stored.entries)]
        assert comparable(restored.document()) == comparable(document)
        assert grounded(restored._generation.account.standing()) == grounded(standing)
    return restored


async def gone_on_with(reasoner, stored):
    """Take a session over, and wait for its end."""
    reasoner._sessions.take_over(stored)
    session = reasoner.get(stored.id)
    await session.wait()
    return session


def comparable(document):
    """A document without the times that it is looked at."""
    return document.model_dump(exclude={"last_sequence_number"})


def grounded(standing):
    """A standing in which branches in flight are due again, as they are after a restore."""
    if "trunks" in standing:
        return {**standing, "trunks": [grounded(trunk) for trunk in standing["trunks"]]}
    due, flying, *rest = standing["interims"]
    return {**standing, "interims": [sorted({*due, *flying}), [], *rest]}
