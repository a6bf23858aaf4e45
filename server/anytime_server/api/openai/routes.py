"""The routes of OpenAI's API."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from anytime_client.protocol import ModelCard, ModelList, ReasonDocument
from anytime_server.api import openapi
from anytime_server.api.bounded_route import BoundedRoute
from anytime_server.api.errors import request_id
from anytime_server.api.openai import description
from anytime_server.api.openai.budget import budget_of
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.chat_response import completion
from anytime_server.api.openai.chat_stream import chunks
from anytime_server.api.openai.completions.planning import continuations
from anytime_server.api.openai.completions.request import CompletionRequest
from anytime_server.api.openai.completions.response import completion as text_completion
from anytime_server.api.openai.completions.response import text_chunks
from anytime_server.api.openai.effort import EffortMap
from anytime_server.api.openai.examples import CHATS, COMPLETIONS, RESPONSES
from anytime_server.api.openai.failures import failure
from anytime_server.api.openai.models import model_cards
from anytime_server.api.openai.responses.builder import ResponseBuilder
from anytime_server.api.openai.responses.request import ResponsesRequest, chat_request
from anytime_server.api.openai.responses.request import sent_names as response_names
from anytime_server.api.openai.responses.stream import response_events
from anytime_server.api.openai.tools import Form
from anytime_server.api.openai.translate import reason_request, sent_names
from anytime_server.api.parameters import BudgetQuery, refuse_unknown_query
from anytime_server.api.reading import client_of, reasoner_of, wait_for
from anytime_server.api.sent_names import as_sent
from anytime_server.api.sse import ReadStream
from anytime_server.errors import InvalidRequest, NotFound
from anytime_server.reasoning import Handle, Session

router = APIRouter(
    route_class=BoundedRoute, prefix="/v1", tags=["openai"], dependencies=[Depends(refuse_unknown_query)]
)


@router.post(
    "/chat/completions",
    responses={200: description.completion_or_stream(), **openapi.openai_errors(404, 409, 429, 503)},
)
async def chat_completions(
    request: Request,
    body: Annotated[ChatRequest, Body(openapi_examples=CHATS)],
    query: Annotated[BudgetQuery, Query()],
) -> Response:
    """Complete a conversation, thinking within a budget.

    A translation onto the sessions of `POST /reason`: the completion's id is a session's id, so it can be steered
    under `/reason/{id}`. Dropping the connection cancels it.
    """
    created = int(time.time())
    sessions = await _begin(request, body, query.chosen())
    headers = {description.SESSION_HEADER: ", ".join(session.id for session in sessions)}
    reasoner = reasoner_of(request)
    if body.stream:
        return ReadStream(
            _handles(request, sessions),
            chunks(body, sessions, reasoner, _form(request), created, request_id(request)),
            headers,
        )
    documents = await _completed(sessions, request)
    return JSONResponse(completion(body, documents, _form(request), created), headers=headers)


@router.post(
    "/completions",
    responses={200: description.text_completion_or_stream(), **openapi.openai_errors(404, 409, 429, 503)},
)
async def completions(
    request: Request, body: Annotated[CompletionRequest, Body(openapi_examples=COMPLETIONS)]
) -> Response:
    """Continue text as it stands: without a chat template, and so without a thinking budget.

    What a model writes of its thinking is part of the text, as on vLLM. Each choice is a session that only answers.
    """
    created, reasoner = int(time.time()), reasoner_of(request)
    make = partial(continuations, body, reasoner)
    plans = await reasoner.planned_by(make, body, body.n * len(body.prompts), client_of(request))
    sessions = reasoner.admit_all([plan.variant(index) for plan in plans for index in range(body.n)])
    headers = {description.SESSION_HEADER: ", ".join(session.id for session in sessions)}
    if body.stream:
        return ReadStream(
            _handles(request, sessions), text_chunks(body, sessions, reasoner, created, request_id(request)), headers
        )
    documents = await _completed(sessions, request)
    return JSONResponse(await text_completion(body, sessions, documents, created), headers=headers)


@router.post(
    "/responses",
    responses={200: description.response_or_stream(), **openapi.openai_errors(404, 409, 429, 503)},
)
async def responses(
    request: Request,
    body: Annotated[ResponsesRequest, Body(openapi_examples=RESPONSES)],
    query: Annotated[BudgetQuery, Query()],
) -> Response:
    """Respond to items, thinking within a budget; the response's id is its session's.

    Nothing is stored as OpenAI does it: send the earlier items, reasoning included, in `input`.
    """
    created = int(time.time())
    chat = chat_request(body)
    try:
        (session,) = await _begin(request, chat, query.chosen())
    except InvalidRequest as error:
        raise as_sent(error, response_names(body)) from error
    reasoner = reasoner_of(request)
    headers = {description.SESSION_HEADER: session.id}
    builder = ResponseBuilder(body, chat, _form(request), session.id, reasoner.engine.model, created)
    if body.stream:
        return ReadStream(_handles(request, [session]), response_events(builder, session, reasoner), headers)
    (document,) = await _completed([session], request)
    builder.think(document.thinking)
    builder.answer(document.answer.text if document.answer else "")
    builder.end(document)
    return JSONResponse(builder.response, headers=headers)


@router.get("/models", responses={200: description.model_list()})
async def models(request: Request) -> ModelList:
    """List the served model under each of its names: its context, its thinking format, budgets and efforts."""
    return ModelList(data=_cards(request))


@router.get("/models/{id:path}", responses={200: description.model_card(), **openapi.openai_errors(404)})
async def model(
    request: Request, id: Annotated[str, Path(description="the model's name, slashes included")]
) -> ModelCard:
    """Describe the served model, as the list does."""
    cards = {card.id: card for card in _cards(request)}
    if id not in cards:
        names = ", ".join(repr(name) for name in cards)
        raise NotFound(f"this server serves {names}, not {id!r}", param="model", code="model_not_found")
    return cards[id]


async def _completed(sessions: Sequence[Session], request: Request) -> list[ReasonDocument]:
    """Wait for sessions to end, or for the client to leave; raise why one has no answer."""
    documents = await wait_for(_handles(request, sessions), request)
    for document in documents:
        if (error := failure(document, reasoner_of(request))) is not None:
            raise error
    return documents


async def _begin(request: Request, body: ChatRequest, in_query: int | None) -> list[Session]:
    """Admit a session per choice, or none at all."""
    reasoner = reasoner_of(request)
    asked = reason_request(body, budget_of(body, in_query, _effort(request)), reasoner.settings.defaults)
    try:
        plan = await reasoner.planned(asked, body.n, client_of(request))
    except InvalidRequest as error:
        raise as_sent(error, sent_names(body)) from error
    return reasoner.admit_all([plan.variant(index) for index in range(body.n)])


def _handles(request: Request, sessions: Sequence[Session]) -> list[Handle]:
    return [reasoner_of(request).here(session) for session in sessions]


def _cards(request: Request) -> tuple[ModelCard, ...]:
    return model_cards(reasoner_of(request), _effort(request), request.app.state.created)


def _form(request: Request) -> Form:
    form: Form = request.app.state.tool_form
    return form


def _effort(request: Request) -> EffortMap:
    effort: EffortMap = request.app.state.effort
    return effort
