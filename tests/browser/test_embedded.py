"""The page on the real thing: the embedded model, and the questions that it offers for it."""

import asyncio

import pytest
from playwright.async_api import expect

from anytime_server.api import create_app
from anytime_server.engines.choice import create_engine
from browser.conftest import phase
from browser.test_keeping import shown
from live import serve
from processes import forked, wait_until_ready


@pytest.fixture(scope="session")
async def embedded():
    async with serve(create_app(create_engine("transformers", "anytime-tiny", {}))) as client:
        yield f"{client.base_url}/"


@pytest.mark.slow
async def test_each_example_is_answered_within_its_budget_with_interim_answers(embedded, new_page):
    page = await new_page(embedded)
    await expect(page.locator("#served-model")).to_have_text("anytime-tiny")
    examples = page.locator("#examples button")
    assert await examples.all_text_contents() == ["Smallest", "Closest", "Largest", "Sum"]
    for index in range(await examples.count()):
        await examples.nth(index).click()
        await expect(page.locator("#asked")).to_have_text(await examples.nth(index).get_attribute("title"))
        await phase(page, "completed")
        assert (await page.locator("#value").text_content()).isdigit()
        assert await page.locator("#chart-rows tr").count() >= 3


@pytest.mark.slow
async def test_the_page_is_ready_to_ask_as_it_opens_and_shows_the_answer_on_a_phone(embedded, new_page):
    page = await new_page(embedded, viewport={"width": 390, "height": 844})
    first = "smallest of 77+27, 83-39, 2+86, 60+85, 9*11, 92+34"
    await expect(page.locator("#question")).to_have_value(first)
    await page.get_by_role("button", name="Ask", exact=True).click()
    await phase(page, "completed")
    await expect(page.locator("#value")).to_be_in_viewport()
    await page.fill("#extend-by", "40")
    await page.get_by_role("button", name="Think longer").click()
    await expect(page.locator("#spent")).not_to_contain_text("of 200 tokens")
    await phase(page, "completed")


@pytest.mark.slow
async def test_a_session_outlives_the_process_that_thought_it(new_page, forks):
    with forked(forks) as (process, client):
        await asyncio.to_thread(wait_until_ready, process, client)
        page = await new_page(f"{client.base_url}/")
        await page.get_by_role("button", name="Ask", exact=True).click()
        await phase(page, "completed")
        before = await shown(page)
        assert len(before["rows"]) >= 3
        process.kill()
        process.wait()
        with forked(forks, "--port", str(client.base_url.port)) as (again, _):
            await asyncio.to_thread(wait_until_ready, again, client)
            await page.reload()
            await phase(page, "lost")
            assert await shown(page) == before
