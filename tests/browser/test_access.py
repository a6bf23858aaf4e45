"""For every reader: keyboard, screen reader, small screens, both colour schemes."""

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from browser.conftest import ENDLESS, SLOW_S, ask, hold, phase, release


async def audit(page):
    """Return what axe-core finds, as rule ids and the elements at fault."""
    found = await Axe().run(page)
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found.response["violations"]]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_an_audit_finds_nothing(served, new_page, scheme, width):
    async with served() as server:
        page = await new_page(
            server.url, color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
        )
        assert await audit(page) == []
        await page.get_by_text("Sampling").click()
        await ask(page)
        await phase(page, "completed")
        await page.get_by_text("Show as a table").click()
        assert await audit(page) == []
        await page.fill("#budget", "")
        await page.fill("#samples", "99")
        await page.get_by_role("button", name="Ask", exact=True).click()
        await expect(page.locator("#samples-error")).to_be_visible()
        assert await audit(page) == []


@pytest.mark.parametrize("width", [360, 700, 1280])
async def test_nothing_is_wider_than_the_screen(served, new_page, width):
    question = "https://example.com/" + "aWordWithoutAnyBreak" * 12
    async with served(answer="x" * 300, thinking="y" * 400) as server:
        page = await new_page(server.url, viewport={"width": width, "height": 760})
        await ask(page, question, budget=300, every=20)
        await phase(page, "completed")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_on_a_small_screen_the_best_answer_stays_in_sight_while_it_thinks(served, new_page):
    async with served(thinking="think;\n" * 400, pause_s=SLOW_S) as server:
        page = await new_page(server.url, viewport={"width": 360, "height": 700})
        await ask(page, budget=600, every=50)
        await hold(page, server)
        await page.locator("#thinking").scroll_into_view_if_needed()
        await expect(page.locator("#value")).to_be_in_viewport()
        release(server)


async def test_everything_can_be_done_with_the_keyboard(served, new_page):
    async with served(thinking=ENDLESS) as server:
        page = await new_page(server.url)
        for _ in range(12):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.id") == "question":
                break
        await page.keyboard.type("by keyboard")
        await page.keyboard.press("Control+Enter")
        await phase(page, "completed")
        reached = set()
        for _ in range(45):
            await page.keyboard.press("Tab")
            reached.add(await page.evaluate("document.activeElement.id"))
        assert {
            "budget-slider",
            "budget",
            "submit",
            "extend",
            "extend-by",
            "replay",
            "share",
            "copy",
            "follow-up-question",
            "chart",
            "thinking-fold",
            "theme",
        } <= reached
        await page.locator("#copy").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="curl", exact=True)).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#copy-menu")).to_be_hidden()
        await page.locator("#budget-slider").focus()
        before = await page.locator("#budget").input_value()
        await page.keyboard.press("ArrowRight")
        assert await page.locator("#budget").input_value() >= before


async def test_a_screen_reader_hears_new_answers_and_the_end_and_not_every_token(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.evaluate(
            """() => {
                window.heard = [];
                const heard = () => window.heard.push(document.getElementById("announcer").textContent);
                new MutationObserver(heard).observe(document.getElementById("announcer"), { childList: true });
            }"""
        )
        server.engine.pause_s = 0.01
        await ask(page)
        await phase(page, "completed")
        heard = await page.evaluate("window.heard")
        assert re.fullmatch(r"Interim answer at (6 tokens: 1|12 tokens: 2|18 tokens: 3), 90% sure", heard[0])
        assert heard[-1] == "Done. Answer: 4"
        assert len(heard) <= 4
        assert await page.locator("#announcer").get_attribute("aria-live") == "polite"
        assert await page.locator("[aria-live] #thinking, #thinking[aria-live]").count() == 0


async def test_the_colours_follow_the_system_until_the_reader_chooses(served, new_page):
    async with served() as server:
        page = await new_page(server.url, color_scheme="dark")

        async def background():
            return await page.evaluate("getComputedStyle(document.body).backgroundColor")

        dark = await background()
        await page.emulate_media(color_scheme="light")
        light = await background()
        assert dark != light
        toggle = page.get_by_role("button", name="Colours")
        await toggle.click()
        await toggle.click()
        await expect(toggle).to_have_accessible_name("Colours: Dark")
        assert await background() == dark
        await page.reload()
        assert await background() == dark


async def test_who_wants_no_motion_gets_none(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url, reduced_motion="no-preference")
        await ask(page, budget=600, every=50)
        await hold(page, server)
        await phase(page, "thinking")
        assert await page.evaluate("document.getAnimations().length") > 0
        await page.emulate_media(reduced_motion="reduce")
        assert await page.evaluate("document.getAnimations().length") == 0
        release(server)
