"""A running server: one session a rollout, whose checkpoints are the answers at the smaller budgets.

The largest budget is the session's own, so its short answer is the one at that budget, or the one after the natural end
of the thinking, which stands for every budget that the thinking did not reach. That is what the roller does locally.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from anytime_client import (
    AnytimeError,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    AsyncAnytime,
    Budget,
    ChatMessage,
    CheckpointAnswer,
    ModelCard,
    Question,
    ReasonDocument,
    ReasonFailedError,
    ReasonFields,
    SessionLostError,
)
from anytime_server.controller import DONE_BY, Conditions, ThinkingMarkers
from anytime_server.controller.risk.conditions import FORMAT_FIELDS
from anytime_server.values import same_value
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.source import (
    Done,
    Prompt,
    Reply,
    Rollout,
    Settings,
    conversation,
    longest,
    unheard,
)

EVERY_TOKEN = 2**20
"""A top_k above any vocabulary, since leaving it out means the model's own."""

PATIENCE = 60
"""Times in a row that a request is sent again to a server that is full or away, once it has been there."""

TRIES = 3
"""Of a session that fails or is lost by itself: one of thousands must not cost the others."""


@dataclass(frozen=True, slots=True)
class ServerSource:
    """The server at a URL. At most `concurrency` sessions run at a time; `transport` stands in for the network."""

    url: str
    concurrency: int = 32
    transport: httpx.AsyncBaseTransport | None = None

    @property
    def device(self) -> str:
        """See `Source.device`."""
        return f"server {self.url}"

    def check(self, prompts: Sequence[Prompt], settings: Settings) -> None:
        """Begin a session of the longest prompt, compare what was granted, and leave it."""
        asyncio.run(self._check(longest(prompts), settings))

    def conditions(self, settings: Settings) -> Conditions:
        """See `Source.conditions`: as the server describes its model."""
        return settings.conditions(*_described(asyncio.run(self._models())[0]))

    def rollouts(self, prompts: Sequence[Prompt], settings: Settings, done: Done = unheard) -> list[list[Rollout]]:
        """See `Source.rollouts`. Sampling goes by the server's own seeds; the problems are the same as locally.

        A full answer comes from another session than the short ones. The server takes thinking markers out of it, so
        that it leaks where it has not ended within its tokens.
        """
        flat = iter(asyncio.run(self._roll_out([p for p in prompts for _ in range(settings.samples)], settings, done)))
        return [[next(flat) for _ in range(settings.samples)] for _ in prompts]

    async def _check(self, prompt: Prompt, settings: Settings) -> None:
        with self._evaluation_errors():
            async with (
                self._client(max_retries=1) as client,
                client.stream(_question(prompt), **_fields(settings)) as stream,
            ):
                granted = stream.budget
        assert granted is not None  # the first event of a new session tells it
        _check_grant(granted, settings)

    async def _models(self) -> list[ModelCard]:
        with self._evaluation_errors():
            async with self._client(max_retries=1) as client:
                return await client.models()

    async def _roll_out(self, prompts: Sequence[Prompt], settings: Settings, done: Done) -> list[Rollout]:
        places = asyncio.Semaphore(self.concurrency)

        async def one(client: AsyncAnytime, prompt: Prompt) -> Rollout:
            async with places:
                rollout = _rollout(await _reasoned(client, prompt, _fields(settings)), settings)
                if 0 < settings.leak_at < rollout.length:
                    full = await _reasoned(client, prompt, _full_fields(settings))
                    rollout = replace(rollout, leaked=_leaks(full))
            done(1)
            return rollout

        with self._evaluation_errors():
            async with self._client(max_retries=PATIENCE) as client:
                try:
                    async with asyncio.TaskGroup() as group:
                        asked = [group.create_task(one(client, prompt)) for prompt in prompts]
                except BaseExceptionGroup as failures:
                    raise failures.exceptions[0] from None  # the others were cancelled for it
        return [task.result() for task in asked]

    def _client(self, max_retries: int) -> AsyncAnytime:
        return AsyncAnytime(self.url, max_retries=max_retries, transport=self.transport)

    @contextmanager
    def _evaluation_errors(self) -> Iterator[None]:
        """Say what the client's errors mean for an evaluation, in the server's own words where there are some."""
        try:
            yield
        except APIStatusError as error:
            field = f" ({error.param})" if error.param else ""
            raise EvaluationError(f"{self.url} refused with {error.status_code}: {error.message}{field}") from error
        except APIResponseError as error:
            raise EvaluationError(f"{self.url} answers, but not as an Anytime server; check the URL") from error
        except APIConnectionError as error:
            raise EvaluationError(f"no server at {self.url}: {error.message}") from error
        except AnytimeError as error:
            raise EvaluationError(f"{self.url}: {error.message}") from error


async def _reasoned(client: AsyncAnytime, prompt: Prompt, fields: ReasonFields) -> ReasonDocument:
    for _ in range(TRIES - 1):
        try:
            return await client.reason(_question(prompt), **fields)
        except (ReasonFailedError, SessionLostError):
            continue
    return await client.reason(_question(prompt), **fields)


def _question(prompt: Prompt) -> Question:
    if isinstance(prompt, str):
        return prompt
    return [ChatMessage.model_validate(message) for message in conversation(prompt)]


def _fields(settings: Settings) -> ReasonFields:
    return {
        "budget": settings.trunks * settings.budgets[-1],
        "trunks": settings.trunks,
        "stop_when": None,
        "checkpoints": list(settings.budgets[:-1]),
        "interim": {"max_tokens": settings.max_answer_tokens},
        "answer": "short",
        "max_answer_tokens": settings.max_answer_tokens,
        "temperature": settings.temperature,
        "top_p": 1.0,
        "top_k": EVERY_TOKEN,
    }


def _full_fields(settings: Settings) -> ReasonFields:
    return {
        **_fields(settings),
        "budget": settings.leak_at,
        "trunks": 1,
        "checkpoints": [],
        "answer": "full",
        "max_answer_tokens": settings.full_answer_tokens,
    }


def _leaks(document: ReasonDocument) -> bool | None:
    """Whether a full answer goes on thinking; None if its thinking, another one, was not cut."""
    if document.stop_reason != "budget":
        return None
    return document.answer is not None and document.answer.finish_reason == "length"


def _described(card: ModelCard) -> tuple[str, ThinkingMarkers]:
    """A model's name and its thinking format, as far as a server tells it."""
    told = (card.model_extra or {}).get("anytime", {}).get("thinking_format", {})
    texts = {name: told.get(name, "") for name in FORMAT_FIELDS}
    return card.id, ThinkingMarkers(opening=texts["open"], **texts)


def _rollout(document: ReasonDocument, settings: Settings) -> Rollout:
    """The answer at each budget: the checkpoint's, else the final one.

    The usage counts the model's own close markers into the final answer, one for each natural end. Each is taken for
    one token, as that of nearly every model is.
    """
    _check_grant(document.budget, settings)
    ends = [trunk.stop_reason for trunk in document.trunks or (document,)]
    if document.status != "completed" or not {*ends} <= {"natural", "budget"}:
        raise EvaluationError(
            f"session {document.id} was {document.status} ({document.stop_reason}) before its thinking had ended; "
            "evaluate on a server without other load"
        )
    tokens = min(document.usage.answer - ends.count("natural"), settings.max_answer_tokens)
    final = Reply(document.answer.text, tokens, document.answer.confidence or 0.0) if document.answer else Reply("", 0)
    before = [-1, *(answer.at for answer in document.checkpoints)]
    interim = {answer.at: _reply(answer, last) for last, answer in zip(before, document.checkpoints, strict=False)}
    replies = tuple(interim.get(budget, final) for budget in settings.budgets)
    length = document.budget.spent if document.usage.sequential is None else document.usage.sequential
    return Rollout(length, document.stop_reason == "natural", replies)


def _reply(answer: CheckpointAnswer, last: int) -> Reply:
    """The answer at a checkpoint after the one at `last`; the tokens of a vote are the mean of its new ballots.

    Which ballots are equal as mathematics is not told. If some are, all that are done count as far as they may: with
    too many at a wrong answer a calibration stops later, and with too few it would break its promise.
    """
    ballots = answer.ballots or ()
    new = sum(ballot.at > last for ballot in ballots)
    same = [ballot for ballot in ballots if same_value(ballot.value, answer.value)]
    voters = ballots if len(same) < answer.votes else same
    done = min(answer.votes, sum(ballot.stop_reason in DONE_BY for ballot in voters))
    tokens = answer.interim_tokens // max(1, new)
    return Reply(answer.answer, tokens, answer.confidence, answer.consensus, done, answer.stable_for)


def _check_grant(budget: Budget, settings: Settings) -> None:
    if budget.granted < budget.requested:
        of_trunks = f" with --trunks {settings.trunks}" if settings.trunks > 1 else ""
        raise EvaluationError(
            f"--budgets {settings.budgets[-1]}{of_trunks} is beyond what the server grants: {budget.granted} thinking "
            "tokens; lower it, or raise the server's --max-budget if the model's context has room"
        )
