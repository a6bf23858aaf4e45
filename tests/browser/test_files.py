"""How the page and its files are served, and that the API's own page needs no network either."""

import re

import pytest
from playwright.async_api import expect

from anytime_server.playground.files import STATIC, version


async def test_the_page_has_a_strict_policy_and_is_revalidated(served):
    async with served() as server:
        page = await server.client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-cache"
        again = await server.client.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == policy
        weakened = await server.client.get("/", headers={"If-None-Match": f"W/{page.headers['etag']}"})
        assert weakened.status_code == 304, "a proxy that compresses does that to it"


async def test_what_the_page_needs_is_asked_for_once_and_again_when_it_is_another(served):
    async with served() as server:
        text = (await server.client.get("/")).text
        script = re.search('src="(playground/[^"]*/js/main.js)"', text)[1]
        kept = await server.client.get(f"/{script}")
        assert "immutable" in kept.headers["cache-control"]
        for other in ("/playground/js/main.js", f"/{script.replace(version(), 'v-0123456789abcdef')}"):
            response = await server.client.get(other)
            assert (response.text, response.headers["cache-control"]) == (kept.text, "no-cache")
        named = re.findall('(?:src|href)="(playground/[^"]*)"', text)
        assert len(named) > 5
        assert all(name.startswith(f"playground/{version()}/") for name in named)


async def test_a_second_look_asks_for_the_page_alone(served, new_page):
    async with served() as server:
        page = await new_page(server.url, own=True)
        await page.reload()
        await expect(page.locator("#examples button").first).to_be_visible()
        asked = await page.evaluate(
            "performance.getEntriesByType('resource')"
            ".filter(each => each.name.includes('/playground/') && each.transferSize).map(each => each.name)"
        )
        assert asked == []


@pytest.mark.parametrize("path", ["/playground", "/playground/"])
async def test_who_guesses_the_address_of_the_page_gets_to_it(served, path):
    async with served() as server:
        page = await server.client.get(path, follow_redirects=True)
        assert (page.status_code, page.url.path) == (200, "/")


async def test_every_file_is_served_as_what_it_is(served):
    types = {
        ".js": "javascript",
        ".mjs": "javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
        ".html": "text/html",
    }
    async with served() as server:
        for file in filter(lambda path: path.is_file() and path.suffix in types, STATIC.rglob("*")):
            response = await server.client.get(f"/playground/{file.relative_to(STATIC).as_posix()}")
            assert response.status_code == 200
            assert types[file.suffix] in response.headers["content-type"]


async def test_vendored_files_may_be_kept_and_carry_their_licence(served):
    folders = [folder for folder in (STATIC / "vendor").iterdir() if folder.is_dir()]
    assert all((folder / "LICENSE").is_file() for folder in folders)
    async with served() as server:
        response = await server.client.get(f"/playground/vendor/{folders[0].name}/LICENSE")
        assert "immutable" in response.headers["cache-control"]


@pytest.mark.parametrize("path", ["/playground/nothing.js", "/playground/%2e%2e/files.py", "/playground/vendor"])
async def test_what_is_not_there_is_an_error_like_any_other(served, path):
    async with served() as server:
        response = await server.client.get(path)
        assert response.status_code == 404
        assert response.json()["error"]["type"] == "not_found_error"


async def test_the_pages_of_the_api_need_no_network(served, browser):
    async with served() as server:
        page = await browser.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{server.url}docs")
        await expect(page.get_by_text("/reason", exact=False).first).to_be_visible()
        await page.close()
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


async def test_the_pages_of_the_api_work_behind_a_proxy_that_strips_a_prefix(served, browser):
    async with served() as server:
        page = await browser.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))

        async def strip(route):
            await route.fulfill(response=await route.fetch(url=route.request.url.replace("/prefix/", "/", 1)))

        await page.route(f"{server.url}prefix/**", strip)
        await page.goto(f"{server.url}prefix/docs")
        await page.locator("[id$=-healthz] .opblock-summary-control").click()
        await page.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Execute").click()
        await expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
        await page.close()
    assert [url for url in asked if not url.startswith((f"{server.url}prefix/", "data:", "blob:"))] == []
