"""Anytime's client side: the Python SDK, the `anytime` command, and the wire protocol.

```python
from anytime_client import Anytime

with Anytime().stream("largest of 37+48, 9*8, 91-16", budget=120) as stream:
    for event in stream:
        print(event.type, stream.best_answer)
```

Importing the package loads nothing; a name is loaded with what it needs (httpx, pydantic) when it is first asked for.
"""

# The names come from `_public`; a test holds that the two lists agree.
# ruff: noqa: F403, F405

from typing import TYPE_CHECKING

__all__ = [
    "APIConnectionError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "Answer",
    "AnswerDelta",
    "Anytime",
    "AnytimeError",
    "AsyncAnytime",
    "AsyncStream",
    "AuthenticationError",
    "Budget",
    "BudgetChanged",
    "ChatMessage",
    "CheckpointAnswer",
    "CheckpointEvent",
    "CheckpointRule",
    "ConfigurationError",
    "ConflictError",
    "Event",
    "InterimOptions",
    "InvalidRequestError",
    "MessageDict",
    "ModelCard",
    "NoAnswerError",
    "NotFoundError",
    "OverloadedError",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "Question",
    "ReasonCancelled",
    "ReasonCancelledError",
    "ReasonCompleted",
    "ReasonCreated",
    "ReasonDocument",
    "ReasonError",
    "ReasonFailed",
    "ReasonFailedError",
    "ReasonFields",
    "ReasonResumed",
    "ServerError",
    "SessionLostError",
    "Snapshot",
    "StopWhen",
    "Stream",
    "ThinkingDelta",
    "TrunkBallot",
    "TrunkReport",
    "UnavailableError",
]

if TYPE_CHECKING:
    from anytime_client._public import *
else:

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from anytime_client import _public

        return getattr(_public, name)


def __dir__() -> list[str]:
    return __all__
