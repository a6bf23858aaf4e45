"""The OpenAI-compatible surface: a translation onto the same sessions that `/reason` serves."""
