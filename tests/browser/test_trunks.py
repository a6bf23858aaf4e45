"""Several thoughts at once, and an error rate, as the page asks for them."""

from playwright.async_api import expect

from browser.conftest import ask, phase


async def test_several_thoughts_are_asked_for_and_their_vote_is_told(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.get_by_text("Several thoughts").click()
        await page.fill("#consensus", "57")
        await page.check("#prune")
        await ask(page)
        await expect(page.locator("#trunks-error")).to_contain_text("two or more")
        await page.fill("#trunks", "3")
        await expect(page.locator("#side-by-side .in-force")).to_have_text("3 thoughts, 57% agreed, pruned")
        await page.get_by_text("Sampling").click()
        await page.fill("#temperature", "0.5")
        async with page.expect_request("**/reason") as sent:
            await ask(page)
        body = (await sent.value).post_data_json
        assert (body["trunks"], body["prune"], body["stop_when"]) == (3, True, {"consensus": 0.57})
        await phase(page, "completed")
        await expect(page.locator("#why")).to_contain_text("3 of 3 thoughts came to this answer.")


async def test_an_error_rate_can_be_asked_for_where_the_server_has_a_calibration(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.get_by_text("Stop early").click()
        await expect(page.locator("#risk")).to_be_disabled()
        await expect(page.locator("#risk")).to_have_attribute("placeholder", "not calibrated")
        await page.route("**/v1/models", _with_calibration)
        await page.reload()
        await page.get_by_text("Stop early").click()
        await page.fill("#risk", "5")
        await ask(page)
        await expect(page.locator("#risk-error")).to_contain_text("this server has no calibration")


async def _with_calibration(route):
    """Answer as a server that has been calibrated."""
    response = await route.fetch()
    cards = await response.json()
    cards["data"][0]["anytime"]["calibration"] = {"lowest_rate": 0.01}
    await route.fulfill(response=response, json=cards)


async def test_what_the_server_can_not_keep_is_told_at_its_control(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await page.get_by_text("Several thoughts").click()
        await page.fill("#trunks", "2")
        await ask(page)
        await expect(page.locator("#trunks-error")).to_contain_text("set temperature above 0")
