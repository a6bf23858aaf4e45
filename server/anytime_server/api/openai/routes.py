"""The routes of OpenAI's API."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from anytime_client.protocol import ModelCard, ModelList
from anytime_server.api import openapi
from anytime_server.api.openai import description
from anytime_server.api.openai.budget import budget_of
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.chat_response import completion
from anytime_server.api.openai.chat_stream import chunks
from anytime_server.api.openai.effort import EffortMap
from anytime_server.api.openai.examples import CHATS, RESPONSES
from anytime_server.api.openai.failures import failure
from anytime_server.api.openai.models import model_card
from anytime_server.api.openai.responses.builder import ResponseBuilder
from anytime_server.api.openai.responses.request import ResponsesRequest, chat_request, renamed
from anytime_server.api.openai.responses.stream import response_events
from anytime_server.api.openai.tools import Form
from anytime_server.api.openai.translate import reason_request, sent_name
from anytime_server.api.parameters import BudgetQuery, refuse_unknown_query
from anytime_server.api.reading import reasoner_of, wait_for
from anytime_server.api.sse import ReadStream
from anytime_server.errors import InvalidRequest, NotFound
from anytime_server.reasoning import Session

router = APIRouter(prefix="/v1", tags=["openai"], dependencies=[Depends(refuse_unknown_query)])


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
        return ReadStream(sessions, chunks(body, sessions, reasoner, _form(request), created), headers)
    documents = await wait_for(sessions, request)
    for session, document in zip(sessions, documents, strict=True):
        if (error := failure(session, document, reasoner)) is not None:
            raise error
    return JSONResponse(completion(body, documents, _form(request), created), headers=headers)


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
        raise renamed(error) from error
    reasoner = reasoner_of(request)
    headers = {description.SESSION_HEADER: session.id}
    builder = ResponseBuilder(body, chat, _form(request), session.id, reasoner.engine.model, created)
    if body.stream:
        return ReadStream([session], response_events(builder, session, reasoner), headers)
    (document,) = await wait_for([session], request)
    if (failed := failure(session, document, reasoner)) is not None:
        raise failed
    builder.think(document.thinking)
    builder.answer(document.answer.text if document.answer else "")
    builder.end(document)
    return JSONResponse(builder.response, headers=headers)


@router.get("/models", responses={200: description.model_list()})
async def models(request: Request) -> ModelList:
    """List the served model: its context, its thinking format, budgets and efforts."""
    return ModelList(data=(_card(request),))


@router.get("/models/{id:path}", responses={200: description.model_card(), **openapi.openai_errors(404)})
async def model(
    request: Request, id: Annotated[str, Path(description="the model's name, slashes included")]
) -> ModelCard:
    """Describe the served model, as the list does."""
    card = _card(request)
    if id != card.id:
        raise NotFound(f"this server serves {card.id!r}, not {id!r}", param="model", code="model_not_found")
    return card


async def _begin(request: Request, body: ChatRequest, in_query: int | None) -> list[Session]:
    """Admit a session per choice, or none at all."""
    reasoner = reasoner_of(request)
    asked = reason_request(body, budget_of(body, in_query, _effort(request)))
    reasoner.check_room(body.n)
    try:
        plan = await asyncio.to_thread(reasoner.plan, asked)
    except InvalidRequest as error:
        error.param = sent_name(body, error.param)
        raise
    return reasoner.admit_all([plan.variant(index) for index in range(body.n)])


def _card(request: Request) -> ModelCard:
    return model_card(reasoner_of(request), _effort(request), request.app.state.created)


def _form(request: Request) -> Form:
    form: Form = request.app.state.tool_form
    return form


def _effort(request: Request) -> EffortMap:
    effort: EffortMap = request.app.state.effort
    return effort
