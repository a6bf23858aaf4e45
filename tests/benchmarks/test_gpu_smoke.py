"""The smoke test of a GPU: within 25 minutes, and a line that says what became of each part."""

import pytest

import gpu_smoke
from gpu_smoke import PARTS, Part, groups, missing, outcome, run


def test_the_parts_end_within_25_minutes():
    assert sum(part.limit_s for part in PARTS) <= 25 * 60


def test_what_is_timed_runs_alone():
    assert groups(list(PARTS), at_once=False) == [[part] for part in PARTS]
    together, *alone = groups(list(PARTS), at_once=True)
    assert [part.times for part in together] == [False] * len(together)
    assert [(len(group), group[0].times) for group in alone] == [(1, True)] * len(alone)
    assert len(together) + len(alone) == len(PARTS)
    assert len(alone) == 2


def test_without_a_gpu_every_part_says_so(monkeypatch):
    monkeypatch.setattr(gpu_smoke, "has_gpu", lambda: False)
    assert {missing(part, dry=False) for part in PARTS} == {"needs a GPU; --dry runs as much as a CPU can"}
    assert missing(Part("only there", 1, ()), dry=True) == "needs a GPU"


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(gpu_smoke, "has_gpu", lambda: True)
    assert missing(Part("x", 1, (), needs=("no_such_library",)), dry=False) == "no_such_library is not installed"


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (0, 'hello\n{"speed": 2}\n', {"status": "passed", "measured": {"speed": 2}}),
        (0, "SKIPPED [1] tests/x.py:3: no GPU\n1 skipped\n", {"status": "skipped", "reason": "no GPU"}),
        (
            0,
            "SKIPPED [1] x.py:3: no vllm\n1 passed, 1 skipped\n",
            {"status": "passed", "reason": "left out: SKIPPED [1] x.py:3: no vllm"},
        ),
        (1, "a\nboom\n", {"status": "failed", "reason": "exit code 1: boom; see "}),
        (2, "error: lower it\nTraceback\n", {"status": "failed", "reason": "exit code 2: error: lower it; see "}),
        (None, "", {"status": "failed", "reason": "took longer than 9 s; see "}),
    ],
)
def test_a_line_says_how_a_part_ended(tmp_path, code, text, expected):
    log = tmp_path / "part.log"
    log.write_text(text)
    found = outcome(code, log, 9)
    assert {key: str(value).removesuffix(str(log)) for key, value in found.items()} == {
        key: str(value) for key, value in expected.items()
    }


def test_a_part_that_hangs_is_ended(tmp_path):
    part = Part("hangs", 1, (), dry=("-c", "import time; time.sleep(60)"))
    assert run(part, dry=True, out=tmp_path)["reason"].startswith("took longer than 1 s")
