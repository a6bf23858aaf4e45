"""Different answers look different, however many there are, on every paper."""

import math
from itertools import combinations

import pytest
from playwright.async_api import expect

from browser.conftest import ask, phase
from browser.test_access import audit

MANY = 30
COUNTING = "a;" * 40
"""The fake engine's interim answer is the number of semicolons so far: a new one every two tokens."""

LOOKS = """async (count) => {
    const { dashes, look, marker } = await import("/playground/js/palette.js");
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const bytes = (colour) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    };
    const probe = document.createElement("span");
    document.body.append(probe);
    const found = Array.from({ length: count }, (_, n) => {
        probe.className = `mark ${look(n)}`;
        const { color, backgroundColor } = getComputedStyle(probe);
        return { colour: bytes(color), tint: bytes(backgroundColor), shape: marker(look(n), 0, 0, 1) };
    });
    probe.className = "verdict";
    return [found, bytes(getComputedStyle(probe).backgroundColor)];
}"""


def linear(colour):
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (byte / 255 for byte in colour)]


def contrast(one, other):
    """Return the contrast ratio of WCAG 2."""
    light, dark = sorted(
        (0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other))), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


def oklab(colour):
    """Return the place of a colour where distances are as the eye sees them (Björn Ottosson, 2020)."""
    r, g, b = linear(colour)
    cones = (
        0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
        0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
        0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
    )
    x, y, z = (math.cbrt(cone) for cone in cones)
    return (
        0.2104542553 * x + 0.7936177850 * y - 0.0040720468 * z,
        1.9779984951 * x - 2.4285922050 * y + 0.4505937099 * z,
        0.0259040371 * x + 0.7827717662 * y - 0.8086757660 * z,
    )


async def test_the_looks_differ_to_the_eye_and_have_the_contrast_of_text(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            looks, paper = await page.evaluate(LOOKS, MANY)
            for look in looks:
                assert contrast(look["colour"], paper) >= 4.5, scheme
                assert contrast(look["colour"], look["tint"]) >= 4.5, scheme
            for one, other in combinations(looks, 2):
                assert math.dist(oklab(one["colour"]), oklab(other["colour"])) > 0.035, scheme
        looks, _ = await page.evaluate(LOOKS, 64)
        assert len({look["shape"] for look in looks}) == 8
        assert len({(tuple(look["colour"]), look["shape"]) for look in looks}) == 64, "none comes again among many"


async def test_thirty_answers_have_thirty_colours_in_chart_legend_table_and_thinking(served, new_page):
    async with served(thinking=COUNTING) as server:
        page = await new_page(server.url)
        await ask(page, budget=2 * MANY + 2, every=2)
        await phase(page, "completed")
        await page.get_by_text("Show as a table").click()

        async def colours(selector, name):
            return await page.locator(selector).evaluate_all(
                "(nodes, name) => nodes.map(node => getComputedStyle(node)[name])", name
            )

        papers = []
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            papers += await colours("body", "backgroundColor")
            points = await colours("#chart .point", "fill")
            assert len(points) == len(set(points)) == MANY
            assert await colours("#legend svg", "fill") == points
            assert await page.locator("#legend li").all_text_contents() == [str(n) for n in range(1, MANY + 1)]
            assert await colours("#thinking .mark", "color") == points
            assert await colours("#chart-rows .swatch", "fill") == points
            await page.wait_for_timeout(50)
            assert await audit(page) == []
        assert len(set(papers)) == 2
        await page.emulate_media(forced_colors="active")
        shapes = await page.locator("#chart .point").evaluate_all(
            "nodes => nodes.map(n => n.getAttribute('d').replace(/[-\\\\d.]+/g, '0'))"
        )
        assert len(set(await colours("#chart .point", "fill"))) == MANY, "they keep theirs where colours are forced"
        assert len(set(shapes)) >= 3
        await expect(page.locator("#legend")).to_be_visible()


async def test_a_few_answers_are_named_in_the_chart_and_need_no_legend(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page)
        await phase(page, "completed")
        await expect(page.locator("#legend")).to_be_hidden()


async def test_a_long_question_is_shown_in_whole_lines(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        await ask(page, "one of many words " * 60)
        await phase(page, "completed")
        lines = await page.evaluate(
            "(asked => asked.clientHeight / parseFloat(getComputedStyle(asked).lineHeight))"
            "(document.querySelector('#asked'))"
        )
    assert abs(lines - 3) < 0.1


DIRECTION = "node => getComputedStyle(node).direction"


async def test_a_question_goes_in_the_direction_of_its_own_letters(served, new_page):
    async with served() as server:
        page = await new_page(server.url)
        for question, direction in [("Say שלום?", "ltr"), ("2+2, שלום?", "rtl")]:
            await ask(page, question)
            await phase(page, "completed")
            for place in ("#question", "#asked"):
                assert await page.locator(place).evaluate(DIRECTION) == direction
        await page.fill("#follow-up-question", "why?")
        await page.get_by_role("button", name="Follow up").click()
        await expect(page.locator("#turns .user")).to_be_visible()
        await phase(page, "completed")
        assert await page.locator("#asked").evaluate(DIRECTION) == "ltr"
        assert await page.locator("#turns .user").evaluate(DIRECTION) == "rtl"


@pytest.mark.parametrize("width", [360, 1024])
async def test_a_number_stays_in_one_piece(served, new_page, width):
    async with served(answer="It is 3.14159.\nAnswer: 3.14159") as server:
        page = await new_page(server.url, viewport={"width": width, "height": 760})
        await page.locator("#compare").check()
        await ask(page, budget=8)
        await phase(page, "completed")
        values = page.locator(".value", has_text="3.14159")
        await expect(values).to_have_count(2)
        lines = await values.evaluate_all(
            "values => values.map(value => value.clientHeight / parseFloat(getComputedStyle(value).lineHeight))"
        )
    assert max(lines) < 1.5
