"""The asyncio client."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self, Unpack, overload

import httpx

from anytime_client import _calls
from anytime_client._async_line import AsyncLine
from anytime_client._async_stream import AsyncStream
from anytime_client._best_within import TimePlan, best_within_async
from anytime_client._config import DEFAULT_TIMEOUT, Config
from anytime_client._errors import AnytimeError
from anytime_client._fields import Question, ReasonFields
from anytime_client._flows import fetch, fetch_document
from anytime_client._many import OnError, reason_many_async
from anytime_client._reading import Reading
from anytime_client._replies import parse
from anytime_client._request import http_options, setting_up
from anytime_client._retries import Attempts, Contact
from anytime_client._stream_view import FAREWELL_S, UNREAD_FAREWELL_S
from anytime_client.protocol import ModelCard, ModelList, ReasonDocument


class AsyncAnytime:
    """As `Anytime`, on an asyncio event loop: the same methods, awaited."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | httpx.Timeout | None = DEFAULT_TIMEOUT,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Set up a client; see `Anytime`."""
        self._config = Config.resolve(base_url, api_key, timeout, max_retries, headers)
        with setting_up():
            self._http = httpx.AsyncClient(**http_options(self._config), transport=transport)
        self._sleep = sleep
        self._contact = Contact()

    async def __aenter__(self) -> Self:
        """Use the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def reason(self, question: Question | None = None, **fields: Unpack[ReasonFields]) -> ReasonDocument:
        """Think about a question, and return the document of the ended session; see `Anytime.reason`.

        Args:
            question: a prompt or a conversation; or give `messages`. Beside it, the fields of a request:
            messages: a conversation that does not end with the assistant; or give `prompt`.
            model: the served model's name; another one is an error.
            budget: the most thinking tokens; default: the server's. Also called thinking_token_budget, thinking_budget,
                thinking_budget_tokens, max_thinking_tokens.
            min_budget: thinking tokens before which the model can't stop by itself; a deadline can stop it; default: 0.
            checkpoints: where interim answers are branched: thinking lengths in ascending order, or a rule; [] for
                none. As a text: 500,1000, every:500, count:4, geometric:2, none.
                every: one every so many thinking tokens.
                count: this many, evenly over the budget.
                geometric: from 16 tokens on, each this many times the last.
            interim: how interim answers are drawn.
                max_tokens: the most tokens of one interim answer; default: 128.
                samples: answers per checkpoint; the majority is the answer; default: 1.
                temperature: default: the request's temperature.
            stop_when: end the thinking once the answer has settled, if it loops, or at a pattern. As a text: stable:3,
                confidence:0.9, consensus:0.75, risk:0.05, give_up:0.02, loop, match:PATTERN, or several with commas,
                match last.
                stable: the same answer at this many checkpoints in a row.
                confidence: an interim answer this sure.
                consensus: this large a share of several trunks for one answer at two checkpoints, or a majority with
                    two of them done.
                risk: as early as possible while at most this share of answers becomes wrong by it.
                give_up: once it is hopeless, if at most this share becomes wrong by it.
                loop: the thinking repeats itself token for token.
                match: a regular expression that is found in the thinking.
            trunks: this many thoughts of the question, which share the budget evenly and vote on the answer; default:
                1.
            prune: give up trunks that stand against the others; needs trunks.
            first: take the vote of this many trunks, the first that are done; needs trunks.
            answer: short: the cue is forced, as at a checkpoint; default: full.
            max_answer_tokens: default: the server's; for a short answer, interim.max_tokens.
            max_completion_tokens: the most tokens of thinking, closing, cue and answer together (-1: no bound); a
                quarter of it at least is kept for an answer whose length is not given.
            temperature: 0 is greedy; default: the model's own.
            top_p: default: the model's own.
            top_k: 0 or -1: all tokens; default: the model's own.
            min_p: default: the model's own.
            seed: of the sampling; default, and -1: a new one each time.
            stop: strings that end the final answer; they are not part of it.
            tools: given to the model's chat template.
            chat_template_kwargs: variables for the model's chat template, e.g. reasoning_effort; thinking switched off
                in them is a budget of 0.
            trust_special_tokens: read control tokens that messages and tools spell as such, and not as text; default:
                the server's.
            structured_outputs: what the answers must look like.
                json: JSON that a schema describes.
                json_object: any JSON object.
                regex: text that it matches.
                choice: one of these.
                grammar: text of this EBNF grammar.
            logprobs: report the final answer's tokens with their logprobs.
            top_logprobs: this many of the likeliest tokens beside each; needs logprobs; default: 0.
            closing: text before the think-close marker when thinking is cut.
            cue: text that starts a short or interim answer.
            deadline_ms: the thinking ends in time for a short answer by then, even before min_budget.
            background: go on when the connection drops; read it by its id.
            grace_ms: how long a dropped stream may stay away, to go on at /reason/{id}/events, before it is cancelled;
                default: 30000.
        """
        async with self.stream(question, **fields) as stream:
            return await stream._result()

    def stream(self, question: Question | None = None, **fields: Unpack[ReasonFields]) -> AsyncStream:
        """Return the stream of a new session, which begins when its `async with` statement is entered.

        Args:
            question: a prompt or a conversation; or give `messages`. Beside it, the fields of a request:
            messages: a conversation that does not end with the assistant; or give `prompt`.
            model: the served model's name; another one is an error.
            budget: the most thinking tokens; default: the server's. Also called thinking_token_budget, thinking_budget,
                thinking_budget_tokens, max_thinking_tokens.
            min_budget: thinking tokens before which the model can't stop by itself; a deadline can stop it; default: 0.
            checkpoints: where interim answers are branched: thinking lengths in ascending order, or a rule; [] for
                none. As a text: 500,1000, every:500, count:4, geometric:2, none.
                every: one every so many thinking tokens.
                count: this many, evenly over the budget.
                geometric: from 16 tokens on, each this many times the last.
            interim: how interim answers are drawn.
                max_tokens: the most tokens of one interim answer; default: 128.
                samples: answers per checkpoint; the majority is the answer; default: 1.
                temperature: default: the request's temperature.
            stop_when: end the thinking once the answer has settled, if it loops, or at a pattern. As a text: stable:3,
                confidence:0.9, consensus:0.75, risk:0.05, give_up:0.02, loop, match:PATTERN, or several with commas,
                match last.
                stable: the same answer at this many checkpoints in a row.
                confidence: an interim answer this sure.
                consensus: this large a share of several trunks for one answer at two checkpoints, or a majority with
                    two of them done.
                risk: as early as possible while at most this share of answers becomes wrong by it.
                give_up: once it is hopeless, if at most this share becomes wrong by it.
                loop: the thinking repeats itself token for token.
                match: a regular expression that is found in the thinking.
            trunks: this many thoughts of the question, which share the budget evenly and vote on the answer; default:
                1.
            prune: give up trunks that stand against the others; needs trunks.
            first: take the vote of this many trunks, the first that are done; needs trunks.
            answer: short: the cue is forced, as at a checkpoint; default: full.
            max_answer_tokens: default: the server's; for a short answer, interim.max_tokens.
            max_completion_tokens: the most tokens of thinking, closing, cue and answer together (-1: no bound); a
                quarter of it at least is kept for an answer whose length is not given.
            temperature: 0 is greedy; default: the model's own.
            top_p: default: the model's own.
            top_k: 0 or -1: all tokens; default: the model's own.
            min_p: default: the model's own.
            seed: of the sampling; default, and -1: a new one each time.
            stop: strings that end the final answer; they are not part of it.
            tools: given to the model's chat template.
            chat_template_kwargs: variables for the model's chat template, e.g. reasoning_effort; thinking switched off
                in them is a budget of 0.
            trust_special_tokens: read control tokens that messages and tools spell as such, and not as text; default:
                the server's.
            structured_outputs: what the answers must look like.
                json: JSON that a schema describes.
                json_object: any JSON object.
                regex: text that it matches.
                choice: one of these.
                grammar: text of this EBNF grammar.
            logprobs: report the final answer's tokens with their logprobs.
            top_logprobs: this many of the likeliest tokens beside each; needs logprobs; default: 0.
            closing: text before the think-close marker when thinking is cut.
            cue: text that starts a short or interim answer.
            deadline_ms: the thinking ends in time for a short answer by then, even before min_budget.
            background: go on when the connection drops; read it by its id.
            grace_ms: how long a dropped stream may stay away, to go on at /reason/{id}/events, before it is cancelled;
                default: 30000.
        """
        return self._stream(question, fields)

    def attach(self, id: str, starting_after: int = 0) -> AsyncStream:
        """See `Anytime.attach`."""
        reading = Reading.of_existing(id, starting_after)
        return AsyncStream(reading, self._line, self._attempts, cancels=False)

    async def best_within(
        self, question: Question | None = None, *, seconds: float, **fields: Unpack[ReasonFields]
    ) -> ReasonDocument:
        """See `Anytime.best_within`."""
        plan = TimePlan(seconds)
        stream = self._stream(question, plan.fields(fields), farewell_s=plan.reserve_s)
        return await best_within_async(stream, plan)

    @overload
    async def reason_many(
        self,
        questions: Iterable[Question],
        *,
        concurrency: int = 8,
        progress: bool | None = None,
        on_error: Literal["raise"] = "raise",
        **fields: Unpack[ReasonFields],
    ) -> list[ReasonDocument]: ...

    @overload
    async def reason_many(
        self,
        questions: Iterable[Question],
        *,
        concurrency: int = 8,
        progress: bool | None = None,
        on_error: Literal["return"],
        **fields: Unpack[ReasonFields],
    ) -> list[ReasonDocument | AnytimeError]: ...

    async def reason_many(
        self,
        questions: Iterable[Question],
        *,
        concurrency: int = 8,
        progress: bool | None = None,
        on_error: OnError = "raise",
        **fields: Unpack[ReasonFields],
    ) -> Sequence[ReasonDocument | AnytimeError]:
        """See `Anytime.reason_many`."""
        return await reason_many_async(
            lambda question: self._stream(question, fields, UNREAD_FAREWELL_S),
            questions,
            concurrency,
            progress,
            on_error,
        )

    async def get(self, id: str) -> ReasonDocument:
        """See `Anytime.get`."""
        return await self._document(_calls.document(id))

    async def answer_now(self, id: str) -> ReasonDocument:
        """See `Anytime.answer_now`."""
        return await self._document(_calls.answer_now(id))

    async def extend(
        self, id: str, budget: int | str | None = None, *, to: int | None = None, by: int | None = None
    ) -> ReasonDocument:
        """See `Anytime.extend`."""
        return await self._document(_calls.extend(id, _calls.raised(budget, to, by)))

    async def cancel(self, id: str) -> ReasonDocument:
        """See `Anytime.cancel`."""
        return await self._document(_calls.cancel(id))

    async def models(self) -> list[ModelCard]:
        """See `Anytime.models`."""
        response = await self._line().run(fetch(_calls.models(), self._attempts()))
        return list(parse(ModelList, response).data)

    def _stream(self, question: Question | None, fields: ReasonFields, farewell_s: float = FAREWELL_S) -> AsyncStream:
        return AsyncStream(
            Reading.of_new(question, fields),
            self._line,
            self._attempts,
            cancels=not fields.get("background"),
            farewell_s=farewell_s,
        )

    async def _document(self, call: _calls.Call) -> ReasonDocument:
        return await self._line().run(fetch_document(call, self._attempts()))

    def _line(self) -> AsyncLine:
        return AsyncLine(self._http, self._config, self._contact, self._sleep)

    def _attempts(self) -> Attempts:
        config = self._config
        return Attempts(config.max_retries, contact=self._contact, unreached_retries=config.unreached_retries)
