"""The served models."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from anytime_client.protocol.base import Frozen


class ModelCard(BaseModel):
    """A served model, as OpenAI's API describes one; whatever else the server says of it is kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = Field(description="the name to ask for it by")
    object: Literal["model"] = "model"
    created: int = Field(default=0, description="Unix seconds")
    owned_by: str = Field(default="", description="who serves it")


class ModelList(Frozen):
    """Body of `GET /v1/models`."""

    object: Literal["list"] = "list"
    data: tuple[ModelCard, ...] = Field(description="the served models")
