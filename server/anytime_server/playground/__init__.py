"""The playground: one static page that asks, and shows how the answer sharpens. It needs nothing but the HTTP API."""

from anytime_server.playground.files import install

__all__ = ["install"]
