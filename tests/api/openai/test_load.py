"""vLLM's own benchmark client, as a load generator that knows nothing of us."""

import asyncio
import json
import sys
from importlib.util import find_spec

import pytest

from anytime_server.api import create_app
from anytime_server.engines.choice import EMBEDDED, EMBEDDED_PATH, create_engine
from live import serve

# The `vllm` command itself asks for a distribution of that name, which the CPU build has not.
BENCH = (
    "from vllm.benchmarks.serve import add_cli_args, main\n"
    "from vllm.utils.argparse_utils import FlexibleArgumentParser\n"
    "parser = FlexibleArgumentParser()\n"
    "add_cli_args(parser)\n"
    "main(parser.parse_args())\n"
)
QUESTIONS = ["largest of 37+48, 9*8, 91-16", "smallest of 45+8, 7*6, 90-21, 33+44"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
async def test_vllms_benchmark_client_completes_every_request(tmp_path, monkeypatch):
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
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", BENCH, "--skip-chat-template", "--save-result", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    measured = json.loads(results.read_text())
    assert (measured["completed"], measured["failed"]) == (8, 0)
    assert 8 * 40 < measured["total_output_tokens"] <= 8 * 120
