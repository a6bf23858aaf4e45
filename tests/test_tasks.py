import asyncio

from anytime_server.tasks import spawn


async def test_a_part_of_the_server_does_not_fail_in_silence(caplog):
    async def part():
        raise ZeroDivisionError

    await asyncio.wait([spawn(part(), "a part")])
    assert [(one.levelname, one.message) for one in caplog.records] == [("CRITICAL", "a part of the server failed")]
