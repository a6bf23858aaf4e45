"""`anytime worker`: an engine in a process of its own, behind the routes of vLLM's server that the remote engine asks.

It runs no sessions: token ids come in, token ids go out.
"""

from anytime_server.worker.command import worker

__all__ = ["worker"]
