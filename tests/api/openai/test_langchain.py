"""LangChain's ChatOpenAI as its users set it up."""

import asyncio
import sys

import pytest
from pydantic import BaseModel

from anytime_server.api.openai.effort import EffortMap


@pytest.fixture
def chat():
    """Make a ChatOpenAI for a server."""
    from langchain_openai import ChatOpenAI

    def make(client, **options):
        return ChatOpenAI(
            model="fake-model", base_url=f"{client.base_url}/v1", api_key="unused", max_retries=0, **options
        )

    return make


async def test_invoke_within_a_budget(served, chat):
    async with served() as (client, engine):
        model = chat(client, extra_body={"budget": 12})
        message = await asyncio.to_thread(model.invoke, "count")
        assert message.content == "There are 4.\nAnswer: 4"
        assert message.usage_metadata["output_token_details"]["reasoning"] == 12
        assert message.usage_metadata["output_tokens"] == engine.generated
        assert message.response_metadata["finish_reason"] == "stop"
        again = await model.ainvoke([("system", "Be brief."), ("user", "count"), message, ("user", "sure?")])
        assert again.content == message.content
        prompt = engine.tokenizer.decode(engine.requests[-1].prompt_ids)
        assert prompt == f"system: Be brief.\nuser: count\nassistant: {message.content}\nuser: sure?\n<think>"


async def test_stream_with_usage_and_interim_answers(served, chat):
    async with served() as (client, _):
        model = chat(client, extra_body={"budget": 20, "checkpoints": [5, 10]}, stream_usage=True)
        parts = [part async for part in model.astream("count")]
        whole = sum(parts[1:], parts[0])
        assert whole.content == "There are 4.\nAnswer: 4"
        assert whole.usage_metadata["output_token_details"]["reasoning"] == 20


async def test_reasoning_effort(served, chat):
    async with served(app={"effort": EffortMap(minimal=3, low=7)}) as (client, _):
        message = await chat(client, reasoning_effort="low").ainvoke("count")
        assert message.usage_metadata["output_token_details"]["reasoning"] == 7


async def test_tools_are_called(served, chat):
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"rain in {city}"

    call = '<tool_call>{"name": "weather", "arguments": {"city": "Bonn"}}</tool_call>'
    async with served(answer=call) as (client, _):
        message = await chat(client).bind_tools([weather]).ainvoke("Is it raining?")
        assert [(one["name"], one["args"]) for one in message.tool_calls] == [("weather", {"city": "Bonn"})]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_structured_output(served, chat, method):
    class Count(BaseModel):
        """A count."""

        count: int

    async with served(answer='{"count": 4}') as (client, engine):
        model = chat(client).with_structured_output(Count, method=method)
        assert await model.ainvoke("count") == Count(count=4)
        assert engine.requests[-1].structured.json_schema["required"] == ["count"]


def test_its_tracing_plugin_is_not_loaded():
    assert "langsmith.pytest_plugin" not in sys.modules
