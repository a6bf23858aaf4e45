"""A session as it stands in this process: what has come of it, and what it asks of the server."""

import asyncio

from anytime_client.protocol import Budget, ErrorInfo, ReasonDocument, Status
from anytime_server.controller.load import Claim, Promise
from anytime_server.reasoning.panel import Panel
from anytime_server.reasoning.reading.events import EventLog
from anytime_server.reasoning.sessions.followed import Followed
from anytime_server.reasoning.surroundings.beginning import Beginning
from anytime_server.reasoning.surroundings.surroundings import Surroundings
from anytime_server.reasoning.trunk.generation import Generation

TOKEN_BYTES = 40
"""Of an int in a list."""


class SessionView(Followed):
    """What can be read of a session here.

    Attributes:
        plan: what was asked, made definite.
        status: of its present run, or its last one.
    """

    _generation: Generation | Panel

    def __init__(self, beginning: Beginning, around: Surroundings, log: EventLog) -> None:
        """Begin with no run."""
        super().__init__(beginning.id, log, around.store)
        self.plan = beginning.plan
        self.status: Status = "running"
        self._model = around.engine.model
        self._error: ErrorInfo | None = None
        self._run: asyncio.Task[None] | None = None

    @property
    def size_bytes(self) -> int:
        """About what the session holds in memory: its request, its log, its tokens and its text."""
        tokens = 2 * (len(self.plan.prompt_ids) + self._generation.spent)
        texts = self.plan.request_bytes + self._generation.text_bytes
        return self.log.size_bytes + tokens * TOKEN_BYTES + texts

    @property
    def granted(self) -> int:
        """Thinking tokens allowed now."""
        return self._generation.course.granted

    @property
    def thinks(self) -> bool:
        """Whether its thinking goes on."""
        return self.status == "running" and self._generation.thinks

    @property
    def has_ended(self) -> bool:
        """Whether the terminal event of the last run is in the log."""
        return self.log.closed

    @property
    def is_idle(self) -> bool:
        """Whether the session is open without a run: `start` is due."""
        return self._run is None

    def document(self) -> ReasonDocument:
        """See `Followed.document`."""
        made = self._generation
        return ReasonDocument(
            id=self.id,
            model=self._model,
            status=self.status,
            stop_reason=made.course.stop_reason.value if made.course.stop_reason else None,
            answer=made.best.choose(completed=self.status == "completed"),
            thinking=made.thinking,
            checkpoints=tuple(made.answers),
            budget=self._budget(),
            usage=made.usage(),
            timings=made.watch.timings(),
            error=self._error,
            last_sequence_number=self.log.released,
            trunks=made.reports(),
        )

    def claim(self) -> Claim:
        """Return what its thinking asks for."""
        made = self._generation
        settled = made.answers[-1].stable_for if made.answers else 0
        return Claim(made.course.wanted, self.plan.least, made.spent, settled)

    def promise(self) -> Promise | None:
        """Return what remains to be kept of its deadline; None if it has none, or an answer."""
        return self._generation.promise()

    def _budget(self) -> Budget:
        return self._generation.course.budget(self._generation.spent)
