"""What a server is asked: a question, watched until its session's end, or what it serves."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from anytime_client import AsyncAnytime, AsyncStream, ModelCard, ReasonFields
from anytime_client._best_within import TimePlan
from anytime_client._stream_view import UNREAD_FAREWELL_S
from anytime_client.cli.exits import leaving_in_order
from anytime_client.cli.interrupts import Interrupts
from anytime_client.cli.outcome import Outcome
from anytime_client.cli.patience import LISTING_TIMEOUT, TIMEOUT, Silence
from anytime_client.cli.plain_text import with_options
from anytime_client.cli.views import View
from anytime_client.cli.wording import no_answer_yet


@dataclass(frozen=True, slots=True)
class Asking:
    """What to ask, and where.

    Attributes:
        fields: of the request, with its messages.
        within_s: seconds in which the best answer is wanted, instead of whenever it is done.
        base_url: of the server; None leaves it to the environment.
        api_key: likewise.
        timeout_s: seconds without a word after which the server is asked again; None is the command's own choice.
    """

    fields: ReasonFields
    within_s: float | None = None
    base_url: str | None = None
    api_key: str | None = None
    timeout_s: float | None = None


def ask_server(asking: Asking, view: View) -> Outcome:
    """Ask, and show it in `view`.

    Raises:
        AnytimeError: if there is no session, or it is lost.
        KeyboardInterrupt: at a Ctrl-C before the session has begun, or at the third one.
        SystemExit: at a SIGTERM or SIGHUP.
    """
    with leaving_in_order(), view:
        return asyncio.run(_ask(asking, view))


def served_models(base_url: str | None, api_key: str | None, tell: Callable[[str], None]) -> list[ModelCard]:
    """Return what a server serves; `tell` is called with a line if it is long silent.

    Raises:
        AnytimeError: if it does not say.
    """
    return asyncio.run(_served_models(base_url, api_key, tell))


async def _served_models(base_url: str | None, api_key: str | None, tell: Callable[[str], None]) -> list[ModelCard]:
    async with AsyncAnytime(base_url, api_key, timeout=LISTING_TIMEOUT) as client:
        with Silence(lambda: tell(no_answer_yet(client._config.base_url))):
            return await client.models()


async def _ask(asking: Asking, view: View) -> Outcome:
    async def wait(seconds: float) -> None:
        silence.begin()
        view.retrying(seconds)
        await asyncio.sleep(seconds)

    timeout = TIMEOUT if asking.timeout_s is None else httpx.Timeout(asking.timeout_s, connect=TIMEOUT.connect)
    async with AsyncAnytime(asking.base_url, asking.api_key, timeout=timeout, sleep=wait) as client:
        plan = TimePlan(asking.within_s) if asking.within_s is not None else None
        fields = plan.fields(asking.fields) if plan else asking.fields
        stream = client._stream(None, fields, plan.reserve_s if plan else UNREAD_FAREWELL_S)

        def still_silent() -> None:
            view.unanswered(no_answer_yet(client._config.base_url, stream.failure, begun=bool(stream.id)))

        silence = Silence(still_silent)
        interrupted = late = False
        try:
            async with asyncio.timeout(plan.patience_s if plan else None):
                with silence:
                    async with stream:
                        interrupted = await _show(stream, view, silence)
        except TimeoutError:
            late = True
        failure = with_options(str(stream.failure)) if stream.failure else None
        return Outcome(
            stream.snapshot.as_document(), asking.within_s, late=late, failure=failure, interrupted=interrupted
        )


async def _show(stream: AsyncStream, view: View, silence: Silence) -> bool:
    """Show the session until its end; return whether the user cancelled it."""
    with Interrupts(stream, view.notice) as interrupts:
        async for event in stream:
            silence.end()
            view.show(event, stream.snapshot)
    return interrupts.cancelled
