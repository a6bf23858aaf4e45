"""The OpenAPI document: what FastAPI makes of the routes, completed with what it can't know of them."""

from anytime_server.api.openapi.about import DESCRIPTION, TAGS
from anytime_server.api.openapi.completion import install, operation_id
from anytime_server.api.openapi.errors import Responses, errors
from anytime_server.api.openapi.examples import REQUESTS
from anytime_server.api.openapi.responses import document, document_or_stream, failures, stream

__all__ = [
    "DESCRIPTION",
    "REQUESTS",
    "TAGS",
    "Responses",
    "document",
    "document_or_stream",
    "errors",
    "failures",
    "install",
    "operation_id",
    "stream",
]
