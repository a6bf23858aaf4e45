"""Verifiers, and the processes they run in: right values, hard time-outs, nothing left behind."""

import logging
import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from anytime_training.errors import VerifierError
from anytime_training.rewards.pool import VerifierPool
from anytime_training.rewards.verifiers import exact, last_boxed, math, resolve, score

USER = '''
import os, re, subprocess, time

def act(answer, accepted):
    """Does what the answer says."""
    if answer == "loop":
        while True:
            pass
    if answer == "backtrack":
        re.match(r"(a+)+$", "a" * 60 + "b")
    if answer.startswith("child "):
        child = subprocess.Popen(["sleep", "1000"])
        open(answer.removeprefix("child "), "w").write(str(child.pid))
        time.sleep(1000)
    if answer == "exit":
        os._exit(3)
    if answer == "abort":
        os.abort()
    if answer == "raise":
        raise RuntimeError("no such unit")
    if answer.startswith("log "):
        open(answer.removeprefix("log "), "a").write("x")
    return float(answer == accepted[0])

def too_much(answer, accepted):
    return 3
'''


@pytest.fixture(scope="module")
def user(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("verifiers") / "mine.py"
    path.write_text(USER)
    return f"{path}:act"


@pytest.fixture(scope="module")
def pool(user):
    with VerifierPool(user, timeout_s=1.0, workers=2) as pool:
        yield pool


def run(pool: VerifierPool, *answers: str) -> list[float]:
    return pool.run([(answer, ["good"], {}) for answer in answers])


def counted(pool: VerifierPool, *answers: str) -> tuple[list[float], tuple[int, int, int, int]]:
    def now():
        return (pool.counts.verified, pool.counts.timed_out, pool.counts.crashed, pool.counts.failed)

    before = now()
    rewards = run(pool, *answers)
    return rewards, tuple(new - old for new, old in zip(now(), before, strict=True))


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead but not yet reaped does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (" 7", True),
        ("\nThe best is B.\nAnswer: 7", True),
        ("Answer: 3\nAnswer: 7.", True),
        ("seven  UP", True),
        ("Answer: 7\nor 8", False),
        ("17", False),
        ("", False),
        (r"So it is \boxed{7}.", True),
        (r"\boxed{7", False),
        ("**Final Answer**\n**7**", True),
        ("The answer is $7$.", True),
        ("Answer: 7.0", True),
        ("Answer: $$\n7\n$$", True),
        (r"\text{Seven up}", True),
        ("The answer is 7. Or 8.", False),
    ],
)
def test_exact_takes_the_value_after_the_last_cue_or_the_whole_answer(answer, right):
    assert exact(answer, ["7", "Seven up"]) is right


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\boxed{1} and \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{ 1 \right.}", r"\left\{ 1 \right."),
        (r"\boxed{\frac{1}{2}", None),
        ("12", None),
    ],
)
def test_the_last_box_is_read_with_its_braces(text, value):
    assert last_boxed(text) == value


@pytest.mark.parametrize(
    ("answer", "accepted", "right"),
    [
        (r"So \boxed{0.5}", r"\frac{1}{2}", True),
        (r"\boxed{3} no: \boxed{4}", "4", True),
        (r"\boxed{3} no: \boxed{4}", "3", False),
        (r"\boxed{4}" + "\n\n**Final Answer**\n5", "5", True),
        ("**Final Answer**\n" + r"\[ \boxed{2\sqrt{3}} \]", r"2\sqrt{3}", True),
        ("**Final Answer**\n" + r"2\sqrt{3}", r"2\sqrt{3}", True),
        ("**Final Answer**\n" + r"2\sqrt{3}", "2", False),
        ("**Final Answer**\nThe final answer is $12$. I hope it is correct.", "12", True),
        ("12.", "12", True),
        ("1, 2", "2", False),
        (r"\boxed{x=5}", "5", True),
        (r"\boxed{\text{Evelyn}}", r"\text{Evelyn}", True),
        (r"\boxed{(3, \pi/2)}", r"\left( 3, \frac{\pi}{2} \right)", True),
        (r"\boxed{1,2}", r"\boxed{2,1}", True),
        ("I don't know", "12", False),
        ("", "12", False),
        (r"\boxed{}", "12", False),
        ("**Final Answer**\nThe answer is 12", "12", True),
        ("**Final Answer**\n**12**", "12", True),
        ("The answer is 12.", "12", True),
        ("Answer: 12", "12", True),
        ("**Final Answer**\n- 12", "12", True),
        ("**Final Answer**\nThe answer is:\n\n12", "12", True),
        ("**Final Answer**\n> 12", "12", True),
        ("**Final Answer**\n```\n12\n```", "12", True),
        ("**Final Answer**\n$$\n12\n$$", "12", True),
        ("**Final Answer**\nThere are 12 apples left.", "12", True),
        ("There are 12 apples left.", "12", True),
        ("3 times 4 makes 12.\nSo there are 12 of them.", "12", True),
        ("3 times 4 makes 12.\nSo there are 12 of them.", "13", False),
        ("Adding gives 12.\n#### 12", "12", True),
        ("**Final Answer**\n\\boxed{12", "12", False),
        ("**Final Answer**\nThe answer is 12, so \\boxed{12", "12", False),
        ("\\boxed{12} and then \\boxed{1", "12", False),
        ("**Final Answer**\n\\fbox{12}", "12", True),
        (r"$\boxed 12$", "12", True),
        (r"\boxed{12}", r"\fbox{12}", True),
        (r"\boxed{ACB}", "ABC", False),
        (r"\boxed{tac}", "cat", False),
        (r"\boxed{left}", "felt", False),
        ("**Final Answer**\nACB", "ABC", False),
        (r"\boxed{Cat}", r"\text{cat}", True),
        (r"\boxed{\frac{1}{2^{98}}}", "1/2^99", False),
        (r"\boxed{\frac{1}{2^{98}}}", r"\frac{1}{2^{99}}", False),
        (r"\boxed{\frac{1}{2^{99}}}", "1/2^{99}", True),
        (r"\boxed{0.0000001}", "0.0000002", False),
        (r"\boxed{1, 3, 5, \ldots, 2n-1}", r"1, 2, \ldots, n", False),
        (r"\boxed{1, 2, \dots, n}", r"1, 2, \ldots, n", True),
        (r"\boxed{1,234}", "1234", True),
        (r"\boxed{1,2}", "12", False),
        (r"\boxed{50\%}", "0.5", True),
        (r"\boxed{[1,2)}", "[1,2]", False),
        (r"\boxed{x}", "x", True),
        ("12\n\nHuman: 13", "12", True),
        ("12\n\nHuman: 13", "13", False),
        ("The answer is 12, because 13 is too large.", "12", True),
        ("The answer is (A).", "A", True),
        (r"\boxed{5,000 \text{ dollars}}", "5000", True),
        ("The answer is 12 m.", "12 cm", False),
    ],
)
def test_math_compares_values_as_mathematics(answer, accepted, right):
    pytest.importorskip("math_verify")
    assert math(answer, [accepted]) is right


def test_math_takes_any_accepted_value_and_runs_off_the_main_thread():
    pytest.importorskip("math_verify")
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(math(r"\boxed{2}", ["1", "2"])))
    thread.start()
    thread.join()
    assert found == [True]


def test_math_runs_in_the_pool_and_an_endless_power_is_cut_off():
    pytest.importorskip("math_verify")
    with VerifierPool("math", timeout_s=1.0, workers=1) as pool:
        rewards = pool.run([(rf"\boxed{{{value}}}", ["1/2"], {}) for value in ("0.5", "9^{9^{9^{9}}}", "2/4")])
    assert rewards == [1.0, 0.0, 1.0]


def test_math_without_its_library_names_the_remedy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(VerifierError, match=r"pip install 'anytime-reasoning\[training\]'"):
        resolve("math")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("maths", r"unknown verifier 'maths'; known: exact, math, module:function or path/to/file.py:function"),
        ("no_such_module:f", "'no_such_module' can't be imported: .* named 'no_such_module'$"),
        ("nowhere/mine.py:f", "nowhere/mine.py does not exist"),
        ("anytime_training.problems.tasks:f", "anytime_training.problems.tasks has no function 'f'"),
    ],
)
def test_a_bad_name_is_refused_with_what_there_is(name, message):
    with pytest.raises(VerifierError, match=message):
        resolve(name)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def score(answer, accepted)\n    return 1", "SyntaxError: expected ':' (FILE, line 1)"),
        ("\nimport no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (FILE, line 2)"),
        ("def made():\n    return 1 / 0\n\nlimit = made()", "ZeroDivisionError: division by zero (FILE, line 2)"),
        ("import json\njson.loads('')", "JSONDecodeError: Expecting value: line 1 column 1 (char 0) (FILE, line 2)"),
        ("import sys\nsys.exit('a script')", "SystemExit: a script (FILE, line 2)"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines (FILE, line 1)"),
    ],
)
def test_a_file_that_can_not_be_imported_is_told_with_its_line(tmp_path, body, message):
    path = tmp_path / "bad.py"
    path.write_text(body)
    with pytest.raises(VerifierError) as raised:
        resolve(f"{path}:score")
    assert str(raised.value) == f"the verifier's file '{path}' can't be imported: {message.replace('FILE', str(path))}"


def test_a_function_is_found_by_module():
    assert resolve("anytime_training.rewards.verifiers:exact") is exact


@pytest.mark.parametrize("reward", [3, -0.1, float("nan"), None, "1"])
def test_a_result_that_is_no_reward_is_refused(reward):
    with pytest.raises(VerifierError, match=r"must be a bool or a number in \[0, 1\]"):
        score(lambda answer, accepted: reward, "", [], {})


def test_rewards_are_in_the_order_of_the_tasks(pool):
    answers = ["good", "bad", "good", "worse"] * 25
    assert run(pool, *answers) == [float(answer == "good") for answer in answers]


def test_equal_tasks_are_verified_once(pool, tmp_path):
    log = tmp_path / "log"
    rewards, counts = counted(pool, *[f"log {log}"] * 5, "good")
    assert rewards == [0.0] * 5 + [1.0]
    assert counts == (2, 0, 0, 0)
    assert log.read_text() == "x"


def test_no_tasks_are_no_rewards(pool):
    assert run(pool) == []


@pytest.mark.parametrize("hang", ["loop", "backtrack"])
def test_a_verifier_that_hangs_is_killed_and_its_answer_gets_nothing(pool, hang):
    assert counted(pool, "good", hang, "bad", "good") == ([1.0, 0.0, 0.0, 1.0], (2, 1, 0, 0))


@pytest.mark.parametrize("end", ["exit", "abort"])
def test_a_verifier_that_kills_its_process_costs_only_its_answer(pool, end):
    assert counted(pool, end, "good", "bad") == ([0.0, 1.0, 0.0], (2, 0, 1, 0))


def test_a_verifier_that_raises_is_counted_and_reported_once(user, caplog):
    with VerifierPool(user, workers=1) as pool, caplog.at_level(logging.WARNING):
        assert counted(pool, "raise", "good") == ([0.0, 1.0], (1, 0, 0, 1))
        assert counted(pool, "raise") == ([0.0], (0, 0, 0, 1))
    assert [record.message.split(": ", 1)[1] for record in caplog.records] == ["RuntimeError: no such unit"]


def test_a_reward_out_of_range_is_a_failure(user):
    with VerifierPool(user.replace(":act", ":too_much"), workers=1) as pool:
        assert counted(pool, "good") == ([0.0], (0, 0, 0, 1))


def test_a_child_of_a_hanging_verifier_is_killed_with_it(pool, tmp_path):
    file = tmp_path / "pid"
    assert run(pool, f"child {file}") == [0.0]
    while alive(int(file.read_text())):  # killed, but nobody waits for it: it may take a moment to be gone
        time.sleep(0.01)


def test_a_closed_pool_leaves_no_process_and_starts_again_when_used(user):
    before = set(multiprocessing.active_children())
    pool = VerifierPool(user, workers=2)
    assert set(multiprocessing.active_children()) == before
    for _ in range(2):
        assert run(pool, "good", "bad") == [1.0, 0.0]
        workers = set(multiprocessing.active_children()) - before
        assert workers
        pool.close()
        assert set(multiprocessing.active_children()) == before


def test_a_forgotten_pool_leaves_no_process(user):
    before = set(multiprocessing.active_children())
    pool = VerifierPool(user, workers=1)
    run(pool, "good")
    del pool
    assert set(multiprocessing.active_children()) == before


def test_a_worker_killed_from_outside_while_idle_is_replaced(user):
    before = set(multiprocessing.active_children())
    with VerifierPool(user, workers=1) as pool:
        run(pool, "good")
        (worker,) = set(multiprocessing.active_children()) - before
        os.kill(worker.pid, 9)
        worker.join()
        assert counted(pool, "good") == ([1.0], (1, 0, 0, 0))


def test_a_verifier_that_a_worker_cannot_load_is_an_error(tmp_path):
    with (
        VerifierPool(f"{tmp_path}/gone.py:f", workers=1) as pool,
        pytest.raises(VerifierError, match="ended while it started"),
    ):
        run(pool, "good")


@pytest.mark.parametrize("arguments", [{"timeout_s": 0}, {"workers": 0}])
def test_limits_must_make_sense(arguments):
    with pytest.raises(VerifierError, match=r"timeout_s .* must be above 0 and workers .* at least 1"):
        VerifierPool("exact", **arguments)
