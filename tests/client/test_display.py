"""What a person sees of a result: in a shell, in a notebook, at an editor's pointer."""

import importlib.util
from html.parser import HTMLParser
from inspect import getdoc

import pytest

from anytime_client import Anytime, AsyncAnytime, Snapshot
from anytime_client._calls import GRACE_MS
from anytime_client.protocol import InterimOptions, ReasonDocument, ReasonRequest, StopWhen
from docs_pages import ROOT

EVIL = "<script>alert(1)</script> & \"'"
CHECKPOINT = {
    "at": 15, "answer": f"It is {EVIL}", "value": None, "confidence": 0.997, "votes": 4, "samples": 5, "stable_for": 2,
    "elapsed_ms": 1.0, "interim_tokens": 4, "computed_tokens": 9, "cached_tokens": 48,
}  # fmt: skip
DOCUMENT = ReasonDocument.model_validate(
    {
        "id": "rsn_1", "model": "tiny", "status": "completed", "stop_reason": "natural",
        "answer": {"text": "word " * 500, "value": EVIL, "confidence": 0.99},
        "thinking": f"hm {EVIL} " * 999, "checkpoints": [CHECKPOINT], "usage": {}, "timings": {"total_ms": 342.94},
        "budget": {"requested": 120, "granted": 100, "spent": 60},
    }
)  # fmt: skip


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.cells = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells.append(data)


def test_a_document_is_one_short_line_in_a_shell():
    assert len(repr(DOCUMENT)) < 250
    assert repr(DOCUMENT) == (
        f"ReasonDocument(id='rsn_1', status='completed', stop_reason='natural', answer={EVIL!r}, confidence=0.99, "
        "budget='60 of 100', checkpoints=1)"
    )


def test_a_long_answer_without_a_value_is_cut_and_an_error_told():
    document = DOCUMENT.model_copy(update={"answer": DOCUMENT.answer.model_copy(update={"value": None})})
    assert "answer='word word " in repr(document)
    assert len(repr(document)) < 250
    failed = DOCUMENT.model_validate({**DOCUMENT.model_dump(), "error": {"type": "t", "message": "it died"}})
    assert "error='it died'" in repr(failed)
    assert "it died" in failed._repr_html_()


def test_a_notebook_shows_the_answer_its_checkpoints_and_the_thinking():
    shown = Tags(DOCUMENT._repr_html_())
    assert shown.open == []
    assert {"table", "details", "strong"} <= set(shown.seen)
    assert "".join(shown.cells) == f"15It is {EVIL}100%4/52"


def test_what_a_model_wrote_is_never_markup():
    assert "script" not in Tags(DOCUMENT._repr_html_()).seen
    assert "<script" not in DOCUMENT._repr_html_()


def test_a_session_that_has_not_begun_can_be_shown_too():
    assert repr(Snapshot()).startswith("<Snapshot of ReasonDocument(id='', status='running'")
    assert Tags(Snapshot()._repr_html_()).open == []
    with Anytime("http://server") as client:
        stream = client.stream("x")
    assert repr(stream).startswith("<Stream of ReasonDocument(id=''")
    assert stream._repr_html_() == Snapshot()._repr_html_()


@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
@pytest.mark.parametrize("method", ["reason", "stream"])
def test_help_lists_every_field_with_what_it_does(kind, method):
    lines = [line.strip() for line in getdoc(getattr(kind, method)).splitlines()]
    told = {(name, *text.split()[:3]) for name, found, text in (line.partition(": ") for line in lines) if found}
    for model in (ReasonRequest, InterimOptions, StopWhen):
        for name, field in model.model_fields.items():
            if name not in ("prompt", "stream"):
                assert (name, *f"{field.description}.".split()[:3]) in told
    assert str(GRACE_MS) in " ".join(lines)


def test_the_docstrings_are_the_protocols():
    spec = importlib.util.spec_from_file_location("sdk_docstrings", ROOT / "docs" / "scripts" / "sdk_docstrings.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for path in script.SOURCES:
        source = path.read_text(encoding="utf-8")
        assert script.rewritten(source) == source, "run: python docs/scripts/sdk_docstrings.py"
        assert script.rewritten(source.replace("            seed: ", "            sead: ")) == source
