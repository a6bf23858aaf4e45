"""The prompt of a session: a conversation, by the model's chat template, with nothing lost on the way.

conversation.py   what is said: turns, tools, and what the template is told beside them
plain_text.py     texts that spell control tokens, kept from becoming them
forms.py          the ways in which families want to be given a conversation
tracing.py        what of a conversation arrives in its rendering
search.py         the form in which everything arrives, found by trying
writing.py        that form as token ids, with the thinking open or without thinking
"""

from anytime_server.controller.prompt.conversation import Conversation
from anytime_server.controller.prompt.writing import render_prompt, write_direct, write_prompt

__all__ = [
    "Conversation",
    "render_prompt",
    "write_direct",
    "write_prompt",
]
