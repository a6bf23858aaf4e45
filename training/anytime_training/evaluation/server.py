"""A running server: one session a rollout, whose checkpoints are the answers at the smaller budgets.

The largest budget is the session's own, so its short answer is the one at that budget, or the one after the natural end
of the thinking, which stands for every budget that the thinking did not reach. That is what the roller does locally.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import ValidationError

from anytime_client.protocol import ErrorBody, ReasonDocument
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.source import Reply, Rollout, Settings

EVERY_TOKEN = 2**20
"""A top_k above any vocabulary, since leaving it out means the model's own."""

OVERLOADED = 429
PATIENCE = 60
"""Times that a request is sent again to a server whose session slots are all taken."""


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

    def check(self, prompts: Sequence[str], settings: Settings) -> None:
        """Begin a session of the longest prompt in the background, compare what was granted, and cancel it."""
        asyncio.run(self._check(max(prompts, key=len), settings))

    def rollouts(self, prompts: Sequence[str], settings: Settings) -> list[list[Rollout]]:
        """See `Source.rollouts`. Sampling goes by the server's own seeds; the problems are the same as locally."""
        flat = iter(asyncio.run(self._roll_out([p for p in prompts for _ in range(settings.samples)], settings)))
        return [[next(flat) for _ in range(settings.samples)] for _ in prompts]

    async def _check(self, prompt: str, settings: Settings) -> None:
        async with self._client() as client:
            document = await self._reason(client, {**_body(prompt, settings), "background": True})
            await self._send(client, "DELETE", f"/reason/{document.id}")
        _check_grant(document)

    async def _roll_out(self, prompts: Sequence[str], settings: Settings) -> list[Rollout]:
        async def roll_out(prompt: str) -> Rollout:
            return _rollout(await self._reason(client, _body(prompt, settings)), settings)

        try:
            async with self._client() as client, asyncio.TaskGroup() as group:
                running = [group.create_task(roll_out(prompt)) for prompt in prompts]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in running]

    def _client(self) -> httpx.AsyncClient:
        # Requests beyond the limit wait in the pool, so the limit is the concurrency.
        limits = httpx.Limits(max_connections=self.concurrency)
        timeout = httpx.Timeout(None, connect=10)
        return httpx.AsyncClient(base_url=self.url, limits=limits, timeout=timeout, transport=self.transport)

    async def _reason(self, client: httpx.AsyncClient, body: dict[str, Any]) -> ReasonDocument:
        response = await self._send(client, "POST", "/reason", body)
        try:
            return ReasonDocument.model_validate_json(response.content)
        except ValidationError:
            raise EvaluationError(f"{self.url} answers, but not as an Anytime server; check the URL") from None

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None
    ) -> httpx.Response:
        for _ in range(PATIENCE):
            try:
                response = await client.request(method, path, json=body)
            except httpx.TransportError as error:
                cause = str(error) or type(error).__name__
                raise EvaluationError(f"no server at {self.url}: {cause}; start it, or check the URL") from None
            if response.status_code != OVERLOADED:
                break
            await asyncio.sleep(float(response.headers.get("Retry-After", 1)))
        if response.is_error:
            raise EvaluationError(f"{self.url}{path} refused with {response.status_code}: {_message(response)}")
        return response


def _body(prompt: str, settings: Settings) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "budget": settings.budgets[-1],
        "checkpoints": list(settings.budgets[:-1]),
        "interim": {"max_tokens": settings.max_answer_tokens},
        "answer": "short",
        "max_answer_tokens": settings.max_answer_tokens,
        "temperature": settings.temperature,
        "top_p": 1.0,
        "top_k": EVERY_TOKEN,
    }


def _rollout(document: ReasonDocument, settings: Settings) -> Rollout:
    """The answer at each budget: the checkpoint's, else the final one.

    The usage counts the model's own close marker into the final answer after a natural end. It is taken for one token,
    as that of nearly every model is.
    """
    _check_grant(document)
    if document.status != "completed" or document.stop_reason not in ("natural", "budget"):
        raise EvaluationError(
            f"session {document.id} was {document.status} ({document.stop_reason}) before its thinking had ended; "
            "evaluate on a server without other load"
        )
    ended = document.stop_reason == "natural"
    tokens = min(document.usage.answer - ended, settings.max_answer_tokens)
    final = Reply(document.answer.text if document.answer else "", tokens)
    interim = {answer.at: Reply(answer.answer, answer.interim_tokens) for answer in document.checkpoints}
    replies = tuple(interim.get(budget, final) for budget in settings.budgets)
    return Rollout(document.budget.spent, ended, replies)


def _check_grant(document: ReasonDocument) -> None:
    budget = document.budget
    if budget.granted < budget.requested:
        raise EvaluationError(
            f"--budgets {budget.requested} is beyond what the server grants: {budget.granted} thinking tokens; "
            "lower it, or raise the server's --max-budget if the model's context has room"
        )


def _message(response: httpx.Response) -> str:
    """The server's own words, which say what to change."""
    try:
        error = ErrorBody.model_validate_json(response.content).error
    except ValidationError:
        return response.text[:200] or response.reason_phrase
    return f"{error.message} ({error.param})" if error.param else error.message
