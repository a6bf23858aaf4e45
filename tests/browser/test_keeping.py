"""What was on screen stays: over reloads, restarts of the server, several tabs, and a browser without room."""

import asyncio
import json

from playwright.async_api import expect

from browser.conftest import ENDLESS, SLOW_S, ask, hold, open_page, phase, release

SHOWN = """() => {
    const text = (id) => document.getElementById(id).textContent;
    return {
        question: text("asked"), value: text("value"), why: text("why"), spent: text("spent"),
        answer: text("final-text"),
        thinking: [...document.querySelectorAll("#thinking > div")]
            .flatMap((block) => [...block.childNodes]).map((child) => child.data ?? `[${child.textContent}]`).join(""),
        rows: [...document.querySelectorAll("#chart-rows tr")].map((row) => row.textContent),
        points: [...document.querySelectorAll("#chart .point")].map((point) => point.getAttribute("d")),
        facts: text("facts-list"),
    };
}"""

FULL = """(room) => {
    const real = Storage.prototype.setItem;
    Storage.prototype.setItem = function (key, value) {
        const others = Object.keys(this).filter((other) => other !== key);
        const taken = others.reduce((sum, other) => sum + this.getItem(other).length, 0);
        if (taken + value.length > room) throw new DOMException("full", "QuotaExceededError");
        real.call(this, key, value);
    };
}"""


BOTH_WHOLE = """Object.entries(localStorage).filter(
    ([key, text]) => key.startsWith("anytime.session.") && text.includes('"status":"completed"'),
).length === 2"""


async def shown(page):
    """Return all that the page shows of a session."""
    return await page.evaluate(SHOWN)


async def kept(page):
    """Return what the browser keeps of the session on show: what the list shows, and the session."""
    text = await page.evaluate("localStorage.getItem('anytime.session.' + location.hash.slice(4).split('?')[0])")
    return [json.loads(line) for line in text.split("\n")]


async def until(page, condition):
    await page.wait_for_function(f"() => {condition}")


async def test_a_restart_of_the_server_leaves_all_that_was_on_screen(served, proxied, new_page):
    async with served(thinking=ENDLESS) as server, served() as restarted, proxied(server.port) as proxy:
        page = await new_page(f"http://127.0.0.1:{proxy.port}/")
        await ask(page, "a long one", budget=1643, every=150)
        await phase(page, "completed")
        before = await shown(page)
        await page.reload()
        await phase(page, "completed")
        assert await shown(page) == before
        proxy.target = restarted.port
        proxy.cut()
        for _ in range(2):
            await page.reload()
            await phase(page, "lost")
            assert await shown(page) == before
            await expect(page.locator("#notice-title")).to_have_text("The server no longer has this session")
            await expect(page.locator("#longer")).to_be_hidden()


async def test_a_reload_in_the_middle_and_a_restart_later_lose_nothing_either(served, proxied, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server, served() as restarted, proxied(server.port) as proxy:
        page = await new_page(f"http://127.0.0.1:{proxy.port}/")
        await ask(page, "long", budget=600, every=50)
        await hold(page, server)
        await page.reload()
        server.engine.gate.set()
        await hold(page, server, answers=5)
        await until(page, "document.getElementById('thinking').textContent.length > 240")
        before = await shown(page)
        proxy.target = restarted.port
        proxy.cut()
        await phase(page, "lost")
        lost = await shown(page)
        assert len(lost["thinking"]) >= len(before["thinking"]) > 240
        assert lost["rows"][: len(before["rows"])] == before["rows"]
        assert lost["why"].startswith("Interrupted after ")
        await page.reload()
        await phase(page, "lost")
        assert await shown(page) == lost
        release(server)


async def test_a_reload_goes_on_after_the_last_event_that_was_kept(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, budget=300, every=50)
        await hold(page, server, answers=2)
        asked = []
        page.on("request", lambda request: asked.append(request) if request.url.endswith("/events") else None)
        await page.reload()
        await until(page, "document.querySelectorAll('#chart-rows tr').length >= 2")
        assert int(asked[0].headers["last-event-id"]) > 0
        release(server)
        await phase(page, "completed")
        whole = await page.evaluate(
            "fetch(`reason/${location.hash.slice(4)}`).then(r => r.json()).then(d => d.thinking)"
        )
        text = (await shown(page))["thinking"]
        assert "".join(part.partition("]")[2] if "[" in text else part for part in ("]" + text).split("[")) == whole


async def test_an_ended_session_is_shown_at_once_and_not_streamed_again(served, new_page):
    async with served(thinking=ENDLESS) as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        before = await shown(page)
        async with page.expect_response(lambda response: response.url.endswith("/events")) as response:
            await page.reload()
        assert (await response.value).status == 204
        await phase(page, "completed")
        assert await shown(page) == before
        await expect(page.locator("#notice")).to_be_hidden()
        await page.get_by_role("button", name="Think longer").click()
        await expect(page.locator("#spent")).to_have_text("34 of 34 tokens")
        await phase(page, "completed")


async def test_an_extension_after_a_restart_says_what_can_not_be_done_any_more(served, proxied, new_page):
    async with served() as server, served() as restarted, proxied(server.port) as proxy:
        page = await new_page(f"http://127.0.0.1:{proxy.port}/")
        await ask(page, "again")
        await phase(page, "completed")
        before = await shown(page)
        proxy.target = restarted.port
        proxy.cut()
        await page.get_by_role("button", name="Think longer").click()
        await phase(page, "lost")
        await expect(page.locator("#notice-text")).to_contain_text("can’t think longer")
        assert await shown(page) == before
        for gone in ("#longer", "#share", "#answer-now"):
            await expect(page.locator(gone)).to_be_hidden()
        await page.get_by_role("button", name="Ask again").click()
        await phase(page, "completed")
        await expect(page.locator("#asked")).to_have_text("again")


async def test_a_server_that_is_down_leaves_an_ended_session_as_it_was(served, new_page):
    async with served() as server:
        page = await new_page(server.url, own=True)
        await ask(page)
        await phase(page, "completed")
        before = await shown(page)
        await page.route("**/reason/**", lambda route: route.abort())
        await page.clock.install()
        await page.reload()
        while await page.locator("#notice-title").text_content() != "The server can’t be reached":
            await page.clock.run_for(5000)
        await phase(page, "completed")
        assert await shown(page) == before
        await page.unroute("**/reason/**")
        await page.get_by_role("button", name="Reconnect").click()
        await expect(page.locator("#notice")).to_be_hidden()
        await phase(page, "completed")


async def test_a_tab_that_knows_less_does_not_write_over_one_that_knows_more(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        await ask(page, "in two tabs", budget=300, every=50)
        await hold(page, server)
        behind = await page.context.new_page()
        await behind.route("**/events", lambda route: route.abort())
        await behind.goto(page.url)
        await phase(behind, "thinking")
        await expect(behind.locator("#phase-text")).to_have_text("Reconnecting…")
        release(server)
        await phase(page, "completed")
        last = (await kept(page))[0]["last"]
        await behind.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
        assert (await kept(page))[0]["last"] == last
        await behind.reload()
        await phase(behind, "completed")
        assert (await shown(behind))["thinking"] == (await shown(page))["thinking"]


async def test_an_older_copy_from_another_tab_is_written_over_again(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        entry, session = await kept(page)
        other = await open_page(page.context, server.url, [])
        old = f"{json.dumps({**entry, 'last': 2})}\n{json.dumps({**session, 'last': 2, 'thinking': 'old'})}"
        await other.evaluate("([id, text]) => localStorage.setItem(`anytime.session.${id}`, text)", [entry["id"], old])
        await until(page, f"!localStorage.getItem('anytime.session.{entry['id']}').includes('old')")
        assert await kept(page) == [entry, session]


async def test_tabs_with_different_sessions_keep_both(served, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server:
        page = await new_page(server.url)
        other = await open_page(page.context, server.url, [])
        await asyncio.gather(ask(page, "one", budget=100), ask(other, "two", budget=100))
        release(server)
        await asyncio.gather(phase(page, "completed"), phase(other, "completed"))
        listed = page.locator("#history-list .history-question")
        await expect(listed).to_have_count(2)
        assert set(await listed.all_text_contents()) == {"one", "two"}


async def test_where_the_room_is_short_the_oldest_sessions_go_first(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        for question in ("one", "two"):
            await ask(page, question)
            await expect(page.locator("#asked")).to_have_text(question)
            await phase(page, "completed")
        await until(page, BOTH_WHOLE)
        taken = await page.evaluate("Object.values(localStorage).reduce((sum, text) => sum + text.length, 0)")
        await page.evaluate(FULL, int(taken * 1.2))
        await ask(page, "three")
        await expect(page.locator("#asked")).to_have_text("three")
        await phase(page, "completed")
        await expect(page.locator("#history-list .history-question")).to_have_text(["three", "two"])


async def test_a_thinking_without_room_is_kept_from_its_beginning_and_said_to_be_cut(served, proxied, new_page):
    async with served(thinking=ENDLESS) as server, served() as restarted, proxied(server.port) as proxy:
        page = await new_page(f"http://127.0.0.1:{proxy.port}/", own=True)
        await page.add_init_script(f"({FULL})(2600)")
        await page.reload()
        await ask(page, budget=1600, every=400)
        await phase(page, "completed")
        whole = await shown(page)
        await page.reload()
        await phase(page, "completed")
        assert await shown(page) == whole
        await expect(page.locator("#thinking-cut")).to_be_hidden()
        proxy.target = restarted.port
        proxy.cut()
        await page.reload()
        await phase(page, "lost")
        await expect(page.locator("#thinking-cut")).to_be_visible()
        cut = await shown(page)
        assert {**cut, "thinking": ""} == {**whole, "thinking": ""}
        beginning = cut["thinking"]
        assert 300 < len(beginning) < len(whole["thinking"])
        assert whole["thinking"].startswith(beginning)


async def test_a_storage_without_any_room_is_survived(served, new_page):
    async with served() as server:
        page = await new_page(server.url, own=True)
        await page.add_init_script(f"({FULL})(0)")
        await page.reload()
        await ask(page)
        await phase(page, "completed")
        await expect(page.locator("#value")).to_have_text("4")
        await page.reload()
        await phase(page, "completed")
        await expect(page.locator("#value")).to_have_text("4")


async def test_a_copy_that_is_broken_is_passed_over(served, new_page):
    async with served() as server:
        page = await new_page(server.url, own=True)
        await ask(page)
        await phase(page, "completed")
        before = await shown(page)
        key = await page.evaluate("'anytime.session.' + location.hash.slice(4)")
        await page.add_init_script(f"localStorage.setItem({json.dumps(key)}, sessionStorage.getItem('broken'))")
        for broken in ("", "{}", "null\nnull", '{"version":1,"id":"x","last":3}\n{"thinking":3}', "[1"):
            await page.evaluate("broken => sessionStorage.setItem('broken', broken)", broken)
            await page.reload()
            await phase(page, "completed")
            assert {**await shown(page), "question": ""} == {**before, "question": ""}, broken


async def test_what_has_been_cleared_does_not_come_back_as_the_page_goes(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        await page.get_by_role("button", name="Clear").click()
        await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
        assert await page.evaluate("Object.keys(localStorage).filter(key => key.includes('session'))") == []


async def test_a_question_that_is_being_written_survives_a_reload(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.locator("#question").press_sequentially("not asked y")
        await page.reload()
        await expect(page.locator("#question")).to_have_value("not asked y")
