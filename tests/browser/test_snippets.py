"""The settings of the form as a request, and the request as something to run elsewhere."""

import ast
import asyncio
import json
import re
import shlex
import shutil
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import playwright
import pytest
from playwright.async_api import expect

from browser.conftest import ask, phase

QUESTION = 'it\'s "quoted" for $HOME'
SYSTEM = "Be brief.\nIt's `so`."
FIELDS = {
    "budget": 24,
    "checkpoints": {"every": 6},
    "stop_when": {"stable": 3, "confidence": 0.95},
    "deadline_ms": 60_500,
    "interim": {"samples": 3},
    "temperature": 0.7,
    "seed": 7,
    "answer": "short",
}
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
REQUEST = {"messages": MESSAGES, **FIELDS}
PRINTED = {"curl": "reason.completed", "Python": "6 1 0.9", "OpenAI SDK": "4", "TypeScript": "6 1 0.9"}


async def fill_everything(page):
    """Set every control of the form."""
    for group in ("Stop early", "Sampling", "Prompt and answer"):
        await page.get_by_text(group).click()
    numbers = {"stable": 3, "confidence": 95, "deadline": 60.5, "samples": 3, "temperature": 0.7, "seed": 7}
    for control, value in numbers.items():
        await page.fill(f"#{control}", str(value))
    await page.fill("#system", SYSTEM)
    await page.check("#short")


@pytest.fixture
async def copied(served, new_page):
    """Yield what each entry of the menu copies, from one request with every field."""
    async with served() as server:
        page = await new_page(server.url, permissions=["clipboard-read", "clipboard-write"])
        await fill_everything(page)
        async with page.expect_request("**/reason") as sent:
            await ask(page, QUESTION)
        body = (await sent.value).post_data_json
        assert body == {**REQUEST, "grace_ms": 30_000, "stream": True}
        await phase(page, "completed")
        assert await page.locator(".in-force").all_text_contents() == [
            "3 in a row, 95% sure, 60.5 s",
            "",
            "3 votes, temperature 0.7, seed 7",
            "system prompt, short",
        ]
        texts = {}
        for name in PRINTED:
            await page.get_by_role("button", name="Copy as").click()
            await page.get_by_role("button", name=name, exact=True).click()
            await expect(page.locator("#toast")).to_have_text(f"Copied as {name}")
            texts[name] = await page.evaluate("navigator.clipboard.readText()")
        yield texts


async def test_what_is_copied_says_every_field_and_runs_as_it_is(copied, tmp_path):
    assert requested_by_curl(copied["curl"]) == REQUEST
    assert requested_by_python(copied["Python"], "stream") == {"question": MESSAGES, **FIELDS}
    openai = requested_by_python(copied["OpenAI SDK"], "create")
    assert {**openai.pop("extra_body"), **openai} == {"model": "fake-model", **REQUEST}
    assert requested_by_typescript(copied["TypeScript"]) == REQUEST
    script = tmp_path / "asks.mjs"
    script.write_text(copied["TypeScript"])
    commands = {
        "curl": ["sh", "-c", copied["curl"]],
        "Python": [sys.executable, "-c", copied["Python"]],
        "OpenAI SDK": [sys.executable, "-c", copied["OpenAI SDK"]],
        "TypeScript": [node(), str(script)],
    }
    printed = await asyncio.gather(*map(printed_by, commands.values()))
    for name, output in zip(commands, printed, strict=True):
        assert PRINTED[name] in output


async def printed_by(command):
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


def node():
    """Return the Node that is installed, else the one that Playwright brings."""
    return shutil.which("node") or str(Path(playwright.__file__).parent / "driver" / "node")


def requested_by_curl(text):
    words = shlex.split(text.replace("\\\n", " "))
    budget = re.search(r"budget=(\d+)", words[2])[1]
    return {**json.loads(words[words.index("-d") + 1]), "budget": int(budget)}


def requested_by_python(text, method):
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    (call,) = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == method]
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return {**({"question": ast.literal_eval(call.args[0])} if call.args else {}), **given}


def requested_by_typescript(text):
    return json.loads(re.search(r"JSON\.stringify\((.*?)\),\n}\);", text, re.DOTALL)[1])
