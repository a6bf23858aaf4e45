"""The page on the real thing: the embedded model, and the questions that it offers for it."""

import pytest
from playwright.async_api import expect

from anytime_server.api import create_app
from anytime_server.engines.choice import create_engine
from browser.conftest import phase
from live import serve


@pytest.fixture(scope="session")
async def embedded():
    async with serve(create_app(create_engine("transformers", "anytime-tiny", {}))) as client:
        yield f"{client.base_url}/"


@pytest.mark.slow
async def test_the_page_is_ready_to_ask_as_it_opens_and_answers_its_examples_on_a_phone(embedded, new_page):
    page = await new_page(embedded, viewport={"width": 390, "height": 844})
    await expect(page.locator("#served-model")).to_have_text("anytime-tiny")
    examples = page.locator("#examples button")
    assert await examples.all_text_contents() == ["Smallest", "Closest", "Largest", "Sum"]
    questions = [await examples.nth(index).get_attribute("title") for index in range(await examples.count())]
    await expect(page.locator("#question")).to_have_value(questions[0])
    await page.get_by_role("button", name="Ask", exact=True).click()
    await answered(page, questions[0])
    await expect(page.locator("#value")).to_be_in_viewport()
    await page.fill("#extend-by", "40")
    await page.get_by_role("button", name="Think longer").click()
    await expect(page.locator("#spent")).not_to_contain_text("of 200 tokens")
    await phase(page, "completed")
    for index in range(1, len(questions)):
        await examples.nth(index).click()
        await answered(page, questions[index])


async def answered(page, question):
    """Wait for the answer; there have been interim answers by then."""
    await expect(page.locator("#asked")).to_have_text(question)
    await phase(page, "completed")
    assert (await page.locator("#value").text_content()).isdigit()
    assert await page.locator("#chart-rows tr").count() >= 3
