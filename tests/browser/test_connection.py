"""What happens to a page whose connection breaks, and whose server goes away or comes back without the session."""

from playwright.async_api import expect

from browser.conftest import ENDLESS, SLOW_S, ask, hold, phase, release


async def test_a_dropped_connection_is_taken_up_where_it_broke_off(served, proxied, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server, proxied(server.port) as proxy:
        page = await new_page(f"http://127.0.0.1:{proxy.port}/")
        await ask(page, budget=400, every=50)
        await hold(page, server)
        proxy.up = False
        proxy.cut()
        await expect(page.locator("#phase-text")).to_have_text("Reconnecting…")
        for button in ("#answer-now", "#cancel", "#extend"):
            await expect(page.locator(button)).to_have_attribute("aria-disabled", "true")
        await expect(page.locator("#answer-now")).to_have_text("Reconnecting…")
        before = await page.locator("#thinking").text_content()
        release(server)
        proxy.up = True
        await phase(page, "completed")
        await expect(page.locator("#spent")).to_have_text("400 of 400 tokens")
        whole = await page.evaluate(
            "fetch(`reason/${location.hash.slice(4)}`).then(r => r.json()).then(d => d.thinking)"
        )
        shown = await page.locator("#thinking > div").evaluate_all(
            "all => all.flatMap(block => [...block.childNodes]).map(child => child.data ?? '').join('')"
        )
        assert shown == whole
        assert len(before) < len(whole)
        await expect(page.locator("#notice")).to_be_hidden()


async def test_a_server_that_came_back_without_the_session_says_so_and_nothing_shown_is_lost(served, proxied, new_page):
    async with served(thinking=ENDLESS, pause_s=SLOW_S) as server, served() as restarted, proxied(server.port) as proxy:
        page = await new_page(f"http://127.0.0.1:{proxy.port}/")
        await ask(page, "a long one", budget=400, every=50)
        await hold(page, server)
        answer = await page.locator("#value").text_content()
        proxy.target = restarted.port
        proxy.cut()
        await phase(page, "lost")
        await expect(page.locator("#notice-title")).to_have_text("The server no longer has this session")
        await expect(page.locator("#value")).to_have_text(answer)
        await expect(page.locator("#thinking")).to_contain_text("think; think")
        await expect(page.locator("#history-list .history-value").first).to_have_text(answer)
        release(server)
        await page.get_by_role("button", name="Ask again").click()
        await phase(page, "completed")
        await expect(page.locator("#asked")).to_have_text("a long one")
        await expect(page.locator("#notice")).to_be_hidden()


async def test_history_shows_a_session_that_the_server_has_forgotten(served, proxied, new_page):
    async with served() as server, served() as restarted, proxied(server.port) as proxy:
        page = await new_page(f"http://127.0.0.1:{proxy.port}/")
        await ask(page, "kept here")
        await phase(page, "completed")
        proxy.target = restarted.port
        proxy.cut()
        for _ in range(2):
            await page.get_by_role("link", name="Anytime, a new question").click()
            await phase(page, "idle")
            await page.locator("#history-list a").click()
            await phase(page, "lost")
            await expect(page.locator("#asked")).to_have_text("kept here")
            await expect(page.locator("#value")).to_have_text("4")
            await expect(page.locator("#chart-rows tr")).to_have_count(3)


async def test_a_link_to_an_unknown_session_says_so(served, new_page):
    async with served() as server:
        page = await new_page(f"{server.url}#/s/rsn_unknown")
        await expect(page.locator("#notice-title")).to_have_text("The server no longer has this session")
        await expect(page.get_by_role("button", name="Ask again")).to_be_hidden()


async def test_no_server_at_all_is_told_and_can_be_tried_again(served, proxied, new_page):
    async with served() as server, proxied(server.port) as proxy:
        page = await new_page(f"http://127.0.0.1:{proxy.port}/")
        proxy.up = False
        proxy.cut()
        await ask(page)
        await expect(page.locator("#notice-title")).to_have_text("The server can’t be reached")
        proxy.up = True
        await page.get_by_role("button", name="Try again").click()
        await phase(page, "completed")
