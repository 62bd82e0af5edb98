"""Takes the picture of the page that the README shows, of the demo's page.

shoot.py PAGE PICTURE
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main(page: Path, picture: Path) -> None:
    """Open the page with its most costly event, and take a picture."""
    with sync_playwright() as driver:
        found = os.environ["CHROMIUM"]
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1600, "height": 1180}, color_scheme="light")
        opened.goto(page.resolve().as_uri())
        opened.wait_for_selector("body.is-ready")
        opened.click("#rows tr >> nth=1")
        opened.wait_for_selector("#drawer:not([hidden])")
        opened.evaluate("scrollTo(0, 0)")
        opened.wait_for_timeout(500)
        opened.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
