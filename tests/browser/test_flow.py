"""The whole flow on a fake engine: ask, watch, steer, share, find again."""

import re

from playwright.async_api import expect

from browser.conftest import ANSWER, ENDLESS, SLOW_S, ask, ask_by_hand, hold, phase, release


async def rows(page):
    """The chart's table: (tokens, answer)."""
    cells = await page.locator("#chart-rows tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(0, 2).map(cell => cell.textContent))"
    )
    return [tuple(row) for row in cells]


async def test_an_answer_is_shown_as_it_sharpens_and_then_in_full(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask_by_hand(page)
        await phase(page, "completed")
        assert await rows(page) == [("6", "1"), ("12", "2"), ("18", "3")]
        await expect(page.locator("#value")).to_have_text("4")
        await expect(page.locator("#verdict-title")).to_have_text("Answer")
        await expect(page.locator("#why")).to_have_text("The whole budget of 24 tokens was spent.")
        await expect(page.locator("#final-text strong")).to_have_text("4")
        await expect(page.locator("#spent")).to_have_text("24 of 24 tokens")
        await expect(page.locator(".facts")).to_contain_text("First answer")
        labels = await page.locator("#chart .label").all_text_contents()
        assert labels == ["1", "2", "3", "4"]
        colours = await page.locator("#chart .point").evaluate_all(
            "points => points.map(p => getComputedStyle(p).fill)"
        )
        assert len(set(colours)) == 3
        await expect(page).to_have_title("4 · Anytime")


async def test_interim_answers_are_marked_in_the_thinking_where_they_were_branched(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        marked = await page.locator("#thinking > div").evaluate(
            "node => [...node.childNodes].map(child => child.data ?? `[${child.textContent}]`).join('')"
        )
        assert marked == "a=1; b[1]=2; c=[2]3; d=4[3]; done"


async def test_a_loss_that_the_session_outlived_is_told_in_the_thinking_where_it_went_on(served, new_page):
    async with served() as server:
        server.engine.dies_at = {12}
        page = await new_page(server.url)
        await ask(page, every=50)
        await phase(page, "completed")
        (line,) = await page.locator("#thinking .resumed").all_text_contents()
        assert re.fullmatch(r"Went on with another engine after \d+ ms", line)
        text = await page.locator("#thinking").evaluate("node => node.textContent")
        before, after = text.split(line)
        assert before and after and before + after == "a=1; b=2; c=3; d=4; done"
        await page.reload()
        await phase(page, "completed")
        await expect(page.locator("#thinking .resumed")).to_have_text(line)


async def test_while_it_thinks_the_best_answer_stands_and_the_answer_can_be_had_now(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, budget=600, every=20)
        await hold(page, server, answers=2)
        await phase(page, "thinking")
        await expect(page.locator("#value")).to_have_text(re.compile(r"^\d+$"))
        await expect(page.locator("#verdict-title")).to_have_text("Best answer so far")
        async with page.expect_response(lambda response: response.url.endswith("/answer_now")):
            await page.get_by_role("button", name="Answer now").click()
        release(server)
        await phase(page, "completed")
        await expect(page.locator("#why")).to_contain_text("You asked for the answer after")
        await expect(page.locator("#value")).to_have_text("4")


async def test_think_longer_raises_the_budget_of_a_running_session(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, budget=400, every=50)
        await hold(page, server)
        await page.fill("#extend-by", "200")
        await page.get_by_role("button", name="Think longer").click()
        await expect(page.locator("#spent")).to_contain_text("of 600 tokens")
        release(server)
        await phase(page, "completed")
        await expect(page.locator("#spent")).to_have_text("600 of 600 tokens")
        assert [at for at, _ in await rows(page)] == [str(at) for at in range(50, 600, 50)]


async def test_think_longer_takes_up_an_ended_session_again(served, new_page):
    async with served(thinking=ENDLESS) as server:
        page = await new_page(server.url)
        await ask(page, budget=40, every=20)
        await phase(page, "completed")
        await page.fill("#extend-by", "60")
        await page.keyboard.press("Enter")
        await expect(page.locator("#spent")).to_have_text("100 of 100 tokens")
        await phase(page, "completed")
        assert [at for at, _ in await rows(page)] == ["20", "60", "80"]
        await page.fill("#extend-by", "50")
        await page.keyboard.press("Enter")
        await expect(page.locator("#spent")).to_have_text("150 of 150 tokens")


async def test_think_longer_reaches_a_session_that_has_ended_meanwhile(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, budget=100, every=20)
        await hold(page, server)

        async def after_the_end(route):
            release(server)
            await phase(page, "completed")
            await route.continue_()

        await page.route("**/extend?**", after_the_end)
        await page.fill("#extend-by", "50")
        await page.get_by_role("button", name="Think longer").click()
        await expect(page.locator("#spent")).to_have_text("150 of 150 tokens")
        await phase(page, "completed")


async def test_cancelling_frees_the_engine_and_keeps_the_best_answer(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, budget=600, every=20)
        await hold(page, server)
        await page.get_by_role("button", name="Cancel").click()
        await phase(page, "cancelled")
        await expect(page.locator("#value")).to_have_text(re.compile(r"^\d+$"))
        await expect(page.locator("#why")).to_contain_text("This was the best answer by then")
        assert not server.engine.active


async def test_a_new_question_gives_up_the_one_before(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, "first", budget=600, every=20)
        await hold(page, server)
        before = await page.evaluate("location.hash")
        await ask(page, "second", budget=30)
        await expect(page.locator("#asked")).to_have_text("second")
        release(server)
        await phase(page, "completed")
        first = (await server.client.get(f"/reason/{before.removeprefix('#/s/')}")).json()
        assert first["status"] == "cancelled"


async def test_a_shared_link_shows_the_session_with_its_question_to_somebody_else(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url, permissions=["clipboard-read", "clipboard-write"])
        await ask(page, "how many?", budget=400, every=50)
        await hold(page, server)
        await page.get_by_role("button", name="Copy link").click()
        await expect(page.locator("#toast")).to_have_text("Link copied")
        link = await page.evaluate("navigator.clipboard.readText()")
        other = await new_page(link)
        await expect(other.locator("#asked")).to_have_text("how many?")
        await phase(other, "thinking")
        release(server)
        await phase(other, "completed")
        await phase(page, "completed")
        assert await rows(other) == await rows(page)
        assert await other.locator("#thinking").text_content() == await page.locator("#thinking").text_content()


async def test_leaving_a_shared_session_does_not_cancel_it(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        server.engine.gate.clear()
        body = {"prompt": "long", "budget": 300, "background": True}
        id = (await server.client.post("/reason", json=body)).json()["id"]
        page = await new_page(f"{server.url}#/s/{id}")
        await phase(page, "thinking")
        await page.get_by_role("link", name="Anytime, a new question").click()
        await phase(page, "idle")
        release(server)
        await server.client.get(f"/reason/{id}/events")
        assert (await server.client.get(f"/reason/{id}")).json()["status"] == "completed"


async def test_reloading_the_page_goes_on_with_the_session(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, "long", budget=600, every=100)
        await hold(page, server)
        await page.reload()
        release(server)
        await phase(page, "completed")
        await expect(page.locator("#asked")).to_have_text("long")
        assert [at for at, _ in await rows(page)] == ["100", "200", "300", "400", "500"]


async def test_history_lists_what_was_asked_and_brings_it_back(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        for question in ("one", "two"):
            await ask(page, question)
            await phase(page, "completed")
        await expect(page.locator("#history-list .history-question")).to_have_text(["two", "one"])
        await page.locator("#history-list a", has_text="one").click()
        await expect(page.locator("#asked")).to_have_text("one")
        await phase(page, "completed")
        await expect(page.locator("#question")).to_have_value("one")
        await expect(page.locator("#budget")).to_have_value("24")
        await page.get_by_role("button", name="Clear").click()
        await expect(page.locator("#history")).to_be_hidden()


COPY_THE_SESSION = """count => {
    const [key] = Object.keys(localStorage).filter((key) => key.startsWith("anytime.session."));
    const copy = (number) => localStorage.getItem(key).replaceAll(key.split(".")[2], `rsn_${number}`);
    for (let number = 0; number < count; number++) localStorage.setItem(`anytime.session.rsn_${number}`, copy(number));
}"""


async def test_history_is_bounded(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        for number, known in enumerate((1, 23, 24, 24)):
            await ask(page, f"question {number}", budget=2)
            await expect(page.locator("#history-list .history-question").first).to_have_text(f"question {number}")
            await phase(page, "completed")
            await expect(page.locator("#history-list li")).to_have_count(known)
            if number == 0:
                await page.evaluate(COPY_THE_SESSION, 21)


async def test_replay_shows_the_course_of_an_ended_session_again(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        await page.evaluate(
            """() => {
                window.seen = [];
                const value = document.getElementById("value");
                new MutationObserver(() => window.seen.push(value.textContent)).observe(value, { childList: true });
            }"""
        )
        await page.get_by_role("button", name="Replay").click()
        await expect(page.locator("#phase-text")).to_have_text("Replaying")
        await phase(page, "completed")
        assert await page.evaluate("window.seen") == ["…", "1", "2", "3", "4"]
        assert await page.locator("#thinking .mark").all_text_contents() == ["1", "2", "3"]


async def test_the_thinking_is_followed_until_the_reader_scrolls_up(served, new_page):
    async with served(thinking="a line of thought;\n" * 150, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, budget=1000, every=250)
        await hold(page, server, answers=2)
        pane = page.locator("#thinking")
        assert await pane.evaluate("pane => pane.scrollTop > 0")
        await pane.evaluate("pane => { pane.scrollTop = 0; }")
        await expect(page.get_by_role("button", name="Jump to the newest")).to_be_visible()
        server.engine.gate.set()
        await hold(page, server, answers=3)
        assert await pane.evaluate("pane => pane.scrollTop") == 0
        await page.get_by_role("button", name="Jump to the newest").click()
        release(server)
        await phase(page, "completed")
        assert await pane.evaluate("pane => pane.scrollHeight - pane.scrollTop - pane.clientHeight") < 40


async def test_what_a_model_writes_is_text_and_never_page(served, new_page):
    hostile = (
        '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script> [go](javascript:window.hurt=1) $x^2$ **b**'
    )
    async with served(thinking="<b>bold</b><script>window.hurt=1</script>", answer=hostile) as server:
        page = await new_page(server.url)
        await ask(page, budget=60)
        await phase(page, "completed")
        await expect(page.locator("#final-text strong")).to_have_text("b")
        await expect(page.locator("#final-text math")).to_be_visible()
        await expect(page.locator("#final-text :is(img, script, [href^=javascript])")).to_have_count(0)
        await expect(page.locator("#thinking b")).to_have_count(0)
        assert await page.evaluate("window.hurt") is None


async def test_the_answer_of_the_document_is_what_streamed(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        assert (await page.locator("#final-text").inner_text()).split() == ANSWER.replace("**", "").split()


async def test_the_page_works_where_cookies_are_blocked(served, new_page):
    async with served() as server:
        page = await new_page(server.url, own=True)
        await page.add_init_script(
            """const get = () => { throw new DOMException("blocked", "SecurityError"); };
            for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get });"""
        )
        await page.reload()
        await ask(page)
        await phase(page, "completed")
        await expect(page.locator("#value")).to_have_text("4")
        await expect(page.locator("#history-list .history-question")).to_have_text(["count"])
        await page.get_by_role("button", name="Clear").click()
        await expect(page.locator("#history")).to_be_hidden()
        toggle = page.get_by_role("button", name="Colours")
        await toggle.click()
        await expect(toggle).to_have_accessible_name("Colours: Light")
