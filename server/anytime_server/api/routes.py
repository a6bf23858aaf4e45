"""The routes of sessions."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from anytime_client.protocol import ReasonDocument, ReasonRequest
from anytime_server.api import openapi
from anytime_server.api.bounded_route import BoundedRoute
from anytime_server.api.parameters import ExtensionBudget, ReasonQuery, parse_extension, refuse_unknown_query
from anytime_server.api.reading import client_of, reasoner_of, wait_for
from anytime_server.api.sse import SessionStream, wants_events
from anytime_server.errors import Conflict, InvalidRequest
from anytime_server.reasoning import Standing
from anytime_server.reasoning.sessions.failures import status_of

SessionId = Annotated[str, Path(description="of a session, as its document and its first event tell it")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="makes it safe to send the request again: the same key has its effect once",
    ),
]

MAX_EVENTS = 10**15
"""No log has so many events."""

router = APIRouter(route_class=BoundedRoute, tags=["reason"], dependencies=[Depends(refuse_unknown_query)])


@router.post(
    "/reason",
    response_model=ReasonDocument,
    responses={
        200: openapi.document_or_stream("the session has ended; or, if asked for, a stream of it"),
        202: openapi.document("`background`: the session has begun"),
        **openapi.errors(409, 429),
        **openapi.failures(),
    },
)
async def reason(
    request: Request,
    body: Annotated[ReasonRequest, Body(openapi_examples=openapi.REQUESTS)],
    query: Annotated[ReasonQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Think about a question within a budget, and answer.

    As JSON the response is the finished document. As server-sent events (`Accept: text/event-stream` or
    `"stream": true`) thinking, interim answers and the final answer arrive as they come. Dropping the connection
    cancels the session, unless it runs in the background or somebody reads it within `grace_ms`.
    """
    reasoner = reasoner_of(request)
    body = query.merge(body)
    # An empty header is a client's way to send none.
    key = idempotency_key or None
    session = await reasoner.begun_with(key, body)
    if session is None:
        session = await reasoner.begin(await reasoner.planned(body, client=client_of(request)), key)
    if body.stream or wants_events(",".join(request.headers.getlist("accept"))):
        return SessionStream(session)
    if body.background:
        return document_response(await session.document(), status=202)
    (document,) = await wait_for([session], request)
    return document_response(document)


@router.get(
    "/reason/{id}",
    response_model=ReasonDocument,
    responses={200: openapi.document("the session as it stands"), **openapi.errors(404, 422, 503)},
)
async def snapshot(request: Request, id: SessionId) -> Response:
    """Return the session as it stands: status, best answer so far, checkpoints, usage."""
    session = await reasoner_of(request).find(id)
    return document_response(await session.document(), status=200)


@router.get(
    "/reason/{id}/events",
    response_class=Response,
    responses={
        200: openapi.stream("the events, until the session has ended"),
        204: {"description": "the session has ended and there is nothing after that event"},
        **openapi.errors(404, 409, 422, 503),
    },
)
async def events(
    request: Request,
    id: SessionId,
    starting_after: Annotated[
        int | None, Query(ge=0, le=MAX_EVENTS, description="the last sequence number already seen")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="the same, as EventSource sends it")
    ] = None,
) -> Response:
    """Stream the session's events from any point on.

    Dropping this connection cancels the session only if it was its last reader: see `grace_ms` and `background`.
    """
    session = await reasoner_of(request).find(id)
    standing = await session.standing()
    after = _resume_point(standing, starting_after, last_event_id)
    if standing.ended and after == standing.last:
        # What an EventSource takes as the end: on an empty stream it would come again for ever.
        return Response(status_code=204)
    return SessionStream(session, after)


@router.post(
    "/reason/{id}/answer_now",
    response_model=ReasonDocument,
    responses={200: openapi.document("the session as it stands"), **openapi.errors(404, 422, 503)},
)
async def answer_now(request: Request, id: SessionId) -> Response:
    """Close the thinking at the next token and answer. On an ended session this only returns the document."""
    session = await reasoner_of(request).find(id)
    return document_response(await session.answer_now(), status=200)


@router.post(
    "/reason/{id}/extend",
    response_model=ReasonDocument,
    responses={
        200: openapi.document("the session, with its new budget"),
        **openapi.errors(404, 409, 422, 429, 503),
    },
)
async def extend(
    request: Request,
    id: SessionId,
    budget: ExtensionBudget,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Raise the budget. A running session goes on thinking; an ended one thinks on from where it stopped.

    Read the stream from `last_sequence_number` on to follow it.
    """
    amount, relative = parse_extension(budget)
    document = await reasoner_of(request).think_on(id, amount, relative, idempotency_key or None)
    return document_response(document, status=200)


@router.delete(
    "/reason/{id}",
    response_model=ReasonDocument,
    responses={200: openapi.document("the session, which has ended"), **openapi.errors(404, 422, 503)},
)
async def cancel(request: Request, id: SessionId) -> Response:
    """Cancel the session. Idempotent: an ended session stays as it is. Returns once it has ended."""
    session = await reasoner_of(request).find(id)
    return document_response(await session.cancel(), status=200)


def document_response(document: ReasonDocument, status: int | None = None) -> Response:
    """Return a session's document; the document of a failed session has its error in the usual place."""
    if status is None:
        status = 200 if document.error is None else status_of(document.error)
    return JSONResponse(document.model_dump(), status_code=status)


def _resume_point(standing: Standing, starting_after: int | None, last_event_id: str | None) -> int:
    """A reconnecting EventSource keeps its URL and says in the header how far it has come since."""
    param = "Last-Event-ID" if last_event_id else "starting_after"
    if not last_event_id:
        after = starting_after or 0
    elif last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 16:
        after = int(last_event_id)
    else:
        raise InvalidRequest(f"not an event id: {last_event_id!r}", param=param)
    if after > standing.last and standing.ended:
        raise InvalidRequest(f"there is no event {after}; the last is {standing.last}", param=param)
    if after > standing.last:
        raise Conflict(f"event {after} is not in the log yet; its last is {standing.last}", param=param, retry_after=1)
    return after
