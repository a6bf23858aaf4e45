"""What a URL's query may carry."""

import re
from typing import Annotated, Any, Self

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from anytime_client.protocol import BUDGET_ALIASES, ReasonRequest, fold_budget_aliases
from anytime_client.protocol.bounds import MAX_TOKENS
from anytime_server.errors import InvalidRequest

EXTENSION = re.compile("(?:[ +]?[1-9][0-9]{0,8}|0)")


AliasTokens = Annotated[int, Field(ge=-1, le=MAX_TOKENS)] | None
ALIAS = "alias of budget; -1: as many as fit"


class BudgetQuery(BaseModel):
    """A budget in the query, under any of its names."""

    model_config = ConfigDict(extra="forbid")

    budget: int | None = Field(default=None, ge=0, le=MAX_TOKENS, description="as in the body; the two must not differ")
    thinking_token_budget: AliasTokens = Field(default=None, description=ALIAS)
    thinking_budget: AliasTokens = Field(default=None, description=ALIAS)
    thinking_budget_tokens: AliasTokens = Field(default=None, description=ALIAS)
    max_thinking_tokens: AliasTokens = Field(default=None, description=ALIAS)

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        self.chosen()
        return self

    def chosen(self) -> int | None:
        """Return the budget under whichever name it came."""
        values: dict[str, Any] = {name: getattr(self, name) for name in ("budget", *BUDGET_ALIASES)}
        budget: int | None = fold_budget_aliases(values).get("budget")
        return budget


class ReasonQuery(BudgetQuery):
    """Query of `POST /reason`."""

    stream: bool | None = Field(default=None, description="as in the body")

    def merge(self, body: ReasonRequest) -> ReasonRequest:
        """Return the body with what the query adds.

        Raises:
            InvalidRequest: if the two name different budgets.
        """
        budget = self.chosen()
        if budget is not None and body.budget is not None and budget != body.budget:
            raise InvalidRequest(
                f"the query's budget is {budget} and the body's {body.budget}; give one", param="budget"
            )
        update: dict[str, Any] = {} if budget is None else {"budget": budget}
        if self.stream is not None:
            update["stream"] = self.stream
        return body.model_copy(update=update)


QUERIES = {
    "/reason": {*ReasonQuery.model_fields},
    "/v1/chat/completions": {*BudgetQuery.model_fields},
    "/v1/responses": {*BudgetQuery.model_fields},
    "/reason/{id}/events": {"starting_after"},
    "/reason/{id}/extend": {"budget"},
}

MODEL_LISTS = ("/v1/models", "/v1/models/{id:path}")
"""Clients ask these for pages, or tell their version: there is one page, and what it holds is no other for anybody."""


def refuse_unknown_query(request: Request) -> None:
    """Refuse query parameters that the route does not know, or that come twice."""
    path = request.scope["route"].path
    if path in MODEL_LISTS:
        return
    known = QUERIES.get(path, set())
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            raise InvalidRequest(f"{name}: unknown query parameter; remove it", param=name)
        if names.count(name) > 1:
            raise InvalidRequest(f"{name}: given more than once", param=name)


ExtensionBudget = Annotated[
    str,
    Query(
        alias="budget",
        description="`+1000` grants that many more thinking tokens; `3000` raises the budget to that many",
        examples=["+1000", "3000"],
        json_schema_extra={"pattern": f"^{EXTENSION.pattern}$"},
    ),
]


def parse_extension(budget: str) -> tuple[int, bool]:
    """Read the budget of an extension: the number, and whether it is relative.

    An unescaped `+` in a query arrives as a space, so a leading space counts as one.
    """
    if not EXTENSION.fullmatch(budget):
        raise InvalidRequest(
            "budget must be +N (that many more thinking tokens, at least 1) or N (that many in all), "
            f"of at most 9 digits, not {budget!r}",
            param="budget",
        )
    return int(budget), budget[0] in " +"
