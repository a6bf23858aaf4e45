"""What a server says when it starts."""


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


async def test_a_template_that_never_thinks_is_warned_of(served, caplog):
    async with served():
        pass
    (said,) = warnings(caplog)
    assert said.startswith("the chat template of fake-model never opens the thinking")


async def test_a_model_that_declares_its_thinking_is_not(served, caplog):
    server = served()
    server.engine.tokenizer.declared_format = {"open": "<think>", "close": "</think>"}
    async with server:
        pass
    assert warnings(caplog) == []
