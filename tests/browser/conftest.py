"""A headless Chromium, and pages that watch themselves: no request may leave the server, no policy be violated."""

import os
import shutil
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Error, async_playwright, expect

from anytime_server.api import ServerSettings, create_app
from anytime_server.reasoning import ReasonSettings
from fakes import FakeEngine, fake_format, scripted
from live import serve

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "google-chrome", "chromium-browser")
ANSWER = "There are **4**.\nAnswer: 4"
THINKING = "a=1; b=2; c=3; d=4; done."
ENDLESS = "think; " * 400
SLOW_S = 0.004

expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
async def browser():
    found = next(filter(None, map(shutil.which, NAMES)), None)
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(executable_path=found, args=ARGS)
        except Error as error:
            if found or os.environ.get("CI"):
                raise
            pytest.skip(f"no browser: tests/browser/install.sh installs one ({error.message.splitlines()[0]})")
        yield browser
        await browser.close()


@pytest.fixture
async def new_page(browser):
    """Make pages; `await new_page(url)` opens one in a context of its own."""
    contexts, faults = [], []

    async def make(url, **options):
        context = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(30_000)
        contexts.append(context)
        return await open_page(context, url, faults)

    yield make
    for context in contexts:
        await context.close()
    assert faults == []


@pytest.fixture(scope="session")
async def run(browser):
    """Evaluate on one page for all: for the page's pure modules, which leave nothing behind."""
    engine = FakeEngine(scripted(THINKING, ANSWER))
    async with serve(create_app(engine, ReasonSettings(), thinking_format=fake_format(engine))) as client:
        page = await browser.new_page()
        await page.goto(f"{client.base_url}/")
        yield page.evaluate
        await page.close()


async def open_page(context, url, faults):
    page = await context.new_page()
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
    page.on("request", lambda request: None if _is_own(request.url, url) else faults.append(f"left: {request.url}"))
    await page.goto(url)
    await expect(page.locator("#examples button").first).to_be_visible()
    return page


def _is_fault(message):
    # An answer of 4xx is logged as an error; what the page makes of it is what the tests look at.
    return message.type in ("error", "warning") and "Failed to load resource" not in message.text


def _is_own(address, url):
    return address.startswith((url.partition("#")[0], "data:", "blob:"))


class Served:
    """A server over a fake engine: the engine, and a client that knows the address."""

    def __init__(self, client, engine, app):
        self.client, self.engine, self.app = client, engine, app

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    @property
    def port(self):
        return self.client.base_url.port


@pytest.fixture
def served():
    """Serve a fake engine; use as `async with served(...) as server`."""

    @asynccontextmanager
    async def factory(thinking=THINKING, answer=ANSWER, *, pause_s=0.0, server=None, **settings):
        engine = FakeEngine(scripted(thinking, answer), pause_s=pause_s)
        settings = ReasonSettings(**{"default_budget": 24, **settings})
        server = ServerSettings(**{"drain_s": 0.2, **(server or {})})
        app = create_app(engine, settings, server, thinking_format=fake_format(engine))
        async with serve(app) as client:
            yield Served(client, engine, app)

    return factory


async def ask(page, question="count", *, budget=24, every=6):
    """Fill the form in and send it."""
    await page.fill("#question", question)
    await page.fill("#budget", str(budget))
    await page.get_by_role("radio", name="Every").check()
    await page.fill("#checkpoint-number", str(every))
    await page.get_by_role("button", name="Ask", exact=True).click()


async def phase(page, name):
    """Wait until the session on show is in a phase."""
    await expect(page.locator("#run")).to_have_attribute("data-phase", name)


async def hold(page, server, answers=1):
    """Wait for interim answers, and stop the engine where it is."""
    await page.wait_for_function("count => document.querySelectorAll('#chart-rows tr').length >= count", arg=answers)
    server.engine.gate.clear()


def release(server):
    """Let the engine go on, as fast as it can."""
    server.engine.pause_s = 0
    server.engine.gate.set()
