"""How large the numbers, lists and texts of a request may be: generous to whoever means them, none without end.

What they bound is checked before it costs anything. The bounds of the JSON text itself are the server's.
"""

MAX_TOKENS = 2**31 - 1
"""The most of every number of tokens: more than any context holds, and no trouble for any engine."""

MAX_DEADLINE_MS = 24 * 60 * 60 * 1000
"""The longest deadline: a day."""

MAX_TRUNKS = 64
"""The most trunks of a session."""

MAX_MESSAGES = 4096
"""The most messages of a conversation, and items of a response's input."""

MAX_PARTS = 1024
"""The most parts of one message's content."""

MAX_TOOL_CALLS = 256
"""The most calls of one turn."""

MAX_TOOLS = 512
"""The most tools of a request."""

MAX_STOPS = 64
"""The most stop strings. All of them are looked for in every piece of an answer."""

MAX_STOP_CHARACTERS = 256
"""The most characters of a stop string."""

MAX_FORCED_CHARACTERS = 4096
"""The most characters of a text that is forced: `closing` and `cue`."""

MAX_STRUCTURED_CHOICES = 4096
"""The most texts of `structured_outputs.choice`."""

MAX_PATTERN_CHARACTERS = 256
"""The most characters of a pattern that ends the thinking."""

MAX_FIELDS = 128
"""The most fields of an object of the API, unknown ones included; what a JSON schema holds is not meant."""
