"""One question put to a server, watched until its session's end."""

import asyncio
from dataclasses import dataclass

import httpx

from anytime_client import AsyncAnytime, AsyncStream, ReasonFields
from anytime_client._best_within import TimePlan
from anytime_client.cli.interrupts import Interrupts
from anytime_client.cli.outcome import Outcome
from anytime_client.cli.views import View

TIMEOUT = httpx.Timeout(45.0, connect=2.0)
"""A person at a terminal is told soon that nobody answers."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What to ask, and where.

    Attributes:
        fields: of the request, with its messages.
        within_s: seconds in which the best answer is wanted, instead of whenever it is done.
        base_url: of the server; None leaves it to the environment.
        api_key: likewise.
    """

    fields: ReasonFields
    within_s: float | None = None
    base_url: str | None = None
    api_key: str | None = None


def ask_server(asking: Asking, view: View) -> Outcome:
    """Ask, and show it in `view`.

    Raises:
        AnytimeError: if there is no session, or it is lost.
        KeyboardInterrupt: at a Ctrl-C before the session has begun, or at the third one.
    """
    with view:
        return asyncio.run(_ask(asking, view))


async def _ask(asking: Asking, view: View) -> Outcome:
    async def wait(seconds: float) -> None:
        view.retrying(seconds)
        await asyncio.sleep(seconds)

    async with AsyncAnytime(asking.base_url, asking.api_key, timeout=TIMEOUT, sleep=wait) as client:
        plan = TimePlan(asking.within_s) if asking.within_s is not None else None
        stream = client.stream(**(plan.fields(asking.fields) if plan else asking.fields))
        interrupted = late = False
        try:
            async with asyncio.timeout(plan.patience_s if plan else None):
                interrupted = await _watch(stream, view)
        except TimeoutError:
            late = True
        failure = str(stream.failure) if stream.failure else None
        return Outcome(
            stream.snapshot.as_document(), asking.within_s, late=late, failure=failure, interrupted=interrupted
        )


async def _watch(stream: AsyncStream, view: View) -> bool:
    """Show the session until its end; return whether the user cancelled it."""
    async with stream:
        with Interrupts(stream, view.notice) as interrupts:
            async for event in stream:
                view.show(event, stream.snapshot)
        return interrupts.cancelled
