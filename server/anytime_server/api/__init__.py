"""The HTTP surface: routes, server-sent events, errors, access, limits, metrics, logs and traces."""

from anytime_server.api.app import create_app
from anytime_server.api.settings import ServerSettings

__all__ = ["ServerSettings", "create_app"]
