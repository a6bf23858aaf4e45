"""What the page says of sessions without thinking, without interim answers, and of answers that are cut or open."""

import pytest
from playwright.async_api import expect

from browser.conftest import ENDLESS, ask, phase

SAY = """async (state) => {
    const { best } = await import("/playground/js/answers.js");
    const { spent, why } = await import("/playground/js/phrases.js");
    const { IDLE } = await import("/playground/js/state.js");
    const told = { ...IDLE, ...state };
    return [spent(told), why(told, best(told))];
}"""

OUTCOME = """async (pair) => (await import("/playground/js/phrases.js")).compared(...pair)"""


def ended(spent, granted, stop_reason="budget", status="completed", **answer):
    document = {
        "status": status,
        "stop_reason": stop_reason,
        "answer": {"text": "4", "value": "4", "confidence": 1, "finish_reason": "stop", **answer},
    }
    return {
        "phase": status,
        "budget": {"requested": granted, "granted": granted, "spent": spent},
        "document": document,
    }


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (ended(0, 0), ["No thinking", "Answered without thinking."]),
        (ended(0, 0, "natural"), ["No thinking", "Answered without thinking."]),
        (ended(0, 0, None, "cancelled"), ["No thinking", "Cancelled. There was no answer by then."]),
        (ended(1, 1), ["1 of 1 token", "The whole budget of 1 token was spent."]),
        (ended(0, 9, "natural"), ["0 of 9 tokens", "The model finished thinking by itself after 0 of 9 tokens."]),
        (ended(5, 9, "deadline"), ["5 of 9 tokens", "The time was up after 5 of 9 tokens."]),
        (ended(5, 9, "stable"), ["5 of 9 tokens", "The answer had settled after 5 of 9 tokens."]),
        (ended(5, 9, "answer_now"), ["5 of 9 tokens", "You asked for the answer after 5 of 9 tokens."]),
        (ended(5, 9, "load"), ["5 of 9 tokens", "The server was busy after 5 of 9 tokens."]),
        (ended(5, 9, "unheard_of"), ["5 of 9 tokens", "The thinking ended after 5 of 9 tokens."]),
        (
            ended(9, 9, finish_reason="length"),
            ["9 of 9 tokens", "The whole budget of 9 tokens was spent. The answer was cut at its length limit."],
        ),
        (
            {"phase": "lost", "budget": {"granted": 9, "spent": 4}},
            ["4 of 9 tokens", "Interrupted after 4 of 9 tokens. There was no answer by then."],
        ),
        ({"phase": "thinking", "budget": {"granted": 0, "spent": 0}}, ["No thinking", "Answering without thinking"]),
        ({"phase": "connecting"}, ["", ""]),
    ],
)
async def test_how_a_session_stands_is_said_in_words(run, state, told):
    assert await run(SAY, state) == told


@pytest.mark.parametrize(
    ("few", "many", "told"),
    [
        ("4", "4", "9 tokens of thinking were enough for this answer."),
        ("3", "4", "Two answers: 3 with 9 tokens, 4 with 24 tokens."),
    ],
)
async def test_what_two_budgets_came_to_is_said_from_the_smaller_one_on(run, few, many, told):
    pair = [{"words": many, "budget": 24}, {"words": few, "budget": 9}]
    assert await run(OUTCOME, pair) == await run(OUTCOME, pair[::-1]) == told


async def test_a_budget_of_nothing_shows_an_answer_and_no_empty_panels(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page, budget=0)
        await phase(page, "completed")
        await expect(page.locator("#value")).to_have_text("4")
        await expect(page.locator("#why")).to_have_text("Answered without thinking.")
        for empty in ("#thinking-card", ".chart", "#replay"):
            await expect(page.locator(empty)).to_be_hidden()
        text = await page.locator("#run").inner_text()
        assert not [word for word in ("NaN", "0 of 0", "undefined", "null", "Infinity") if word in text]
        await page.get_by_role("button", name="Think longer").click()
        await expect(page.locator("#spent")).to_contain_text("of 100 tokens")
        await phase(page, "completed")
        await expect(page.locator(".chart")).to_be_visible()
        await expect(page.locator("#thinking-card")).to_be_visible()


async def test_a_budget_of_one_token_is_one_token(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page, budget=1)
        await phase(page, "completed")
        await expect(page.locator("#spent")).to_have_text("1 of 1 token")
        await expect(page.locator("#thinking")).to_have_text("a")
        assert await page.locator("#chart .axis").all_text_contents() == ["0", "1"]


async def test_without_interim_answers_the_chart_says_so(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.get_by_role("radio", name="None").check()
        await page.fill("#budget", "12")
        await page.fill("#question", "count")
        await page.keyboard.press("Control+Enter")
        await phase(page, "completed")
        await expect(page.locator("#chart .hint")).to_have_text("No interim answers asked for")
        await expect(page.locator(".table")).to_be_hidden()


async def test_an_open_answer_is_told_in_its_own_words(served, new_page):
    async with served(answer="A poem, say.") as server:
        page = await new_page(server.url)
        await page.get_by_role("radio", name="None").check()
        await page.fill("#question", "write")
        await page.keyboard.press("Control+Enter")
        await phase(page, "completed")
        await expect(page.locator("#value")).to_have_text("A poem, say.")
        assert "NaN" not in await page.locator("#run").inner_text()


async def test_an_answer_that_was_cut_is_told_as_cut(served, new_page):
    async with served(thinking=ENDLESS, max_answer_tokens=6) as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        await expect(page.locator("#why")).to_contain_text("The answer was cut at its length limit.")
