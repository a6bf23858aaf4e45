import json
import os
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from anytime_client.cli import build
from anytime_server.controller import FormatError
from anytime_server.doctor import machine, network
from anytime_server.doctor.accelerator import check_gpu, driver_gpus
from anytime_server.doctor.checks import Subject, run_checks
from anytime_server.doctor.findings import Finding, worst
from anytime_server.doctor.load import BUDGET, trial
from anytime_server.doctor.machine import check_machine
from anytime_server.doctor.model import check_engine, check_model
from anytime_server.doctor.network import check_access, check_port, check_server
from anytime_server.doctor.packages import check_packages
from anytime_server.errors import EngineError
from fakes import MARKERS, FakeEngine, scripted
from web import web_server

READY = {"/readyz": (200, {"status": "ready", "model": "m", "engine": "fake"})}


def install(folder, name, version, *requirements):
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata.write_text("\n".join([*lines, *(f"Requires-Dist: {line}" for line in requirements)]) + "\n")


def test_the_worst_finding_is_the_status():
    ok, warning, fail = (Finding("x", status, "") for status in ("ok", "warning", "fail"))
    assert worst([]) == "ok"
    assert worst([warning, ok]) == "warning"
    assert worst([ok, fail, warning]) == "fail"


def test_what_is_installed_here_is_enough_to_serve():
    serving = next(finding for finding in check_packages() if finding.check == "serving")
    assert serving.status == "ok"
    assert {"fastapi", "torch", "transformers"} <= set(serving.details)


def test_a_package_of_another_version_is_a_warning_with_the_command(tmp_path, monkeypatch):
    install(tmp_path, "fastapi", "0.99")
    monkeypatch.syspath_prepend(tmp_path)
    serving = next(finding for finding in check_packages() if finding.check == "serving")
    assert serving.status == "warning"
    assert "fastapi 0.99" in serving.text
    assert serving.remedy.startswith('pip install "fastapi')
    assert "0.133" in serving.remedy


def test_a_missing_package_fails_and_names_the_extra(tmp_path, monkeypatch):
    install(tmp_path, "anytime-reasoning", "9", "no-such-thing-here>=2; extra == 'server'")
    monkeypatch.syspath_prepend(tmp_path)
    serving = next(finding for finding in check_packages() if finding.check == "serving")
    assert (serving.status, serving.text) == ("fail", "not installed: no-such-thing-here")
    assert serving.remedy == 'pip install "anytime-reasoning[server]"'


def test_a_package_of_training_alone_may_be_missing(tmp_path, monkeypatch):
    install(tmp_path, "anytime-reasoning", "9", "no-such-thing-here>=2; extra == 'training'")
    monkeypatch.syspath_prepend(tmp_path)
    training = next(finding for finding in check_packages() if finding.check == "training")
    assert training.status == "ok"
    assert 'pip install "anytime-reasoning[training]"' in training.text


def test_the_machine_has_cores_and_memory():
    details = check_machine().details
    assert details["cores"] >= 1
    assert 0 < details["free_memory_bytes"] <= details["memory_bytes"]


def test_on_a_mac_the_doctor_says_what_its_gpu_is_used_for(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    finding = check_gpu()
    assert finding.status == "ok"
    assert "models run on the CPU, unless --engine-arg device=mps" in finding.text


def test_a_machine_that_does_not_tell_its_memory_is_no_failure(monkeypatch):
    monkeypatch.setattr(machine, "total_memory", lambda: None)
    monkeypatch.setattr(machine, "free_memory", lambda: None)
    finding = machine.check_machine()
    assert (finding.status, finding.details["memory_bytes"]) == ("ok", None)
    assert finding.text.endswith((" core", " cores"))


def test_a_gpu_that_torch_does_not_see_is_a_warning(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("torch sees a GPU here")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100, 570.86.10'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    finding = check_gpu()
    assert finding.status == "warning"
    assert "NVIDIA H100, 570.86.10" in finding.text
    assert "CUDA" in finding.remedy


def test_a_driver_that_hangs_is_not_waited_for(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert driver_gpus(0.1) == ["something that nvidia-smi has not told within 0.1 s"]


def test_a_torch_that_does_not_load_fails_and_nothing_rests_on_it(tmp_path):
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.13: cannot open shared object file')")
    command = "import sys; sys.argv[0] = 'anytime'; from anytime_client.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-c", command, "doctor", "--port", "0", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert findings["gpu"]["text"] == "torch does not load: libcudart.so.13: cannot open shared object file"
    assert findings["load"]["text"] == "not tried, since the above failed"
    assert "engine" not in findings


def test_the_engine_comes_with_its_reason():
    assert check_engine("auto", "anytime-tiny").text.startswith("transformers: the embedded model")
    assert check_engine("transformers", "x/y").text == "transformers: asked for"
    assert check_engine("nope", "x/y").status == "fail"


@pytest.mark.parametrize("model", ["/no/such/folder", "./nowhere", "a/b/c", "~/nothing-of-this-name"])
def test_a_path_without_anything_fails(model):
    finding = check_model(model)
    assert finding.status == "fail"
    assert model in finding.text
    assert "Hub id" in finding.remedy


def test_models_are_known_by_where_they_come_from(tmp_path):
    assert "embedded" in check_model("anytime-tiny").text
    assert "unknown thinking format 'zork'" in check_model("anytime-tiny", "zork").text
    assert check_model(str(tmp_path)).text == f"{tmp_path} holds no weights"
    (tmp_path / "model.safetensors").write_bytes(b"x" * 2**20)
    assert check_model(str(tmp_path)).text == f"{tmp_path} (1.0 MiB)"


def test_a_hub_id_is_downloaded_or_will_be(tmp_path):
    code = "from anytime_server.doctor.model import check_model; print(check_model('some/model').text)"

    def told():
        environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path)}
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment).stdout

    assert told() == "some/model: a Hub id; loading it downloads it\n"
    snapshot = tmp_path / "models--some--model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("abc")
    assert told() == "some/model: a Hub id, downloaded already\n"


def test_weights_beyond_the_free_memory_are_a_warning(tmp_path):
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(2**43)
    assert check_model(str(tmp_path)).status == "warning"


def test_a_port_is_free_taken_or_serving():
    with socket.socket() as other, pytest.MonkeyPatch.context() as patch:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        # Nothing there ever answers.
        patch.setattr(network, "SERVER_TIMEOUT_S", 0.2)
        taken = check_port("127.0.0.1", port)
    assert (taken.status, taken.text) == ("fail", f"port {port} is taken on 127.0.0.1")
    assert "--port" in taken.remedy
    assert check_port("127.0.0.1", port).status == "ok"
    with web_server(READY) as port:
        assert check_port("127.0.0.1", port).status == "warning"


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("no.such.host.invalid", "no address"),
        ("203.0.113.9", "203.0.113.9"),
        ("127.0.0.1:80", "no address"),
        ("[::1]", "no address"),
        ("a..b", "no address"),
    ],
)
def test_an_address_that_is_not_this_machines_fails(host, problem):
    finding = check_port(host, 8000)
    assert finding.status == "fail"
    assert problem in finding.text
    assert "--host" in finding.remedy


def test_who_could_use_the_server_is_told(monkeypatch):
    monkeypatch.delenv("ANYTIME_API_KEYS_FILE", raising=False)
    monkeypatch.setenv("ANYTIME_API_KEYS", "")
    assert check_access("127.0.0.1", 8000, allow_unauthenticated=False).text.startswith("whoever is on this machine")
    assert check_access("0.0.0.0", 8000, allow_unauthenticated=False).status == "fail"
    assert check_access("0.0.0.0", 8000, allow_unauthenticated=True).status == "warning"
    monkeypatch.setenv("ANYTIME_API_KEYS", "0123456789abcdef,fedcba9876543210")
    assert check_access("0.0.0.0", 8000, allow_unauthenticated=False).text == "whoever has an API key; 2 of them set"
    monkeypatch.setenv("ANYTIME_API_KEYS", "short")
    refused = check_access("127.0.0.1", 8000, allow_unauthenticated=False)
    assert (refused.status, refused.remedy) == ("fail", "make one with: openssl rand -hex 32")


def test_a_server_that_answers_is_told_with_its_model():
    with web_server(READY) as port:
        for written in ("", "/", "/v1", "/v1/"):
            finding = check_server(f"http://user:s3cret@127.0.0.1:{port}{written}", None, expected=True)
            assert (finding.status, finding.text) == ("ok", f"http://127.0.0.1:{port} serves m with fake")


def test_a_server_on_this_machine_is_not_asked_through_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with web_server(READY) as port:
        assert "an Anytime server" in check_port("127.0.0.1", port).text
        assert check_server(f"http://127.0.0.1:{port}", None, expected=True).details


@pytest.mark.parametrize(
    ("key", "complaint"),
    [(None, "wants an API key"), ("wrong", "refuses this API key"), ("ключ", "refuses this API key")],
)
def test_a_server_that_wants_a_key_is_a_warning(key, complaint):
    with web_server({**READY, "/v1/models": (401, {"error": {"message": "no"}})}) as port:
        finding = check_server(f"http://127.0.0.1:{port}", key, expected=True)
    assert finding.status == "warning"
    assert complaint in finding.text


def test_a_server_that_is_not_ready_is_a_warning_with_its_words():
    with web_server({"/readyz": (503, {"error": {"message": "the engine is down"}})}) as port:
        finding = check_server(f"http://127.0.0.1:{port}", None, expected=True)
    assert finding.status == "warning"
    assert "the engine is down" in finding.text


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, {"error": "Not Found"}),
        (404, {"error": {"message": "File Not Found", "type": "not_found_error"}}),
        (503, {"error": "starting"}),
        (200, {"status": "ready"}),
        (200, []),
    ],
)
def test_another_server_is_not_taken_for_ours(status, said):
    with web_server({"/readyz": (status, said)}) as port:
        assert check_port("127.0.0.1", port).status == "fail"
        finding = check_server(f"http://127.0.0.1:{port}", None, expected=True)
    assert "no Anytime server answers" in finding.text


def test_no_server_matters_only_where_one_was_named():
    with web_server({}) as port:
        url = f"http://127.0.0.1:{port}"
        assert check_server(url, None, expected=False).status == "ok"
        assert check_server(url, None, expected=True).status == "warning"
    assert check_server("http://[broken", None, expected=True).status == "warning"


async def test_a_model_that_thinks_and_keeps_its_budget_loads():
    engine = FakeEngine(scripted("a;" * 40, "done"))
    engine.tokenizer.declared_format = {"open": "<think>", "close": "</think>", "cue": MARKERS.cue}
    finding = await trial(engine, "auto")
    assert finding.status == "ok"
    assert f"{BUDGET} thinking tokens" in finding.text
    assert finding.details["open"] == "<think>"
    assert engine.dead, "it is stopped again"


async def test_an_engine_that_fails_in_the_middle_fails_the_load():
    def fails(ids, seed):
        raise EngineError("out of memory")

    engine = FakeEngine(fails)
    finding = await trial(engine, "think-tags")
    assert finding.status == "fail"
    assert "out of memory" in finding.text


async def test_an_unknown_format_is_refused_and_the_engine_stopped():
    engine = FakeEngine(scripted("", ""))
    with pytest.raises(FormatError):
        await trial(engine, "nope")
    assert engine.dead


def test_a_load_is_not_tried_where_it_cannot_work():
    subject = Subject(
        model="/no/such/folder",
        engine="auto",
        options={},
        thinking_format="auto",
        host="127.0.0.1",
        port=0,
        allow_unauthenticated=False,
        base_url="http://127.0.0.1:9",
        server_expected=False,
        api_key=None,
        load=True,
    )
    findings = list(run_checks(subject))
    assert findings[-1].text == "not tried, since the above failed"
    assert worst(findings) == "fail"


def test_the_command_prints_lines_and_a_verdict():
    done = CliRunner().invoke(build(), ["doctor", "--no-load", "--port", "0"])
    assert done.exit_code == 0, done.output
    assert "ok      engine    transformers" in done.stdout
    assert done.stdout.endswith("\nanytime serve is ready to go.\n")


def test_the_command_fails_with_a_remedy_and_exit_code_1():
    done = CliRunner().invoke(build(), ["doctor", "--no-load", "--port", "0", "--model", "./nowhere"])
    assert done.exit_code == 1
    assert "fail    model     there is no ./nowhere\n                  -> give a folder" in done.stdout


def test_json_is_one_document():
    done = CliRunner().invoke(build(), ["doctor", "--no-load", "--port", "0", "--json"])
    report = json.loads(done.stdout)
    assert report["status"] in ("ok", "warning")
    assert [finding["check"] for finding in report["findings"]][:2] == ["python", "machine"]


async def test_a_template_that_never_thinks_is_a_warning():
    finding = await trial(FakeEngine(scripted("a;" * 40, "done")), "auto")
    assert finding.status == "warning"
    assert "never opens the thinking" in finding.text


def test_markers_as_json_are_looked_at_without_loading():
    assert check_model("anytime-tiny", '{"open": "<t>", "close": "</t>"}').status == "ok"
    finding = check_model("anytime-tiny", '{"open": "<t>", "shut": "</t>"}')
    assert (finding.status, "shut" in finding.text) == ("fail", True)
