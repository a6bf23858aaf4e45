"""Sources of problems: what becomes of rows, what is filtered, and errors that say what to do."""

import json

import pytest
from datasets import Dataset
from pydantic import ValidationError

from anytime_training.errors import DataError
from anytime_training.problems import DataSource, FilterReport, load, synthetic, with_instruction


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def jsonl(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def message(text):
    return [{"role": "user", "content": text}]


def texts(problems):
    return [row["prompt"][0]["content"] for row in problems]


def test_synthetic_problems_depend_on_the_seed_alone():
    first, again, other = (synthetic({"largest": 1, "sums": 3}, (2, 4), 50, seed) for seed in (1, 1, 2))
    assert first.to_list() == again.to_list() != other.to_list()
    assert set(first.column_names) == {"prompt", "answer", "family"}
    assert first["family"][:].count("sums") > 25
    assert first[0]["prompt"][0]["role"] == "user" and first[0]["answer"]


def test_a_weight_of_zero_draws_nothing():
    assert set(synthetic({"largest": 1, "sums": 0}, (2, 4), 20, 0)["family"]) == {"largest"}


def test_a_source_of_families_is_loaded_without_duplicates():
    problems, report = load(DataSource(families={"sums": 1}, count=(2, 2), n=40))
    assert report.kept == len(problems) == len(set(texts(problems))) == 40 - report.duplicates


def test_rows_of_a_file_become_prompts_and_answers(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", {"problem": "1+1?", "answer": "2"}, {"problem": "2+2?", "answer": " 4 "})
    problems, report = load(DataSource(file=file))
    assert problems.to_list() == [
        {"prompt": message("1+1?"), "answer": ["2"]},
        {"prompt": message("2+2?"), "answer": ["4"]},
    ]
    assert report == FilterReport(kept=2)


def test_fields_can_be_named_answers_can_be_many_or_whole_numbers_and_columns_kept(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", {"q": "1+1?", "values": ["2", "two"], "n": 2, "unit": "m"})
    assert load(DataSource(file=file, prompt="q", answer="values", keep=("unit",)))[0].to_list() == [
        {"prompt": message("1+1?"), "answer": ["2", "two"], "unit": "m"}
    ]
    assert load(DataSource(file=file, prompt="q", answer="n"))[0][0]["answer"] == ["2"]


def test_a_csv_file_is_text_as_it_stands(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("question,answer\nhalf?,0.50\nsodium?,NA\n")
    assert load(DataSource(file=file))[0]["answer"][:] == [["0.50"], ["NA"]]


def test_a_parquet_file_with_solutions_is_read_by_its_boxes(tmp_path):
    file = tmp_path / "a.parquet"
    Dataset.from_dict({"problem": ["1/2?"], "solution": [r"So \boxed{\frac{1}{2}}."]}).to_parquet(file)
    assert load(DataSource(file=file))[0]["answer"][:] == [[r"\frac{1}{2}"]]


@pytest.mark.parametrize(
    ("dataset", "subset", "split", "row", "answer"),
    [
        ("openai/gsm8k", "main", "train", {"question": "p", "answer": "Two and two.\n#### 4"}, "4"),
        ("HuggingFaceH4/MATH-500", "default", "test", {"problem": "p", "solution": "", "answer": "4"}, "4"),
        ("DigitalLearningGmbH/MATH-lighteval", "default", "train", {"problem": "p", "solution": r"\boxed{4}"}, "4"),
        ("EleutherAI/hendrycks_math", "algebra", "train", {"problem": "p", "solution": r"\boxed{4}"}, "4"),
        ("agentica-org/DeepScaleR-Preview-Dataset", "default", "train", {"problem": "p", "answer": "4"}, "4"),
    ],
)
def test_known_data_sets_need_no_field_map(tmp_path, monkeypatch, dataset, subset, split, row, answer):
    folder = tmp_path / dataset
    jsonl(folder / f"{split}.jsonl", row)
    files = f"data_files:\n  - split: {split}\n    path: {split}.jsonl"
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: {subset}\n  {files}\n---\n")
    monkeypatch.chdir(tmp_path)
    source = DataSource(dataset=dataset, subset=subset if subset == "algebra" else None)
    assert load(source)[0].to_list() == [{"prompt": message("p"), "answer": [answer]}]


def test_an_unknown_data_set_is_read_by_the_names_of_its_columns(tmp_path):
    jsonl(tmp_path / "set" / "test.jsonl", {"question": "p", "answer": "4"})
    assert load(DataSource(dataset=str(tmp_path / "set"), split="test"))[1].kept == 1


def test_a_missing_column_is_named_with_those_that_exist(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", {"query": "1+1?", "answer": "2"})
    with pytest.raises(
        DataError, match=r"no column 'problem' or 'question' or 'prompt'; the columns are query, answer.*key 'prompt'"
    ):
        load(DataSource(file=file))
    with pytest.raises(
        DataError, match=r"no column 'unit'; the columns are query, answer; name one with the key 'keep'"
    ):
        load(DataSource(file=file, prompt="query", keep=("unit",)))


@pytest.mark.parametrize("answer", ["", "  ", None, [], ["4", ""], {"value": "4"}, True, float("inf")])
def test_an_answer_that_cannot_be_verified_is_an_error_with_its_row_or_dropped_and_counted(tmp_path, answer):
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    jsonl(good, {"problem": "p", "answer": "4"})
    jsonl(bad, {"problem": "p", "answer": answer})
    with pytest.raises(DataError, match="row 1: no answer that can be verified in the field 'answer'"):
        load(DataSource(file=bad))
    with pytest.raises(DataError, match=r"no problem is left: .*without_answer=1"):
        load(DataSource(file=bad, drop_unanswered=True))


def test_rows_without_an_answer_are_dropped_and_counted_when_asked(tmp_path):
    rows = [
        {"problem": f"p{number}", "answer": answer} for number, answer in enumerate(["#### 1", "2", "####", "#### 4"])
    ]
    file = jsonl(tmp_path / "a.jsonl", *rows)
    problems, report = load(DataSource(file=file, answer_in="hashes", drop_unanswered=True))
    assert problems["answer"][:] == [["1"], ["4"]]
    assert report == FilterReport(kept=2, without_answer=2)
    with pytest.raises(DataError, match=r"row 2: .*\(hashes\): '2'; set drop_unanswered"):
        load(DataSource(file=file, answer_in="hashes"))


def test_a_prompt_without_text_is_an_error(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", {"problem": "p", "answer": "1"}, {"problem": " ", "answer": "1"})
    with pytest.raises(DataError, match="row 2: the field 'problem' holds no text"):
        load(DataSource(file=file))


def test_long_prompts_duplicates_and_evaluation_problems_are_removed_and_counted(tmp_path):
    prompts = ["What is  1+1?", "what is 1+1?", "What\nis 2+2?", "a b c d e f", "What is 3+3?"]
    file = jsonl(tmp_path / "a.jsonl", *({"problem": prompt, "answer": "1"} for prompt in prompts))
    evaluation = Dataset.from_list([{"prompt": message("WHAT IS 2+2?"), "answer": ["4"]}])
    source = DataSource(file=file, max_prompt_tokens=5)
    problems, report = load(source, lambda prompt: len(prompt[0]["content"].split()), evaluation)
    assert texts(problems) == [prompts[0], prompts[4]]
    assert report == FilterReport(kept=2, too_long=1, duplicates=1, in_evaluation=1)


def test_nothing_left_is_an_error_that_says_why(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", {"problem": "a b c", "answer": "1"})
    with pytest.raises(DataError, match=r"no problem is left: .*too_long=1"):
        load(DataSource(file=file, max_prompt_tokens=2), lambda prompt: 3)


def test_a_length_limit_needs_a_tokenizer(tmp_path):
    with pytest.raises(DataError, match="max_prompt_tokens needs a tokenizer"):
        load(DataSource(file=tmp_path / "a.jsonl", max_prompt_tokens=2))


def test_an_instruction_follows_every_prompt():
    problems = with_instruction(synthetic({"largest": 1}, (2, 2), 2, 0), "Be brief.")
    assert all(text.endswith("\n\nBe brief.") for text in texts(problems))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gone.jsonl", None),
        ("empty.jsonl", ""),
        ("empty.csv", ""),
        ("broken.jsonl", '{"problem": '),
        ("b.parquet", "x"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=name):
        load(DataSource(file=tmp_path / name))


def test_an_unknown_split_lists_the_splits(tmp_path):
    jsonl(tmp_path / "set" / "test.jsonl", {"question": "p", "answer": "4"})
    with pytest.raises(DataError, match=r"can't be loaded: .*train.*test"):
        load(DataSource(dataset=str(tmp_path / "set")))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "exactly one of families, reasoning_gym, file and dataset, not none"),
        ({"file": "a.jsonl", "dataset": "b"}, "exactly one of .*, not file, dataset"),
        ({"file": "a.jsonl", "split": "train"}, "split: not a key of a source with file"),
        ({"families": {"sums": 1}, "n": 3, "answer": "a"}, "answer: not a key of a source with families"),
        ({"families": {"sums": 1}}, "n: give the number of problems"),
        ({"families": {"sum": 1}, "n": 3}, r"families \['sum'\] are unknown; known: .*'sums'"),
        ({"families": {"sums": 0}, "n": 3}, "at least one weight must be above 0"),
        ({"families": {"sums": 1}, "n": 3, "count": (3, 2)}, r"count \[3, 2\] must go from"),
        ({"file": "a.txt"}, "file a.txt: the ending must be one of .jsonl"),
        ({"file": "a.jsonl", "keep": ["answer"]}, "keep .*'answer'.*: a verifier gets something else by that name"),
        ({"file": "a.jsonl", "keep": ["budget"]}, "keep .*'budget'.*: a verifier gets something else by that name"),
        ({"file": "a.jsonl", "keep": ["completions"]}, "keep .*'completions'.*: a verifier gets something else"),
        ({"file": "a.jsonl", "promt": "q"}, r"promt\s+Extra inputs"),
    ],
)
def test_a_bad_key_of_a_source_is_named(values, message):
    with pytest.raises(ValidationError, match=message):
        DataSource.model_validate(values)


def test_a_key_set_to_nothing_is_as_good_as_left_out():
    assert DataSource.model_validate({"file": "a.jsonl", "dataset": None, "split": None}).split is None
