"""Refusals, in human words and with the remedy at hand."""

import pytest
from playwright.async_api import expect

from browser.conftest import ENDLESS, SLOW_S, ask, hold, phase, release

KEY = "sk-of-the-playground"


async def test_a_key_is_asked_for_and_kept_for_the_tab(served, new_page):
    async with served(server={"api_keys": (KEY,)}) as server:
        page = await new_page(server.url)
        await expect(page.get_by_role("dialog", name="API key")).to_be_visible()
        await page.get_by_role("button", name="Not now").click()
        await ask(page, "guarded")
        dialog = page.get_by_role("dialog", name="API key")
        await dialog.get_by_label("Key", exact=True).fill(KEY)
        await page.get_by_role("button", name="Use this key").click()
        await phase(page, "completed")
        await expect(page.locator("#asked")).to_have_text("guarded")
        await expect(page.locator("#notice")).to_be_hidden()
        assert KEY not in await page.evaluate("Object.values(localStorage).join()")
        await page.reload()
        await phase(page, "completed")
        await expect(dialog).to_be_hidden()


async def test_a_field_the_server_refuses_is_marked_and_focused(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.get_by_text("Sampling").click()
        await page.fill("#samples", "4")
        await page.fill("#temperature", "0")
        await page.get_by_text("Sampling").click()
        await ask(page)
        await expect(page.locator("#notice-title")).to_have_text("The server can’t do this as asked")
        temperature = page.get_by_label("Temperature")
        await expect(temperature).to_be_focused()
        await expect(temperature).to_have_attribute("aria-invalid", "true")
        await expect(page.locator("#temperature-error")).to_contain_text("set interim.temperature")
        await temperature.fill("1")
        await expect(page.locator("#temperature-error")).to_be_hidden()
        await page.keyboard.press("Control+Enter")
        await phase(page, "completed")
        await expect(page.locator("#notice")).to_be_hidden()


async def test_an_empty_question_is_not_sent(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.get_by_role("button", name="Ask", exact=True).click()
        await expect(page.locator("#question-error")).to_have_text("Write a question first.")
        await phase(page, "idle")


FAULTS = {
    ("budget", "1.5"): "Choose a whole number from 0 to 2,147,483,647.",
    ("checkpoint-number", ""): "Choose a whole number from 1 to 256.",
    ("samples", "99"): "Choose a whole number from 1 to 64.",
    ("temperature", "-1"): "Choose a number from 0 to 2.",
    ("stable", "1"): "Choose a whole number from 2 to 256.",
}

FILL = """async ([control, value]) => {
    for (const group of document.querySelectorAll(".more")) group.open = false;
    document.getElementById("question").value = "count";
    const input = document.getElementById(control);
    const before = input.value;
    input.value = value;
    document.getElementById("ask").requestSubmit();
    await new Promise(requestAnimationFrame);
    const told = document.getElementById(input.getAttribute("aria-describedby").split(" ").at(-1)).textContent;
    const found = [told, document.activeElement.id, document.getElementById("run").dataset.phase];
    input.value = before;
    return found;
}"""


async def test_a_number_that_can_not_be_is_told_before_it_is_sent(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        for (control, value), told in FAULTS.items():
            assert await page.evaluate(FILL, [control, value]) == [told, control, "idle"]
        await page.fill("#stable", "3")
        await page.get_by_role("radio", name="None").check()
        await page.get_by_role("button", name="Ask", exact=True).click()
        await expect(page.locator("#stable-error")).to_have_text("This needs interim answers. Choose how many.")


async def test_a_busy_server_is_asked_again_when_it_said_there_may_be_room(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S, max_sessions=1) as server:
        server.engine.gate.clear()
        body = {"prompt": "first", "budget": 20, "background": True}
        taken = (await server.client.post("/reason", json=body)).json()["id"]
        page = await new_page(server.url)
        await ask(page, "second")
        await expect(page.locator("#notice-title")).to_have_text("The server is busy")
        await expect(page.locator("#notice-text")).to_contain_text("Trying again in")
        release(server)
        await server.client.delete(f"/reason/{taken}")
        await phase(page, "completed")
        await expect(page.locator("#notice")).to_be_hidden()


async def test_a_server_that_is_going_down_says_so(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await server.app.state.reasoner.drain(0)
        await ask(page)
        await expect(page.locator("#notice-title")).to_have_text("The server can’t answer right now")
        await expect(page.get_by_role("button", name="Try again")).to_be_visible()


async def test_an_engine_that_dies_leaves_the_best_answer_and_its_reason(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, budget=600, every=20)
        await hold(page, server)
        server.engine.dead = True
        release(server)
        await phase(page, "failed")
        await expect(page.locator("#notice-text")).to_contain_text("the engine is down")
        await expect(page.locator("#why")).to_contain_text("This was the best answer by then")
        await expect(page.locator("#value")).not_to_have_text("…")


async def test_an_extension_that_is_refused_leaves_the_answer_as_it_is(served, new_page):
    async with served(max_budget=24) as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        await page.get_by_role("button", name="Think longer").click()
        await expect(page.locator("#notice")).to_be_visible()
        await phase(page, "completed")
        await expect(page.locator("#value")).to_have_text("4")


async def test_an_extension_that_finds_no_room_is_not_turned_into_a_new_question(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S, max_sessions=1) as server:
        page = await new_page(server.url)
        await ask(page, "mine")
        await phase(page, "completed")
        server.engine.gate.clear()
        other = await server.client.post("/reason", json={"prompt": "other", "budget": 20, "background": True})
        assert other.status_code == 202
        await page.get_by_role("button", name="Think longer").click()
        await expect(page.locator("#notice-title")).to_have_text("The server is busy")
        await expect(page.locator("#notice-action")).to_be_hidden()
        await phase(page, "completed")
        release(server)
        await server.client.get(f"/reason/{other.json()['id']}/events")
        await page.get_by_role("button", name="Think longer").click()
        await expect(page.locator("#notice")).to_be_hidden()
        await phase(page, "completed")
        await expect(page.locator("#asked")).to_have_text("mine")


async def test_a_wrong_key_is_told_as_wrong_and_can_be_mended(served, new_page):
    async with served(server={"api_keys": (KEY,)}) as server:
        page = await new_page(server.url)
        dialog = page.get_by_role("dialog", name="API key")
        field = dialog.get_by_label("Key", exact=True)
        await expect(field).to_be_focused()
        await expect(page.locator("#key-error")).to_be_hidden()
        await field.fill("sk-of-somebody-else")
        await page.keyboard.press("Enter")
        await expect(page.locator("#key-error")).to_have_text("This key is wrong: the server doesn’t know it.")
        await expect(field).to_be_focused()
        await expect(field).to_have_attribute("aria-invalid", "true")
        await page.get_by_role("button", name="Not now").click()
        await ask(page, "guarded")
        await expect(page.locator("#notice-title")).to_have_text("The API key is wrong")
        await expect(field).to_be_focused()
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Enter the key").click()
        await expect(page.locator("#key-error")).to_be_visible()
        await field.fill(KEY)
        await expect(page.locator("#key-error")).to_be_hidden()
        await page.keyboard.press("Enter")
        await phase(page, "completed")
        await expect(page.locator("#notice")).to_be_hidden()
        await expect(dialog).to_be_hidden()


async def test_a_missing_key_is_told_as_missing(served, new_page):
    async with served(server={"api_keys": (KEY,)}) as server:
        page = await new_page(server.url)
        await page.keyboard.press("Escape")
        await ask(page)
        await expect(page.locator("#notice-title")).to_have_text("This server wants an API key")
        await expect(page.get_by_role("dialog").get_by_label("Key", exact=True)).to_be_focused()


@pytest.mark.parametrize("key", ["schlüssel", "one two", "ключ", "a😀"])
async def test_what_no_header_can_carry_is_no_key_and_not_a_server_out_of_reach(served, new_page, key):
    async with served(server={"api_keys": (KEY,)}) as server:
        page = await new_page(server.url)
        await page.get_by_role("dialog").get_by_label("Key", exact=True).fill(key)
        await page.get_by_role("button", name="Use this key").click()
        await expect(page.locator("#key-error")).to_contain_text("A key has letters")
        await page.get_by_role("button", name="Not now").click()
        await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_key_that_is_wrong_by_now_leaves_what_is_on_screen(served, new_page):
    async with served(server={"api_keys": (KEY,)}) as server:
        page = await new_page(server.url)
        field = page.get_by_role("dialog").get_by_label("Key", exact=True)
        await field.fill(KEY)
        await page.keyboard.press("Enter")
        await ask(page)
        await phase(page, "completed")
        await page.evaluate("sessionStorage.setItem('anytime.key', 'old')")
        await page.reload()
        await phase(page, "completed")
        await expect(page.locator("#key-error")).to_be_visible()
        await expect(page.locator("#value")).to_have_text("4")
        await field.fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.locator("#notice")).to_be_hidden()
        await page.get_by_role("button", name="Think longer").click()
        await phase(page, "completed")
