"""The fixtures: a browser, pages of 84 and of 10,000 events, and what they hold."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from lakes import CAUSES, VERDICTS, Lake, edit, events

#: Stores, events in each, and ticks of each event.
SIZES = {84: (12, 7, 10), 10_000: (500, 20, 48)}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as driver:
        found = os.environ["CHROMIUM"]
        # In a container there is no sandbox to be had, and /dev/shm is small.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        yield driver.chromium.launch(executable_path=found, args=options)


@dataclass
class Looked:
    """A page that is being looked at, and what it did that it must not do."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        """What people read there."""
        return str(self.page.inner_text(selector))

    def settle(self) -> None:
        """Wait until what was asked for is drawn, and what is typed has been waited for."""
        self.page.evaluate("""() => new Promise((done) => {
            setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 250);
        })""")

    def address(self) -> str:
        """What follows the # in the address."""
        return str(self.page.url).partition("#")[2]

    def chart(self, name: str, script: str) -> Any:
        """Evaluate a script of a chart, which it calls `chart`."""
        found = "echarts.getInstanceByDom(document.getElementById(name))"
        return self.page.evaluate(f"(name) => {{ const chart = {found}; return {script}; }}", name)

    def place(self, name: str, item: int) -> tuple[float, float]:
        """Where in the window the middle of a chart's item is."""
        middle = "(chart) => chart.scrollIntoView({ block: 'center', behavior: 'instant' })"
        self.page.locator(f"#{name}").evaluate(middle)
        self.settle()
        script = f"""(() => {{
            const [x, y, to] = chart.getOption().series[0].data[{item}].value;
            const end = to ?? x;
            const [left, top] = chart.convertToPixel({{ xAxisIndex: 0, yAxisIndex: 0 }}, [x, y]);
            const [right] = chart.convertToPixel({{ xAxisIndex: 0, yAxisIndex: 0 }}, [end, y]);
            const box = chart.getDom().getBoundingClientRect();
            return [box.left + (to === undefined ? left + 3 : (left + right) / 2), box.top + top];
        }})()"""
        x, y = self.chart(name, script)
        return x, y


@contextmanager
def looking(
    browser: Browser, path: Path, hash: str = "", **options: Any
) -> Generator[Looked, None, None]:
    """Open a page in a browser of its own; afterwards it must have kept silent and alone."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, **options)
    looked = Looked(context.new_page())
    page = looked.page
    page.on("console", lambda line: looked.said.append(f"{line.type}: {line.text}"))
    page.on("pageerror", lambda error: looked.said.append(f"error: {error}"))
    page.on("dialog", lambda dialog: looked.said.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: looked.asked.append(request.url))
    address = path.as_uri()
    page.goto(f"{address}{hash}")
    page.wait_for_selector("body.is-ready", timeout=120_000)
    try:
        yield looked
    finally:
        context.close()
    assert looked.said == []
    others = [url for url in looked.asked if not url.startswith((address, "data:", "blob:"))]
    assert others == []


@pytest.fixture(scope="session", params=SIZES, ids=str)
def lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake of so many events, some of them reviewed by people."""
    return lake_of(request.param, tmp_path_factory.mktemp(f"lake-{request.param}"))


def lake_of(size: int, folder: Path) -> Lake:
    """A lake of so many events; people gave a verdict on every ninth."""
    stores, each, ticks = SIZES[size]
    lake = Lake(folder)
    events(lake, [str(101 + at) for at in range(stores)], each, ticks, texts=[*CAUSES, ""])
    lake.write()
    lake.run("march")
    rows = [edit("0" * 64, 0, "note", "of no event")]
    for number, row in enumerate(lake.registry()):
        if number % 9 == 0:
            verdict = VERDICTS[number // 9 % len(VERDICTS)]
            rows.append(edit(row["event_id"], number + 1, "verdict", verdict))
    lake.rows["user_minority_events_edits_log"] = rows
    lake.write()
    return lake


@dataclass(frozen=True)
class Made:
    """A page and the registry that it shows."""

    path: Path
    events: list[dict[str, Any]]

    def number(self, **wanted: Any) -> int:
        """How many events have these values."""
        return sum(all(row[key] == value for key, value in wanted.items()) for row in self.events)


@pytest.fixture(scope="session")
def made(lake: Lake) -> Made:
    """The page of a lake."""
    return Made(lake.page(), lake.registry())
