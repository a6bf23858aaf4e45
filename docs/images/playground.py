"""Takes docs/images/playground.png from a server of the embedded model: the first run of the first example, seeded.

usage: anytime serve & python docs/images/playground.py [URL]
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SEED = "1"


def main(url: str) -> None:
    """Ask what the page is ready to ask, and take its picture at twice the size."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1240, "height": 1000}, device_scale_factor=2, color_scheme="light")
        page.goto(url)
        page.locator("#sampling summary").click()
        page.fill("#seed", SEED)
        page.locator("#sampling summary").click()
        page.get_by_role("button", name="Ask", exact=True).click()
        page.wait_for_selector("#run[data-phase=completed]")
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        picture = Image.open(io.BytesIO(page.screenshot()))
        picture.quantize(256).save(Path(__file__).with_suffix(".png"), optimize=True)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000")
