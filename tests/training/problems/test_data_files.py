"""The files that people have: read right, or refused with the file and the line."""

import codecs
import gzip
import json

import pytest
from datasets import Dataset

from anytime_training.errors import DataError
from anytime_training.problems import DataSource, load


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def loaded(tmp_path):
    """Write a file, load it, and return its rows as pairs of the user's text and the accepted values."""

    def load_file(name, content, **fields):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        problems, _ = load(DataSource(file=file, **fields))
        return [(row["prompt"][-1]["content"], row["answer"]) for row in problems]

    return load_file


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def zipped(content):
    # Without the time, so that a test has the same name in every process.
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "problem,answer\nWhat is 1,000 + 1?,1001\nWhat is 1,000 + 1?,1001\n", r"a.csv line 2: 3 fields.* 2"),
        ("a.csv", "problem,answer\n1+1?,2\nWhat is 1,000 + 1?,1001\n", r"a.csv line 3: 3 fields, and the header has 2"),
        ("a.csv", "problem,answer\n1+1?\n", r"a.csv line 2: 1 fields, and the header has 2"),
        ("a.csv", 'problem,answer\n"a\nb?",1\nc,d,2\n', r"a.csv line 4: 3 fields"),
        ("a.csv", 'problem,answer\n1+1?,2\n"what?,3\n', r"a.csv line 3: .*double quote"),
        ("a.csv", 'problem,answer\n"what" is it?,3\n', r"a.csv line 2: .*double quote"),
        ("a.csv", "problem,answer,answer\n1+1?,2,3\n", r"a.csv line 1: the header names 'answer' more than once"),
        ("a.csv", "problem,answer\n", r"a.csv can't be loaded: it has no rows"),
        ("a.tsv", "problem\tanswer\n1\t2\t3\n", r"a.tsv line 2: 3 fields, and the header has 2; .*a tab"),
        ("a.csv", "problem,answer\nné?,2\n".encode("latin-1"), r"a.csv line 2 can't .*0xe9 is no UTF-8; .*iconv"),
        ("a.jsonl", b'{"problem": "a", "answer": "1"}\n{"problem": "\xe9", "answer": "1"}\n', r"a.jsonl line 2 can't"),
        ("a.csv", "problem,answer\n1+1?,2\n".encode("utf-16-le"), r"a.csv line 1 can't be loaded: the byte 0x00"),
        ("a.csv", "問題的答案\n二加二\0".encode("utf-16"), r"a.csv line 2 can't be loaded: the byte 0x00 is no UTF-16"),
        (
            "a.jsonl",
            '{"problem": "a", "answer": "1"}\n\n{"problem": \n',
            r"a.jsonl line 3 can't be loaded: it is no JSON",
        ),
        ("a.jsonl", "[1, 2]\n", r"a.jsonl line 1 can't be loaded: a line must be a JSON object, not"),
        ("a.jsonl", "[" * 100_000, r"a.jsonl line 1 can't be loaded"),
        ("a.json", '{"problem": ', r"a.json can't be loaded: it is no JSON"),
        ("a.json", '[{"problem": "a", "answer": "1"}, 3]', r"a.json row 2: a row must be a JSON object, not 3"),
        ("a.json", "3", r"a.json can't be loaded: it must hold a list of objects"),
        ("a.json", '{"a": [{}], "b": [{}]}', r"a.json can't be loaded: it must hold a list of objects"),
        ("a.json", "", r"a.json can't be loaded: it has no rows"),
        ("a.jsonl", "\n\n", r"a.jsonl can't be loaded: it has no rows"),
        ("a.jsonl.gz", b"no gzip", r"a.jsonl.gz can't be loaded"),
        ("a.jsonl.gz", zipped(b"{}\n" * 100)[:-10], r"a.jsonl.gz can't be loaded"),
        ("a.csv", "problem,answer\n1+1?,\n", r"a.csv line 2, row 1: no answer that can be verified"),
    ],
)
def test_a_file_that_would_be_read_wrong_is_refused_with_its_line(loaded, name, text, message):
    with pytest.raises(DataError, match=message):
        loaded(name, text)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'problem,answer\r\n"1,000 + 1?","1,001"\r\n'),
        ("a.csv", '\n problem , answer \n\n"1,000 + 1?","1,001"\n\n'),
        ("a.CSV", 'problem,answer\n"1,000 + 1?","1,001"'),
        ("a.tsv", "problem\tanswer\n1,000 + 1?\t1,001\n"),
        ("a.csv", codecs.BOM_UTF8 + b'problem,answer\n"1,000 + 1?","1,001"\n'),
        ("a.csv", 'problem,answer\n"1,000 + 1?","1,001"\n'.encode("utf-16")),
        ("a.csv", 'problem,answer\n"1,000 + 1?","1,001"\n'.encode("utf-32")),
        ("a.jsonl", lines({"problem": "1,000 + 1?", "answer": "1,001"}).encode("utf-8-sig")),
        ("a.jsonl", lines({"problem": "1,000 + 1?", "answer": "1,001"}).encode("utf-16")),
        ("a.jsonl", "\n" + lines({"problem": "1,000 + 1?", "answer": "1,001"}) + "\r\n"),
        ("a.json", '[{"problem": "1,000 + 1?", "answer": "1,001"}]'),
        ("a.json", '{"version": 2, "data": [{"problem": "1,000 + 1?", "answer": "1,001"}]}'),
        ("a.json", '{"problem": "1,000 + 1?",\n"answer": "1,001"}'),
        ("a.json", lines({"problem": "1,000 + 1?", "answer": "1,001"}, {"problem": "1,000 +  1?", "answer": "1"})),
        ("a.jsonl.gz", zipped(lines({"problem": "1,000 + 1?", "answer": "1,001"}).encode())),
        ("a.csv.gz", zipped(b'problem,answer\n"1,000 + 1?","1,001"\n')),
        ("a.tsv.gz", zipped(b"problem\tanswer\n1,000 + 1?\t1,001\n")),
        ("a.json.gz", zipped(b'[{"problem": "1,000 + 1?", "answer": "1,001"}]')),
    ],
)
def test_formats_and_encodings(loaded, name, content):
    assert loaded(name, content) == [("1,000 + 1?", ["1,001"])]


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ("2024-01-02", ["2024-01-02"]),
        ("2024-01-02T03:04:05Z", ["2024-01-02T03:04:05Z"]),
        ("12:30", ["12:30"]),
        ("007", ["007"]),
        ("NA", ["NA"]),
        ("true", ["true"]),
        (0.5, ["0.5"]),
        (2.0, ["2"]),
        (1e3, ["1000"]),
        (1e-7, ["0.0000001"]),
        (-3, ["-3"]),
        (10**30, [str(10**30)]),
        ([1, 2.5, " two "], ["1", "2.5", "two"]),
        ("  4\n", ["4"]),
        ("a\u2028b", ["a\u2028b"]),
    ],
)
def test_answers_of_json_are_what_is_written_there(loaded, answer, accepted):
    others = [{"problem": "q", "answer": "2024-01-03"}, {"problem": "r", "answer": 7}]
    rows = loaded("a.jsonl", json.dumps({"problem": "p", "answer": answer}, ensure_ascii=False) + "\n" + lines(*others))
    assert rows[0] == ("p", accepted)


def test_kept_columns_stay_as_they_are(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(lines({"problem": "p", "answer": "1", "level": 0.5, "on": "2024-01-02", "info": {"a": [1]}}))
    row = load(DataSource(file=file, keep=("level", "on", "info")))[0][0]
    assert (row["level"], row["on"], row["info"]) == (0.5, "2024-01-02", {"a": [1]})


def test_a_kept_column_of_several_kinds_is_an_error(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(lines({"problem": "p", "answer": "1", "n": 1}, {"problem": "q", "answer": "1", "n": "one"}))
    with pytest.raises(DataError, match="keep: a column of n holds values of several kinds"):
        load(DataSource(file=file, keep=("n",)))


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("answer", "Adding gives 19.\n#### 19", "19"),
        ("answer", "#### 1,234\n", "1,234"),
        ("answer", r"So it is \boxed{19}.", "19"),
        ("solution", r"thus $\boxed 2$.", "2"),
        ("solution", r"thus $\fbox{2}$.", "2"),
        ("solution", r"thus $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        ("solution", "Adding gives 19.\n#### 19", "19"),
        ("solution", " 19 ", "19"),
    ],
)
def test_a_worked_solution_is_read_by_its_mark_and_a_bare_one_as_it_stands(loaded, field, text, value):
    assert loaded("a.jsonl", lines({"question": "p", field: text}, {"question": "q", field: text})) == [
        ("p", [value]),
        ("q", [value]),
    ]


def test_the_recipe_can_say_otherwise(loaded):
    row = {"question": "p", "answer": "what is #### 3"}
    assert loaded("a.jsonl", lines(row), answer_in="text") == [("p", ["what is #### 3"])]


def test_answers_of_two_kinds_are_told(loaded, caplog):
    assert loaded("a.jsonl", lines({"question": "p", "answer": "a\n#### 3"}, {"question": "q", "answer": "4"}))
    assert [record.message for record in caplog.records] == [
        "1 of 2 answers in the field 'answer' hold a value in ####, and the others do not; all are taken as they "
        "stand: set answer_in: hashes, or mend the rows"
    ]


def test_whole_solutions_without_a_mark_are_an_error_that_says_what_to_do(loaded):
    with pytest.raises(DataError, match=r"a.jsonl: the field 'solution' holds whole solutions .*answer_in: text"):
        loaded("a.jsonl", lines({"question": "p", "solution": "First we add.\nThen it is 19."}))


def test_one_solution_without_a_box_among_others_is_an_error_with_its_line(loaded):
    rows = lines({"question": "p", "solution": r"\boxed{3}"}, {"question": "q", "solution": "it is 4"})
    with pytest.raises(DataError, match=r"a.jsonl line 2, row 2: no answer .*'solution' \(boxed\): 'it is 4'"):
        loaded("a.jsonl", rows)


VERL = {
    "data_source": "openai/gsm8k",
    "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "12+7?"}],
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": "19"},
    "extra_info": {"split": "train", "index": 0, "answer": "Adding.\n#### 19"},
}


@pytest.mark.parametrize("fields", [{}, {"answer": "reward_model.ground_truth"}, {"answer": "extra_info.answer"}])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_rows_of_verl_keep_their_messages(tmp_path, fields, ending):
    file = tmp_path / f"a.{ending}"
    if ending == "jsonl":
        file.write_text(lines(VERL))
    else:
        Dataset.from_list([VERL]).to_parquet(file)
    assert load(DataSource(file=file, **fields))[0].to_list() == [{"prompt": VERL["prompt"], "answer": ["19"]}]


def test_a_prompt_can_lie_in_another_field(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(lines({"input": {"question": "1+1?"}, "target.value": "2"}))
    problems = load(DataSource(file=file, prompt="input.question", answer="target.value"))[0]
    assert problems.to_list() == [{"prompt": [{"role": "user", "content": "1+1?"}], "answer": ["2"]}]


def test_a_dotted_name_that_leads_nowhere_is_an_error(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(lines(VERL))
    with pytest.raises(DataError, match=r"no column 'reward_model.truth'; the columns are data_source, prompt"):
        load(DataSource(file=file, answer="reward_model.truth"))


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ([], "holds no text"),
        (["hi"], "a message that is no object"),
        ([{"role": "user", "content": " "}], "a message without text"),
        ([{"role": "user", "content": None}], "a message without text"),
        ([{"role": "robot", "content": "a"}], "a message of the role 'robot'"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "the last one must be the user's"),
        ([{"role": "user", "content": "a", "images": ["b"]}], "a message with images"),
        (3, "holds no text"),
        ("", "holds no text"),
    ],
)
def test_messages_that_cannot_be_asked_are_an_error_with_their_line(loaded, prompt, message):
    with pytest.raises(DataError, match=rf"a.jsonl line 1, row 1: the field 'prompt' .*{message}"):
        loaded("a.jsonl", lines({"prompt": prompt, "answer": "1"}))


def test_problems_with_other_system_messages_are_the_same_problem(tmp_path):
    file = tmp_path / "a.jsonl"
    turns = [{"role": "user", "content": "1+1?"}]
    rows = [[{"role": "system", "content": text}, *turns] for text in ("A", "B")]
    file.write_text(lines(*({"prompt": row, "answer": "2"} for row in [*rows, "1+1?"])))
    assert load(DataSource(file=file))[1].duplicates == 2
