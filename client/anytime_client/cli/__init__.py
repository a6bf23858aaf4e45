"""The `anytime` command."""

from anytime_client.cli.app import build, main

__all__ = ["build", "main"]
