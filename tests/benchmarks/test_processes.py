import http.client
import sys
from pathlib import Path

import pytest

from harness.measure import BenchmarkError
from serving_parts.processes import anytime_command, spawned, vllm_command, vllm_flag
from serving_parts.subject import HOST


def test_engine_options_are_options_of_vllms_command_line() -> None:
    assert vllm_flag("enforce_eager", True) == ["--enforce-eager"]
    assert vllm_flag("enforce_eager", False) == ["--no-enforce-eager"]
    assert vllm_flag("dtype", "float32") == ["--dtype", "float32"]
    assert vllm_flag("max_num_seqs", 8) == ["--max-num-seqs", "8"]
    assert vllm_flag("compilation_config", {"mode": 0}) == ["--compilation-config", '{"mode": 0}']


def test_both_servers_serve_the_same_model_with_the_same_options() -> None:
    options = {"dtype": "float32"}
    ours, vllms = anytime_command("vllm", "M", 7, options), vllm_command("M", 7, options)
    for command in (ours, vllms):
        assert command[command.index("--model") + 1] == "M"
        assert command[command.index("--port") + 1] == "7"
    assert 'dtype="float32"' in ours and command[command.index("--dtype") + 1] == "float32"


def get(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")


def test_a_server_is_asked_once_it_listens_and_is_ended_afterwards(tmp_path: Path) -> None:
    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "http.server", str(port), "--bind", HOST, "--directory", str(tmp_path)]

    with spawned("files", command) as server:
        assert server.connect(get).status == 200
    assert server.process.poll() is not None


def test_a_server_that_ends_at_once_is_an_error_with_the_end_of_its_log() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such model')"]
    with spawned("broken", lambda port: command) as server, pytest.raises(BenchmarkError, match="no such model"):
        server.connect(get)
