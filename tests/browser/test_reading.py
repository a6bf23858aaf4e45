"""What a reader does with an answer: read it first, look at how it came about, copy it, ask on."""

import re

from playwright.async_api import expect

from browser.conftest import ENDLESS, SLOW_S, ask, hold, phase, release

CODE = "So:\n\n```python\nprint(4)\n```\n\nAnswer: 4"
CLIPBOARD = "navigator.clipboard.readText()"


async def test_the_answer_comes_first_and_the_thinking_is_folded_behind_it(served, new_page):
    async with served(answer=CODE) as server:
        page = await new_page(server.url, permissions=["clipboard-read", "clipboard-write"])
        await ask(page)
        await phase(page, "completed")
        assert await page.evaluate(
            """() => [...document.querySelectorAll("#final, #chart, #thinking-card")].map((node) => node.id)"""
        ) == ["final", "chart", "thinking-card"]
        await expect(page.locator("#thinking")).to_be_hidden()
        await expect(page.locator("#thinking-size")).to_have_text("24 of 24 tokens")

        assert await page.locator("#chart .title").all_text_contents() == ["Answer", "Thinking tokens"]

        for button, text in [("Copy answer", CODE), ("Copy", "print(4)\n")]:
            await page.locator(".verdict").get_by_role("button", name=button, exact=True).click()
            await expect(page.locator("#toast")).to_contain_text("copied")
            assert await page.evaluate(CLIPBOARD) == text

        chart = page.locator("#chart")
        await chart.focus()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(".tip b")).to_have_text("2")
        await expect(page.locator("#announcer")).to_contain_text("2, after 12 tokens")
        await page.keyboard.press("End")
        await expect(page.locator(".tip b")).to_have_text("3")
        await page.keyboard.press("Enter")
        await expect(page.locator("#thinking .mark[data-lit]")).to_be_in_viewport()

        await page.locator("#thinking-copy").click()
        await expect(page.locator("#toast")).to_have_text("Thinking copied")
        assert await page.evaluate(CLIPBOARD) == "a=1; b=2; c=3; d=4; done"
        await page.get_by_role("button", name="Expand").click()
        assert await page.locator("#thinking").evaluate("pane => getComputedStyle(pane).maxHeight") == "none"


async def test_stopping_where_the_answer_was_stable_is_proposed_and_tried(served, new_page):
    async with served(thinking="a=1; " + "think " * 40, answer="Answer: 1") as server:
        page = await new_page(server.url)
        await ask(page, budget=200, every=20)
        await phase(page, "completed")
        line = (
            "Stopping at 3 equal answers in a row would have saved about 140 of 200 tokens (70%), for the same answer."
        )
        await expect(page.locator("#savings-text")).to_have_text(line)
        async with page.expect_request("**/reason") as sent:
            await page.get_by_role("button", name="Try it").click()
        assert (await sent.value).post_data_json["stop_when"] == {"stable": 3}
        await phase(page, "completed")
        await expect(page.locator("#why")).to_contain_text("The answer had settled after")
        await expect(page.locator("#savings")).to_be_hidden()
        await expect(page.locator("#stable")).to_have_value("3")


async def test_a_follow_up_keeps_the_conversation(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.get_by_text("Prompt and answer").click()
        await page.fill("#system", "Be brief.")
        await ask(page, "first")
        await phase(page, "completed")
        async with page.expect_request("**/reason") as sent:
            await page.fill("#follow-up-question", "second")
            await page.keyboard.press("Enter")
        body = (await sent.value).post_data_json
        assert [(message["role"], message["content"]) for message in body["messages"]] == [
            ("system", "Be brief."),
            ("user", "first"),
            ("assistant", "There are **4**.\nAnswer: 4"),
            ("user", "second"),
        ]
        assert body["budget"] == 24
        await expect(page.locator("#asked")).to_have_text("second")
        await phase(page, "completed")
        await page.reload()
        await phase(page, "completed")
        await expect(page.locator("#asked")).to_have_text("second")
        assert await page.locator("#turns li").all_text_contents() == [
            "Asked: first",
            "Answered: There are **4**.\nAnswer: 4",
        ]
        await expect(page.locator("#system")).to_have_value("Be brief.")


async def colour(page, selector):
    """The name of the colour that an answer is written in."""
    return re.search(r"\bc(x|\d+)\b", await page.locator(selector).get_attribute("class"))[0]


async def colour_in_list(page, address):
    return await colour(page, f'#history-list a[href="{address[address.index("#") :]}"] .history-value')


async def test_two_budgets_stand_side_by_side(served, new_page):
    async with served(answer="Answer: 4") as server:
        page = await new_page(server.url)
        await page.get_by_label("Compare with another budget").check()
        await page.fill("#beside-budget", "9")
        await ask(page)
        await expect(page.locator("#beside")).to_have_attribute("data-phase", "completed")
        await phase(page, "completed")
        await expect(page.locator("#verdict-budget")).to_have_text(" with 24 tokens")
        await expect(page.locator("#beside-title")).to_have_text("Answer with 9 tokens")
        await expect(page.locator("#beside-value")).to_have_text("4")
        await expect(page.locator("#compared-text")).to_have_text("9 tokens of thinking were enough for this answer.")
        # Of its own it would have another: it has given fewer answers before.
        link = page.get_by_role("link", name="Show the other")
        assert await colour_in_list(page, await link.get_attribute("href")) == await colour(page, "#beside-value")
        assert await colour_in_list(page, page.url) == await colour(page, "#value")
        await link.click()
        await expect(page.locator("#spent")).to_have_text("9 of 9 tokens")
        assert await colour_in_list(page, page.url) == await colour(page, "#value")
        await expect(page.locator("#beside")).to_be_hidden()
        await expect(page.locator("#history-list li")).to_have_count(2)


async def test_keys_steer_the_page_but_not_while_one_types(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        question = page.locator("#question")
        await page.keyboard.press("/")
        await expect(question).to_be_focused()
        await page.keyboard.type("n/n")
        await expect(question).to_have_value("n/n")
        await ask(page, "n/n", budget=600, every=20)
        await hold(page, server)
        await page.locator("#question").focus()
        async with page.expect_response(lambda response: response.url.endswith("/answer_now")):
            await page.keyboard.press("Escape")
        release(server)
        await phase(page, "completed")
        await page.locator("#chart").focus()
        await page.keyboard.press("n")
        await phase(page, "idle")
        await expect(question).to_be_focused()
        await page.get_by_role("button", name="Keys").click()
        await page.get_by_label("N and / work").uncheck()
        await page.keyboard.press("Escape")
        await page.locator("#theme").focus()
        await page.keyboard.press("/")
        await expect(page.locator("#theme")).to_be_focused()
