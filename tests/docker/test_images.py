import json
import re
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = ["Dockerfile", "Dockerfile.gpu"]


def instructions(path):
    """The instructions of a Dockerfile: (stage, name, argument), with continued lines joined."""
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    stage, found = -1, []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, argument = line.partition(" ")
        stage += name == "FROM"
        found.append((stage, name, argument.strip()))
    return found


@pytest.fixture(params=DOCKERFILES)
def dockerfile(request, docker):
    return instructions(docker / request.param)


@pytest.fixture
def final(dockerfile):
    """The last value of each instruction in the stage that becomes the image."""
    last = max(stage for stage, _, _ in dockerfile)
    return {name: argument for stage, name, argument in dockerfile if stage == last}


def test_it_is_built_in_stages(dockerfile):
    assert [stage for stage, name, _ in dockerfile if name == "FROM"] == [0, 1]


def test_it_runs_as_a_fixed_user_that_is_not_root(final):
    uid, gid = map(int, final["USER"].split(":"))
    assert min(uid, gid) >= 10000


def test_the_server_is_the_process_that_gets_the_signal(final):
    assert json.loads(final["ENTRYPOINT"]) == ["anytime"]
    assert json.loads(final["CMD"]) == ["serve"]
    assert final["STOPSIGNAL"] == "SIGTERM"


def test_its_health_is_checked_without_a_shell_or_tools(final):
    command = json.loads(final["HEALTHCHECK"].partition(" CMD ")[2])
    assert command[0] == "python3"


def test_what_is_written_goes_to_the_volume(final):
    assert final["VOLUME"] == "/models"
    written = dict(re.findall(r"(\w*(?:HOME|CACHE_DIR|CACHE_ROOT))=(\S+)", final["ENV"]))
    assert {"HOME", "HF_HOME", "XDG_CACHE_HOME"} <= written.keys()
    assert all(path.startswith("/models") for path in written.values())
    assert "PYTHONDONTWRITEBYTECODE=1" in final["ENV"]


def test_it_says_what_it_is(final):
    assert {"title", "description", "licenses"} <= set(
        re.findall(r"org\.opencontainers\.image\.(\w+)=", final["LABEL"])
    )


def test_no_secret_can_stay_in_a_layer(dockerfile):
    settings = " ".join(argument for _, name, argument in dockerfile if name in ("ARG", "ENV"))
    assert not re.search("TOKEN|KEY|SECRET|PASSWORD", settings)
    assert not [argument for _, name, argument in dockerfile if name == "COPY" and argument.startswith(". ")]


def test_every_file_that_is_copied_is_let_into_the_build(dockerfile):
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for _, name, argument in dockerfile
        if name == "COPY" and not argument.startswith("--from")
        for source in argument.split()[:-1]
    }
    assert copied <= allowed
    assert all((ROOT / path).exists() for path in allowed)


def test_the_requirements_of_the_image_are_those_of_the_package(docker):
    printed = subprocess.run(
        [sys.executable, docker / "requirements.py", "server", "redis", "otel"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["server"], *extras["redis"], *extras["otel"]]
    assert printed.stdout.splitlines() == [need for need in needed if need != "anytime-reasoning[server]"]


@pytest.mark.parametrize(
    ("dockerfile", "extras"), [("Dockerfile", "server redis otel"), ("Dockerfile.gpu", "server,redis,otel")]
)
def test_images_can_share_their_sessions_and_trace(docker, dockerfile, extras):
    assert extras in (docker / dockerfile).read_text()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_goes_by_readiness_and_minds_no_proxy(docker, status, code):
    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.handle_request, daemon=True).start()
        environment = {"ANYTIME_PORT": str(server.server_port), "http_proxy": "http://127.0.0.1:9"}
        checked = subprocess.run([sys.executable, docker / "healthcheck.py"], env=environment, timeout=30)
    assert checked.returncode == code


def test_the_health_check_fails_where_nothing_listens(docker):
    checked = subprocess.run(
        [sys.executable, docker / "healthcheck.py"], env={"ANYTIME_PORT": "1"}, capture_output=True, timeout=30
    )
    assert checked.returncode != 0


def test_the_check_script_is_valid_bash(docker):
    subprocess.run(["bash", "-n", docker / "check-with-buildah.sh"], check=True)
