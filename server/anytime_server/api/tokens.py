"""Text as token ids and back, by the routes of vLLM's server."""

import asyncio
from typing import Annotated, Any, Self

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, Field, ValidationError, model_validator

from anytime_client.protocol import ChatMessage, FieldError, NonEmptyText, ReasonRequest, ToolDefinition
from anytime_client.protocol.base import Options, Strict
from anytime_client.protocol.bounds import MAX_MESSAGES, MAX_TOKENS, MAX_TOOLS
from anytime_server.api import openapi
from anytime_server.api.bounded_route import BoundedRoute
from anytime_server.api.errors import as_invalid_request
from anytime_server.api.openai.completions.planning import check_ids, encoded
from anytime_server.api.openai.neutral import Neutral, without_neutral, without_null
from anytime_server.api.openai.turns import message_of, tools_of
from anytime_server.api.parameters import refuse_unknown_query
from anytime_server.api.reading import reasoner_of
from anytime_server.reasoning import Reasoner

router = APIRouter(route_class=BoundedRoute, tags=["tokens"], dependencies=[Depends(refuse_unknown_query)])

COUNTED_CONTEXTS = 8
"""How many times the model's context a text may be long; tokenizing megabytes takes a minute and gigabytes."""

AS_RENDERED = "a conversation is counted as it is answered, by the model's own chat template; leave it out"
FIELDS = {
    "add_generation_prompt": Neutral((True,), AS_RENDERED),
    "chat_template": Neutral((), AS_RENDERED),
    "chat_template_kwargs": Neutral(({},), AS_RENDERED),
    "continue_final_message": Neutral((False,), AS_RENDERED),
    "mm_processor_kwargs": Neutral(({},), "the model reads text only; leave it out"),
}
"""Fields of vLLM's route that are accepted with the values that change nothing."""


class TokenizeRequest(Options):
    """A text, or a conversation as the model is asked to answer it."""

    model: str | None = Field(default=None, description="the served model's name; another one is an error")
    prompt: NonEmptyText | None = Field(default=None, description="a text; or give `messages`")
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES, fail_fast=True)] | None = Field(
        default=None, description="a conversation that does not end with the assistant"
    )
    tools: Annotated[list[ToolDefinition], Field(max_length=MAX_TOOLS, fail_fast=True)] | None = Field(
        default=None, description="that the conversation may call"
    )
    add_special_tokens: bool | None = Field(
        default=None, description="begin a text as the tokenizer begins texts; default: true for a text"
    )
    return_token_strs: bool = Field(default=False, description="also return the text of each token")

    @model_validator(mode="before")
    @classmethod
    def _as_clients_send_it(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = without_null(data)
        if isinstance(given.get("messages"), list):
            given["messages"] = [message_of(index, message) for index, message in enumerate(given["messages"])]
        if "tools" in given:
            given["tools"] = tools_of(given["tools"])
        return without_neutral(given, FIELDS)

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise FieldError("prompt", "give either prompt or messages, and not both")
        if self.messages is not None and self.add_special_tokens:
            raise FieldError("add_special_tokens", "the chat template writes them; leave it out, or give false")
        return self


class TokenizeResponse(BaseModel):
    """Token ids."""

    count: int = Field(description="how many")
    max_model_len: int = Field(description="the model's context")
    tokens: list[int] = Field(description="the token ids")
    token_strs: list[str] | None = Field(description="the text of each, if asked for")


class DetokenizeRequest(Strict):
    """Token ids."""

    model: str | None = Field(default=None, description="the served model's name; another one is an error")
    tokens: Annotated[list[Annotated[int, Field(ge=0, le=MAX_TOKENS)]], Field(fail_fast=True)] = Field(
        description="the token ids"
    )


class DetokenizeResponse(BaseModel):
    """A text."""

    prompt: str = Field(description="the text of the tokens, special ones included")


TEXT = {"text": {"summary": "A text", "value": {"prompt": "largest of 37+48, 9*8", "return_token_strs": True}}}
CHAT = {"chat": {"summary": "A conversation", "value": {"messages": [{"role": "user", "content": "9*8"}]}}}
TOLD = TokenizeResponse(count=3, max_model_len=1024, tokens=[13, 5, 11], token_strs=["9", "*", "8"])
IDS = {"ids": {"summary": "Token ids", "value": {"tokens": [5, 6, 7]}}}


@router.post("/tokenize", responses={200: openapi.example(TOLD), **openapi.errors(422)})
async def tokenize(
    request: Request, body: Annotated[TokenizeRequest, Body(openapi_examples={**TEXT, **CHAT})]
) -> TokenizeResponse:
    """Return the token ids of a text, or of a conversation as the model is asked to answer it, thinking opened."""
    reasoner = reasoner_of(request)
    reasoner.check_model(body.model)
    tokenizer = reasoner.engine.tokenizer
    ids = await asyncio.to_thread(_ids, body, reasoner)
    texts = [tokenizer.decode([id]) for id in ids] if body.return_token_strs else None
    context = reasoner.engine.limits.max_model_len
    return TokenizeResponse(count=len(ids), max_model_len=context, tokens=ids, token_strs=texts)


@router.post("/detokenize", responses={200: openapi.example(DetokenizeResponse(prompt="9*8")), **openapi.errors(422)})
async def detokenize(
    request: Request, body: Annotated[DetokenizeRequest, Body(openapi_examples=IDS)]
) -> DetokenizeResponse:
    """Return the text of token ids."""
    reasoner = reasoner_of(request)
    reasoner.check_model(body.model)
    tokenizer = reasoner.engine.tokenizer
    check_ids(body.tokens, tokenizer.vocab_size, "tokens")
    return DetokenizeResponse(prompt=await asyncio.to_thread(tokenizer.decode, body.tokens))


def _ids(body: TokenizeRequest, reasoner: Reasoner) -> list[int]:
    if body.prompt is not None:
        special = body.add_special_tokens is not False
        return encoded(body.prompt, reasoner, special=special, contexts=COUNTED_CONTEXTS)
    try:
        return list(reasoner.render(ReasonRequest(messages=body.messages, tools=body.tools)))
    except ValidationError as error:
        raise as_invalid_request(error.errors()) from error
