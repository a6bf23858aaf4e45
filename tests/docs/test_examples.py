"""The examples, against the embedded model."""

import ast
import asyncio
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import httpx
import jsonschema
import playwright
import pytest
import typer.main
import yaml
from matplotlib import pyplot

from anytime_client.cli import build
from docs import litellm_stand_in
from docs.commands import DOCUMENTED, run
from docs_pages import FRONT_PAGE, ROOT, links, targets

EXAMPLES = ROOT / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
PROXY = yaml.safe_load((EXAMPLES / "litellm_proxy.yaml").read_text())
OPEN_WEBUI = yaml.safe_load((EXAMPLES / "open-webui" / "compose.yaml").read_text())
ANSWER = r"^Answer: \d+$"
SHARPENING = r"after 15 tokens: \d+\nafter 30 tokens: \d+\n"
QUESTION = [{"role": "user", "content": "largest of 37+48, 9*8, 91-16"}]


def files():
    found = (path for path in EXAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(EXAMPLES)) for path in found} - {"README.md"}


def example(path, address):
    """Return an example's code, with the test's server in place of the reader's."""
    code = path.read_text()
    assert DOCUMENTED in code, "an example asks the server that `anytime serve` starts"
    return code.replace(DOCUMENTED, address)


async def printed_by(code, capsys):
    """Run a program in a thread, beside the server, and return what it prints."""
    await asyncio.to_thread(exec, code, {"__name__": "__main__"})
    return capsys.readouterr().out


def node():
    """Return the Node that is installed, else the one that Playwright brings."""
    return shutil.which("node") or str(Path(playwright.__file__).parent / "driver" / "node")


def test_every_example_is_on_their_page_and_the_page_is_on_the_front_page():
    assert set(links(EXAMPLES / "README.md")) == files()
    assert any(target.endswith("/tree/main/examples") for target in targets(FRONT_PAGE))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
async def test_a_program_prints_the_answer(path, address, monkeypatch, capsys):
    if importlib.util.find_spec("litellm") is None:
        monkeypatch.setitem(sys.modules, "litellm", litellm_stand_in)
    printed = await printed_by(example(path, address), capsys)
    assert re.search(ANSWER, printed, re.MULTILINE)
    assert path.name != "openai_sdk.py" or re.match(SHARPENING, printed)


async def test_the_typescript_prints_the_answer(address, tmp_path):
    # The source has no type in it that is not inferred, so it is JavaScript too.
    code = tmp_path / "ask.mjs"
    code.write_text(example(EXAMPLES / "ask.mts", address))
    status, output, errors = await run([node(), code], address, tmp_path)
    assert status == 0, errors
    assert re.match(SHARPENING, output)
    assert re.search(ANSWER, output, re.MULTILINE)


async def test_the_stream_of_the_typescript_example_may_come_in_any_pieces(tmp_path):
    """What `fetch` gives is cut anywhere: within an event, and within the line break that ends it."""
    events = [
        {"type": "checkpoint.answer", "at": 10, "value": "7"},
        {"type": "reason.completed", "document": {"answer": {"text": "Answer: 7"}}},
    ]
    stream = ": ping\n\n" + "".join(f"event: {e['type']}\nid: 1\ndata: {json.dumps(e)}\n\n" for e in events)
    served = f"""
        const bytes = new TextEncoder().encode({json.dumps(stream)});
        globalThis.fetch = async () => new Response(new ReadableStream({{
            start(controller) {{
                for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
                controller.close();
            }},
        }}));
    """
    code = tmp_path / "ask.mjs"
    code.write_text(served + (EXAMPLES / "ask.mts").read_text())
    status, output, errors = await run([node(), code], "nowhere", tmp_path)
    assert (status, output) == (0, "after 10 tokens: 7\nAnswer: 7\n"), errors


def script(notebook):
    """Return a notebook's cells as one program that shows the last expression of each, as a notebook does."""
    shown = []
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            if isinstance(last := tree.body[-1], ast.Expr):
                last.value = ast.Call(ast.Name("print", ast.Load()), [last.value], [])
            shown.append(ast.unparse(ast.fix_missing_locations(tree)))
    return "\n".join(shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
async def test_the_cells_of_a_notebook_run_in_order(path, address, capsys):
    program = script(path)
    assert DOCUMENTED in program
    pyplot.switch_backend("agg")
    printed = await printed_by(program.replace(DOCUMENTED, address), capsys)
    assert len(pyplot.get_fignums()) == 1
    pyplot.close("all")
    assert len(re.findall(r"^stable:\d stops after +\d+ of \d+ tokens and answers \d+$", printed, re.MULTILINE)) == 3
    shares = [int(share) for share in re.findall(r"tokens: (\d+)% right", printed)]
    assert len(shares) == 11
    assert shares[-1] > 50


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_holds_no_outputs_of_old_runs(path):
    notebook = json.loads(path.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert all(len(line.rstrip("\n")) <= 100 for line in cell["source"])


@pytest.mark.parametrize("model", PROXY["model_list"], ids=lambda model: model["model_name"])
async def test_the_server_takes_what_the_proxy_adds_to_a_request(model, address):
    parameters = model["litellm_params"]
    assert parameters["api_base"] == f"http://{DOCUMENTED}/v1"
    provider, _, name = parameters["model"].partition("/")
    assert provider == "openai"
    async with httpx.AsyncClient(base_url=f"http://{address}/v1", timeout=60) as client:
        request = {"model": name, "messages": QUESTION, **parameters["extra_body"]}
        response = await client.post("/chat/completions", json=request)
    assert response.status_code == 200, response.text
    assert response.json()["choices"][0]["message"]["content"]


def test_the_compose_file_of_open_webui_is_valid_and_finds_what_it_extends():
    schema = json.loads((ROOT / "tests" / "docker" / "compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(OPEN_WEBUI)
    extended = OPEN_WEBUI["services"]["anytime"]["extends"]
    base = yaml.safe_load((EXAMPLES / "open-webui" / extended["file"]).read_text())["services"][extended["service"]]
    assert base["environment"]["ANYTIME_ALLOWED_HOSTS"] == "anytime"
    named = {volume.split(":")[0] for volume in base["volumes"]} | {"open-webui"}
    assert named == OPEN_WEBUI["volumes"].keys()


def test_open_webui_asks_the_server_beside_it_and_is_not_published():
    service = OPEN_WEBUI["services"]["open-webui"]
    assert service["environment"]["OPENAI_API_BASE_URL"] == "http://anytime:8000/v1"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_rules_for_open_webui_are_options_of_serve():
    serve = typer.main.get_command(build()).commands["serve"]
    options = {name for option in serve.params for name in option.envvar or ()}
    assert OPEN_WEBUI["services"]["anytime"]["environment"].keys() <= options
