"""vLLM's own benchmark client, as a load generator that knows nothing of us."""

import json
from pathlib import Path

import pytest

from anytime_server.api import create_app
from anytime_server.engines.choice import EMBEDDED, EMBEDDED_PATH, create_engine
from live import serve

pytestmark = pytest.mark.slow
QUESTIONS = ["largest of 37+48, 9*8, 91-16", "smallest of 45+8, 7*6, 90-21, 33+44"]


async def test_it_completes_every_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: in one of its own it would do little but import vLLM."""
    from vllm.benchmarks.serve import add_cli_args, main_async
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    questions, results = tmp_path / "questions.jsonl", tmp_path / "results.json"
    questions.write_text("".join(json.dumps({"prompt": question}) + "\n" for question in QUESTIONS))
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "1")
    async with serve(create_app(create_engine("transformers", EMBEDDED))) as client:
        options = {
            "--backend": "openai-chat",
            "--endpoint": "/v1/chat/completions",
            "--base-url": str(client.base_url).rstrip("/"),
            "--model": EMBEDDED,
            "--tokenizer": str(EMBEDDED_PATH),
            "--dataset-name": "custom",
            "--dataset-path": str(questions),
            "--num-prompts": "8",
            "--custom-output-len": "120",
            "--extra-body": '{"budget": 40, "min_budget": 40}',
            "--result-filename": str(results),
        }
        arguments = [text for pair in options.items() for text in pair]
        parser = FlexibleArgumentParser()
        add_cli_args(parser)
        await main_async(parser.parse_args(["--skip-chat-template", "--save-result", *arguments]))
    measured = json.loads(results.read_text())
    assert (measured["completed"], measured["failed"]) == (8, 0)
    assert 8 * 40 < measured["total_output_tokens"] <= 8 * 120
