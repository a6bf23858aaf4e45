"""Takes docs/images/playground.png from a server of the embedded model: a right answer, and the changes it took.

usage: anytime serve & python docs/images/playground.py [URL]
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

CHANGES = 4
RIGHT = "48"
ATTEMPTS = 60


def main(url: str) -> None:
    """Ask the first example until a run fits, and take its picture at twice the size."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1240, "height": 1000}, device_scale_factor=2, color_scheme="light")
        page.goto(url)
        if not any(fits(page) for _ in range(ATTEMPTS)):
            sys.exit(f"none of {ATTEMPTS} runs changed its answer {CHANGES} times to {RIGHT}; run it again")
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        picture = Image.open(io.BytesIO(page.screenshot()))
        picture.quantize(256).save(Path(__file__).with_suffix(".png"), optimize=True)
        browser.close()


def fits(page: Page) -> bool:
    """Ask; return whether the answer is right and what it took is worth a picture."""
    if page.get_by_role("button", name="Clear").is_visible():
        page.get_by_role("button", name="Clear").click()
    before = page.url
    page.get_by_role("button", name="Closest").click()
    page.wait_for_url(lambda url: url != before)
    page.wait_for_selector("#run[data-phase=completed]")
    changes = page.locator("#chart .point.change").count()
    return changes >= CHANGES and page.locator("#value").text_content() == RIGHT


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000")
