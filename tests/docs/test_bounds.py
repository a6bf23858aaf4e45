"""The table of bounds on the API page, held against the bounds themselves."""

import re

import pytest

from anytime_client.protocol import MAX_CHECKPOINTS, bounds
from anytime_server.api import json_bounds
from anytime_server.api.openai.chat_request import MAX_CHOICES
from anytime_server.http_protocol import MAX_HEADER_BYTES
from docs_pages import ROOT, text_of

TABLE = text_of(ROOT / "docs" / "api.md").partition("### Bounds")[2].partition("### ")[0]
BOUNDS = {
    **{name: value for name, value in vars(bounds).items() if name.startswith("MAX_")},
    **{name: getattr(json_bounds, name) for name in ("MAX_VALUES", "MAX_DEPTH", "MAX_DIGITS")},
    "MAX_CHECKPOINTS": MAX_CHECKPOINTS,
    "MAX_CHOICES": MAX_CHOICES,
    "MAX_HEADER_BYTES": MAX_HEADER_BYTES,
}


@pytest.mark.parametrize("name", BOUNDS)
def test_the_table_has_every_bound(name):
    assert re.search(rf"(?<![\d,]){BOUNDS[name]:,}(?![\d,])", TABLE)
