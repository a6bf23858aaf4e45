"""OpenAI's Responses API, as far as agents need it: text, reasoning and function calls, without stored state."""
