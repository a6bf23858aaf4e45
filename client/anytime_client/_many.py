"""Many questions, so many at a time, with the documents in the order of the questions."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future, as_completed
from threading import Event, Thread
from typing import Literal

from anytime_client._async_stream import AsyncStream
from anytime_client._errors import AnytimeError, ConfigurationError
from anytime_client._fields import Question
from anytime_client._progress import progress_bar
from anytime_client._stream import Stream
from anytime_client.protocol import ReasonDocument

OnError = Literal["raise", "return"]
"""What a question's AnytimeError does: end the batch and cancel the rest, or stand in its place among the documents."""

Outcomes = list[ReasonDocument | AnytimeError]


def reason_many(
    streams: Callable[[Question], Stream],
    questions: Iterable[Question],
    concurrency: int,
    progress: bool | None,
    on_error: OnError,
) -> Outcomes:
    """Ask in `concurrency` threads; `streams` opens the stream of a question.

    The threads are daemons, and at an error or a Ctrl-C nobody waits for them: one may be waiting for a full server's
    next place, or for a server that went silent.
    """
    asked = _checked(questions, concurrency)
    outcomes: list[Future[ReasonDocument | AnytimeError]] = [Future() for _ in asked]
    waiting = iter(list(zip(asked, outcomes, strict=True)))
    open_streams: set[Stream] = set()
    stopping = Event()

    def ask(question: Question) -> ReasonDocument | AnytimeError:
        try:
            with streams(question) as stream:
                open_streams.add(stream)
                try:
                    return stream.snapshot.as_document() if stopping.is_set() else stream._result()
                finally:
                    open_streams.discard(stream)
        except AnytimeError as error:
            return _settled(error, on_error)

    def work() -> None:
        for question, outcome in waiting:
            if stopping.is_set():
                return
            try:
                outcome.set_result(ask(question))
            except Exception as error:
                # Raised in the caller's thread.
                outcome.set_exception(error)

    with progress_bar(len(asked), progress) as advance:
        try:
            for _ in range(min(concurrency, len(asked))):
                Thread(target=work, name="anytime-reason-many", daemon=True).start()
            for done in as_completed(outcomes):
                done.result()
                advance()
        except BaseException:
            stopping.set()
            _leave(tuple(open_streams))
            raise
    return [done.result() for done in outcomes]


async def reason_many_async(
    streams: Callable[[Question], AsyncStream],
    questions: Iterable[Question],
    concurrency: int,
    progress: bool | None,
    on_error: OnError,
) -> Outcomes:
    """Ask in tasks of which `concurrency` run at a time; `streams` opens the stream of a question."""
    asked = _checked(questions, concurrency)
    slots = asyncio.Semaphore(concurrency)

    async def ask(question: Question) -> ReasonDocument | AnytimeError:
        async with slots:
            try:
                async with streams(question) as stream:
                    return await stream._result()
            except AnytimeError as error:
                return _settled(error, on_error)
            finally:
                advance()

    with progress_bar(len(asked), progress) as advance:
        try:
            async with asyncio.TaskGroup() as group:
                asking = [group.create_task(ask(question)) for question in asked]
        except BaseExceptionGroup as failures:
            # One question's error is what the caller can handle; the others were cancelled for it.
            raise failures.exceptions[0] from None
    return [done.result() for done in asking]


def _leave(streams: Iterable[Stream]) -> None:
    """Leave all at once: a server that went silent takes its time for each."""
    farewells = [Thread(target=stream._leave, name="anytime-farewell", daemon=True) for stream in streams]
    for farewell in farewells:
        farewell.start()
    for farewell in farewells:
        farewell.join()


def _settled(error: AnytimeError, on_error: OnError) -> AnytimeError:
    if on_error == "raise":
        raise error
    return error


def _checked(questions: Iterable[Question], concurrency: int) -> list[Question]:
    if not concurrency >= 1:
        raise ConfigurationError(f"concurrency must be 1 or more, not {concurrency}")
    if isinstance(questions, str):
        raise ConfigurationError("reason_many takes a list of questions, not one text, which would be asked by letters")
    return list(questions)
