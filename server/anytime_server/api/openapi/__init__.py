"""The OpenAPI document: what FastAPI makes of the routes, completed with what it can't know of them."""

from anytime_server.api.openapi.about import DESCRIPTION, TAGS
from anytime_server.api.openapi.completion import install, operation_id
from anytime_server.api.openapi.errors import Responses, errors, openai_errors
from anytime_server.api.openapi.examples import REQUESTS
from anytime_server.api.openapi.page import ASSETS, SERVERS, add_page
from anytime_server.api.openapi.responses import document, document_or_stream, example, failures, stream

__all__ = [
    "ASSETS",
    "DESCRIPTION",
    "REQUESTS",
    "SERVERS",
    "TAGS",
    "Responses",
    "add_page",
    "document",
    "document_or_stream",
    "errors",
    "example",
    "failures",
    "install",
    "openai_errors",
    "operation_id",
    "stream",
]
