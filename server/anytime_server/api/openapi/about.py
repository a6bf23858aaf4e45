"""What the document says of the API as a whole, and of its groups of routes."""

DESCRIPTION = """\
Ask a reasoning model a question with a budget of thinking tokens, and get answers while it thinks.

- `POST /reason` thinks and answers: as one JSON document, or as server-sent events with `Accept: text/event-stream`.
- Under its `id` you can read a session, ask it to answer at once, extend it and cancel it.
- Every response carries `X-Request-Id`. Every error is `{"error": {"type", "message", "param", "request_id"}}`,
  also for a route that doesn't exist (404) and for a method that a route doesn't have (405, with `Allow`).
- If the server has API keys, send one as `Authorization: Bearer KEY`.
"""

TAGS = [
    {"name": "reason", "description": "Sessions: think within a budget, and answer on the way."},
    {"name": "openai", "description": "The same models by the routes of the OpenAI API."},
    {"name": "tokens", "description": "Text as the model's tokens, by the routes of vLLM's server."},
    {"name": "operations", "description": "Liveness, readiness and metrics. Open without a key."},
]
"""`tags` of the document; a test holds that each is described here."""
