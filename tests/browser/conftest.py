"""A headless Chromium, and pages that watch themselves: no request may leave the server, no policy be violated."""

import os
import shutil
import socket
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from playwright.async_api import Error, async_playwright, expect

from anytime_server.api import ServerSettings, create_app
from anytime_server.reasoning import ReasonSettings
from browser.proxy import proxied_at
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
# The shell draws no window around a page: that is a third of the work.
NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
ANSWER = "There are **4**.\nAnswer: 4"
THINKING = "a=1; b=2; c=3; d=4; done."
ENDLESS = "think; " * 400
SLOW_S = 0.01

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


SIZE = {"width": 1280, "height": 900}
MEDIA = {"color_scheme": "light", "reduced_motion": "reduce", "forced_colors": "none"}
"""Of every page, unless it is asked for otherwise. What moves is drawn at each frame, as long as a test looks at it."""


class Tab:
    """A page that tests use one after the other: to make a new one takes longer than most tests."""

    def __init__(self, browser):
        self._browser = browser
        self._page = None

    async def take(self, viewport=SIZE, **media):
        """Give the page, as good as new."""
        page = await self._bare()
        if page.viewport_size != viewport:
            await page.set_viewport_size(viewport)
        await page.emulate_media(**{**MEDIA, **media})
        return page

    async def _bare(self):
        if self._page is None or self._page.is_closed():
            context = await new_context(self._browser)
            self._page = await context.new_page()
            self._page.add_init_script = _stays
        page, self._page = self._page, None
        return page

    async def give_back(self, page, url, listeners):
        """Take the page again, and leave nothing of the test in it, nor of what it has stored for `url`."""
        for event, listener in listeners:
            page.remove_listener(event, listener)
        for other in page.context.pages:
            if other is not page:
                await other.close()
        await page.unroute_all(behavior="ignoreErrors")
        await page.mouse.move(0, 0)
        with suppress(Error):  # A page that is just being loaded has nothing to evaluate in.
            await page.evaluate("() => { try { sessionStorage.clear() } catch {} }")
        await page.goto("about:blank")
        # Only now: a page stores what it shows as it goes.
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
        await devtools.detach()
        self._page = page


def _stays(*_, **__):
    raise AssertionError("a script would run in later tests too: make a page of its own, new_page(url, own=True)")


async def new_context(browser, **options):
    context = await browser.new_context(**{"viewport": SIZE, **MEDIA, **options})
    context.set_default_timeout(30_000)
    return context


@pytest.fixture(scope="session")
def tab(browser):
    return Tab(browser)


@pytest.fixture
async def new_page(browser, tab):
    """Make pages: `await new_page(url)` opens one, as `own` or with permissions in a context of its own."""
    contexts, faults, taken = [], [], []

    async def make(url, own=False, **options):
        if own or taken or not options.keys() <= {"viewport", *MEDIA}:
            contexts.append(await new_context(browser, **options))
            return await open_page(contexts[-1], url, faults)
        page = await tab.take(**options)
        taken.append((page, url, listeners := []))
        listen = page.on
        page.on = lambda event, listener: (listeners.append((event, listener)), listen(event, listener))
        await show(page, url, faults)
        return page

    yield make
    for context in contexts:
        await context.close()
    for page, url, listeners in taken:
        del page.on
        if not page.is_closed():
            await tab.give_back(page, url, listeners)
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
    await show(page, url, faults)
    return page


async def show(page, url, faults):
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
    page.on("request", lambda request: None if _is_own(request.url, url) else faults.append(f"left: {request.url}"))
    await page.goto(url)
    await expect(page.locator("#examples button").first).to_be_visible()


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


def port_or_other(port):
    """Return this port, or another if somebody has taken it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    return 0


@pytest.fixture(scope="session")
def usual_port():
    """Of the first server of each test: the browser has the page's files by then."""
    return port_or_other(0)


@pytest.fixture(scope="session")
def proxy_port():
    """Of all proxies, one after the other: the browser has what it got by the first."""
    return port_or_other(0)


@pytest.fixture
def proxied(proxy_port):
    """Run a proxy to a port; use as `async with proxied(port) as proxy`."""
    return partial(proxied_at, port_or_other(proxy_port))


@pytest.fixture
def served(usual_port):
    """Serve a fake engine; use as `async with served(...) as server`."""
    ports = [port_or_other(usual_port)]

    @asynccontextmanager
    async def factory(thinking=THINKING, answer=ANSWER, *, pause_s=0.0, server=None, **settings):
        engine = FakeEngine(scripted(thinking, answer), pause_s=pause_s)
        settings = ReasonSettings(**{"default_budget": 24, **settings})
        server = ServerSettings(**{"drain_s": 0.2, **(server or {})})
        app = create_app(engine, settings, server, thinking_format=fake_format(engine))
        async with serve(app, port=ports.pop() if ports else 0) as client:
            yield Served(client, engine, app)

    return factory


ASK = """async (fields) => {
    const shown = () => document.querySelector("#examples button");
    while (!shown()) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const [id, value] of Object.entries(fields)) {
        const field = document.getElementById(id);
        field.value = value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.dispatchEvent(new Event("change", { bubbles: true }));
        if (id === "budget") document.querySelector("[name=checkpoints][value=every]").click();
    }
    document.getElementById("submit").click();
}"""


async def ask(page, question="count", *, budget=24, every=6):
    """Fill the form in and send it, at once."""
    await page.evaluate(ASK, {"question": question, "budget": str(budget), "checkpoint-number": str(every)})


async def ask_by_hand(page, question="count", *, budget=24, every=6):
    """Fill the form in and send it, as a reader does."""
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
