"""The form in which a template takes a whole conversation, found by trying."""

from collections.abc import Sequence
from dataclasses import dataclass

from anytime_server.controller.errors import LostMessageError, TemplateError, ToolsError
from anytime_server.controller.prompt.conversation import Conversation
from anytime_server.controller.prompt.forms import Change, aspects_of, tool_variables
from anytime_server.controller.prompt.plain_text import without_fences
from anytime_server.controller.prompt.tracing import Arrival, Lost, arrival, traced, without_tracers
from anytime_server.controller.tokenizer import Tokenizer

NO_TOOLS = "the model's chat template takes no tools: leave them out, or serve a model that calls tools"


@dataclass(frozen=True, slots=True)
class _Try:
    """A conversation in some form, and what became of it; `refusal` is the error that the template raised."""

    conversation: Conversation
    arrival: Arrival
    refusal: TemplateError | None = None

    @property
    def loss(self) -> tuple[bool, int, int]:
        """How much is wrong with it: the smaller, the better."""
        return self.refusal is not None or self.arrival.is_dump, len(self.arrival.lost), self.arrival.thoughts

    @property
    def is_taken(self) -> bool:
        """Whether everything arrives that has to."""
        return self.refusal is None and not self.arrival.lost


def rendered_whole(conversation: Conversation, tokenizer: Tokenizer, template: str) -> tuple[str, str]:
    """Return the rendering of `conversation` in a form in which `template` takes it, and the generation prompt in it.

    One aspect after the other is changed as long as that makes it better; twice, since one can hide another.

    Raises:
        TemplateError: if no form is taken; `LostMessageError` and `ToolsError` if something is left out in all of them.
    """
    if conversation.tools and not tool_variables(template):
        raise ToolsError(NO_TOOLS)

    def attempt(changes: Sequence[Change]) -> _Try:
        changed, changed_traced = conversation, with_tracers
        for change in changes:
            changed, changed_traced = change(changed), change(changed_traced)
        try:
            rendering = _render(changed_traced, tokenizer)
        except TemplateError as error:
            return _Try(changed, Arrival((), 0, ""), error)
        return _Try(changed, arrival(conversation, rendering, tokenizer.ignored_roles))

    with_tracers = traced(conversation)
    aspects = aspects_of(conversation, template)
    chosen = [aspect.forms[0] for aspect in aspects]
    first = best = attempt(chosen)
    for index, aspect in [*enumerate(aspects)] * 2:
        for form in aspect.forms[1:]:
            if best.is_taken and (aspect.matters or not best.arrival.thoughts):
                break
            changes = [*chosen[:index], form, *chosen[index + 1 :]]
            if (tried := attempt(changes)).loss < best.loss:
                chosen, best = changes, tried
    if best.refusal is not None:
        raise first.refusal or best.refusal
    if best.arrival.lost:
        raise _error(conversation, best.arrival.lost[0])
    return _render(best.conversation, tokenizer), best.arrival.tail


def _render(conversation: Conversation, tokenizer: Tokenizer) -> str:
    """Render it; what an error quotes of the texts is as it was sent."""
    try:
        return conversation.render(tokenizer)
    except TemplateError as error:
        raise TemplateError(without_fences(without_tracers(str(error)))) from error


def _error(conversation: Conversation, lost: Lost) -> TemplateError:
    if lost.kind == "tool":
        return ToolsError(NO_TOOLS)
    if lost.kind == "calls":
        return LostMessageError(
            "the model's chat template leaves out tool calls of this message: tell the model about them as text",
            lost.index,
        )
    role = conversation.messages[lost.index]["role"]
    remedy = "leave it out" if role == "user" else "put its text into a user's message"
    return LostMessageError(f"the model's chat template leaves out this message (role {role!r}): {remedy}", lost.index)
