"""What of a chat completion reaches the model's chat template beside the conversation."""

import openai
import pytest

ASK = {"model": "fake-model", "messages": [{"role": "user", "content": "count"}]}


@pytest.fixture
def told(served, connect):
    """The variables that the template was given for a completion."""

    async def telling(template="bytes reasoning_effort style", **fields):
        given = []
        async with served() as (client, engine), connect(client) as oai:
            render = engine.tokenizer.render_chat

            def listening(messages, tools=(), variables=None):
                given.append(dict(variables or {}))
                return render(messages, tools)

            engine.tokenizer.chat_template = template
            engine.tokenizer.render_chat = listening
            await oai.chat.completions.create(**{**ASK, **fields})
        return given[-1]

    return telling


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"reasoning_effort": "low"}, "low"),
        ({"reasoning_effort": "max"}, "high"),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"extra_body": {"reasoning": {"effort": "medium"}}}, "medium"),
        ({"extra_body": {"chat_template_kwargs": {"reasoning_effort": "high"}, "budget": 64}}, "high"),
        ({"reasoning_effort": "low", "extra_body": {"chat_template_kwargs": {"reasoning_effort": "high"}}}, "high"),
    ],
)
async def test_the_effort_is_told_beside_the_budget(told, fields, effort):
    assert (await told(**fields))["reasoning_effort"] == effort


async def test_no_effort_is_told_where_none_is_named(told):
    assert await told() == {}
    assert await told(reasoning_effort="none") == {}


async def test_other_variables_reach_a_template_that_reads_them(told):
    assert await told(extra_body={"chat_template_kwargs": {"style": {"tone": "brief"}}}) == {"style": {"tone": "brief"}}


async def test_a_message_that_the_template_drops_is_named(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        render = engine.tokenizer.render_chat
        engine.tokenizer.render_chat = lambda messages, tools=(), variables=None: render(
            [message for message in messages if message["role"] == "user"]
        )
        with pytest.raises(openai.BadRequestError, match="leaves out this message") as caught:
            await oai.chat.completions.create(
                model="fake-model", messages=[*ASK["messages"], {"role": "system", "content": "S"}, *ASK["messages"]]
            )
        assert caught.value.param == "messages.1"


async def test_a_users_think_tag_opens_no_thinking(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        await oai.chat.completions.create(
            model="fake-model", messages=[{"role": "user", "content": "what is <think>"}], extra_body={"budget": 4}
        )
        ids = engine.requests[0].prompt_ids
        assert engine.tokenizer.decode(ids) == "user: what is <think>\n<think>"
        assert ids.count(257) == 1
