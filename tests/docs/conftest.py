import pytest

from anytime_server.api import create_app
from anytime_server.engines.choice import EMBEDDED, create_engine
from live import serve


@pytest.fixture(scope="package")
async def address():
    """The host and port of a server of the embedded model."""
    async with serve(create_app(create_engine("transformers", EMBEDDED))) as client:
        yield f"{client.base_url.host}:{client.base_url.port}"
