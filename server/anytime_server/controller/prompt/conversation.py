"""What is said to the model, and what its chat template is told beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from anytime_server.controller.tokenizer import Message, Tokenizer, Tool

TOOLS = "tools"
"""The variable under which most templates read the tools."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The input of a chat template.

    Attributes:
        messages: the turns, oldest first.
        tools: what the model may call.
        variables: what the template may read beside them, by name.
        tools_name: the variable under which the template is given the tools.
    """

    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    variables: Mapping[str, object] = field(default_factory=dict)
    tools_name: str = TOOLS

    def with_variables(self, **more: object) -> "Conversation":
        """Return the conversation with `more` variables; they replace those of the same name."""
        return replace(self, variables={**self.variables, **more})

    def render(self, tokenizer: Tokenizer) -> str:
        """Return what the tokenizer's chat template makes of it, with the generation prompt.

        Raises:
            TemplateError: if the template refuses it.
        """
        tools, variables = self.tools, self.variables
        if tools and self.tools_name != TOOLS:
            tools, variables = (), {**variables, self.tools_name: tools}
        if not variables:
            return tokenizer.render_chat(self.messages, tools)
        return tokenizer.render_chat(self.messages, tools, variables)
