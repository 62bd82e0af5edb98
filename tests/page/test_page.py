"""What the page shows, asks for and weighs, at 84 and at 10,000 events."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from lakes import Lake
from pages import Looked, Made, looking

MARKS = "Object.fromEntries(performance.getEntriesByType('mark').map(m => [m.name, m.startTime]))"


def shown(looked: Looked) -> int:
    """How many events the table says that it has."""
    found = re.search(r"of ([\d,]+)", looked.text("#shown"))
    return int(found[1].replace(",", "")) if found else 0


def test_figures_are_those_of_the_registry(browser: Browser, made: Made) -> None:
    lost = sum(-min(0.0, float(row["impact_estimate"] or 0)) for row in made.events)
    reviewed = [row["verdict"] for row in made.events if row["verdict"]]
    with looking(browser, made.path) as looked:
        assert shown(looked) == len(made.events)
        assert looked.text("#figure-events") == f"{len(made.events):,}"
        assert looked.text("#figure-open") == f"{made.number(event_status='active'):,}"
        assert float(looked.text("#figure-loss").replace(",", "")) == pytest.approx(lost, abs=1)
        confirmed = reviewed.count("confirmed")
        assert looked.text("#figure-reviewed") == f"{confirmed:,} of {len(reviewed):,}"
        assert "edit e000000 by mia" in looked.text("div.notice")


def test_weight_and_time(browser: Browser, made: Made) -> None:
    """The weight is bounded; the times are printed and decide nothing."""
    size = made.path.stat().st_size
    assert size < 10_000_000
    print(f"\n{len(made.events):,} events: {size / 1e6:.1f} MB")
    for slower in (1, 4):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        page.goto(made.path.as_uri())
        page.wait_for_selector("body.is-ready", timeout=120_000)
        marks = page.evaluate(MARKS)
        print(f"  {slower}x: table {marks['table']:.0f} ms, charts {marks['ready']:.0f} ms")
        context.close()


def test_page_is_the_same_bytes_again(made: Made) -> None:
    again = made.path.with_name("again.html")
    Lake(made.path.parent).page(again.name)
    assert again.read_bytes() == made.path.read_bytes()


def test_filters_narrow_and_stay_in_the_address(browser: Browser, made: Made) -> None:
    with looking(browser, made.path) as looked:
        page = looked.page
        page.select_option("#by-cause", "Flash sale")
        wanted = made.number(proposed_cause="Flash sale")
        assert 0 < wanted < len(made.events)
        assert shown(looked) == wanted
        page.select_option("#by-status", "open")
        wanted = made.number(proposed_cause="Flash sale", event_status="active")
        assert shown(looked) == wanted
        page.select_option("#by-status", "")
        page.select_option("#by-verdict", "confirmed")
        wanted = made.number(proposed_cause="Flash sale", verdict="confirmed")
        assert shown(looked) == wanted
        address = looked.address()
        assert "cause=Flash+sale" in address
        assert "verdict=confirmed" in address
    with looking(browser, made.path, f"#{address}") as looked:
        assert shown(looked) == wanted
        assert looked.page.input_value("#by-verdict") == "confirmed"
        looked.page.click("#clear")
        assert shown(looked) == len(made.events)
        assert not looked.address()


def test_stores_are_chosen_by_name_and_removed(browser: Browser, made: Made) -> None:
    with looking(browser, made.path) as looked:
        page = looked.page
        for store in ("103", "105"):
            page.fill("#by-store", store)
            page.press("#by-store", "Enter")
        assert shown(looked) == made.number(store_id="103") + made.number(store_id="105")
        assert "of the 2 stores chosen" in looked.text("#timeline-of")
        page.click("#chips button >> nth=0")
        assert shown(looked) == made.number(store_id="105")
        page.fill("#by-store", "no such store")
        page.press("#by-store", "Enter")
        assert page.is_visible("#no-store")
        page.fill("#find", "105:202503")
        looked.settle()
        assert shown(looked) == made.number(store_id="105")


def test_heat_map_leads_to_the_timeline_and_the_table(browser: Browser, made: Made) -> None:
    with looking(browser, made.path) as looked:
        page = looked.page
        page.mouse.click(*looked.place("heat", 0))
        looked.settle()
        chips = page.locator("#chips button").all_inner_texts()
        store, day = chips[0].split()[1], chips[1].split()[0]
        wanted = [
            row
            for row in made.events
            if row["store_id"] == store and row["created_at"].startswith(day)
        ]
        assert wanted
        assert shown(looked) == len(wanted)
        assert f"store={store}" in looked.address()
        assert f"on={day}" in looked.address()
        assert looked.text("#timeline-of") == f"of store {store}"
        # The timeline has zoomed to the day, and has the store's other days at its sides.
        zoom = looked.chart("timeline", "chart.getOption().dataZoom[0]")
        assert zoom["endValue"] - zoom["startValue"] < 2 * 86_400_000
        assert looked.chart("timeline", "chart.getOption().series[0].data.length") == made.number(
            store_id=store
        )
        page.mouse.click(*looked.place("heat", 0))
        looked.settle()
        assert shown(looked) == len(made.events)


def test_timeline_and_table_show_the_same_event(browser: Browser, made: Made) -> None:
    with looking(browser, made.path, "#store=104&store=107") as looked:
        page = looked.page
        page.mouse.click(*looked.place("timeline", 3))
        page.wait_for_selector("#drawer:not([hidden])")
        looked.settle()
        chosen = page.locator("tr[aria-current=true]")
        assert chosen.count() == 1
        event = chosen.get_attribute("data-event")
        assert event == str(
            looked.chart("timeline", "chart.getOption().series[0].data[3].value[3]")
        )
        assert "event=10" in looked.address()
        # And back: a row that is out of the timeline's sight brings it there.
        page.click("#close")
        span = "[chart.getOption().dataZoom[0].startValue, chart.getOption().dataZoom[0].endValue]"
        for _ in range(6):
            page.click("#zoom-in")
        from_zoom, to_zoom = looked.chart("timeline", span)
        page.click("#head [data-sort=opened]")
        page.locator("#rows tr").first.click()
        looked.settle()
        begin, end = looked.chart("timeline", span)
        assert (begin, end) != (from_zoom, to_zoom)
        opened = looked.chart(
            "timeline", "Math.min(...chart.getOption().series[0].data.map(d => d.value[0]))"
        )
        assert begin <= opened <= end


def test_timeline_turns_to_the_stores_of_an_event(browser: Browser, made: Made) -> None:
    with looking(browser, made.path) as looked:
        page = looked.page
        bars = "chart.getOption().series[0].data.map(d => String(d.value[3]))"
        shown = set(looked.chart("timeline", bars))
        events = "rows => rows.map(row => row.dataset.event)"
        away: list[str] = []
        while not away:
            rows = page.eval_on_selector_all("#rows tr", events)
            away = [event for event in rows if event not in shown]
            if page.locator("#after").is_disabled():
                break
            if not away:
                page.click("#after")
        # A page of few stores shows all of them.
        assert away or len(made.events) < 1000
        for event in away[:2]:
            page.click(f"#rows tr[data-event='{event}']")
            looked.settle()
            assert event in looked.chart("timeline", bars)


def test_pointer_shows_what_it_is_over(browser: Browser, made: Made) -> None:
    with looking(browser, made.path, "#store=104") as looked:
        page = looked.page
        page.mouse.move(*looked.place("timeline", 0))
        page.wait_for_selector("#tip:not([hidden])")
        tip = looked.text("#tip")
        assert "Store 104" in tip
        assert "Severity" in tip
        page.mouse.move(5, 5)
        page.wait_for_selector("#tip", state="hidden")
        page.mouse.move(*looked.place("heat", 0))
        page.wait_for_selector("#tip:not([hidden])")
        assert "Greatest severity" in looked.text("#tip")


def test_drawer_tells_the_event_tick_by_tick(browser: Browser, made: Made) -> None:
    row = next(row for row in made.events if row["verdict"] == "confirmed")
    with looking(browser, made.path, f"#event={row['cohort_id']}") as looked:
        page = looked.page
        label = page.get_attribute("#metrics", "aria-label") or ""
        sold, expected = row["attributed_sales_total"], row["baseline_sales_total"]
        assert f"{float(sold):,.2f} sold" in label
        assert f"{float(expected):,.2f} expected" in label
        # The lines add up to the event, so there is nothing to explain.
        assert not looked.text("#ticks-note")
        series = looked.chart("metrics", "chart.getOption().series.map(s => s.data.map(d => d[1]))")
        assert series[0] == sorted(series[0])
        assert series[0][-1] == pytest.approx(float(sold), abs=0.01)
        page.check("#shape-step")
        steps = looked.chart("metrics", "chart.getOption().series.map(s => s.data.map(d => d[1]))")
        assert sum(steps[1]) == pytest.approx(float(expected), abs=0.01)
        assert "confirmed" in looked.text("#judgement")
        assert "asked the store" in looked.text("#judgement")
        assert row["event_id"] in looked.text("#facts")
        assert "FRZ-0001" in looked.text("#lines")


def test_table_sorts_and_pages(browser: Browser, made: Made) -> None:
    with looking(browser, made.path) as looked:
        page = looked.page
        page.click("#head [data-sort=severity]")
        page.click("#head [data-sort=severity]")
        assert page.get_attribute("#head th:has([data-sort=severity])", "aria-sort") == "descending"
        most = max(row["severity_score"] for row in made.events)
        assert f"{most:.2f}" in looked.text("#rows tr >> nth=0")
        assert page.locator("#rows tr").count() == 50
        page.click("#after")
        assert looked.text("#shown").startswith("Events 51")
        assert "page=2" in looked.address()


def test_export_has_the_rows_of_the_filters(browser: Browser, made: Made, tmp_path: Path) -> None:
    with looking(browser, made.path, "#cause=Late+delivery") as looked:
        with looked.page.expect_download() as download:
            looked.page.click("#export")
        download.value.save_as(tmp_path / "events.csv")
    text = (tmp_path / "events.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    wanted = [row for row in made.events if row["proposed_cause"] == "Late delivery"]
    assert {row["event"] for row in rows} == {row["cohort_id"] for row in wanted}
    by_key = {row["cohort_id"]: row for row in wanted}
    for row in rows:
        there = by_key[row["event"]]
        assert float(row["impact"]) == pytest.approx(float(there["impact_estimate"]))
        assert row["window_start"][:19] == there["window_start"][:19]


def test_keyboard_reaches_everything(browser: Browser, made: Made) -> None:
    focus = "document.activeElement.dataset.event ?? document.activeElement.id"
    with looking(browser, made.path) as looked:
        page = looked.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.focus("#head [data-sort=opened]")
        page.keyboard.press("Enter")
        assert page.get_attribute("#head th:has([data-sort=opened])", "aria-sort") == "ascending"
        page.focus("#rows tr >> nth=0")
        first = page.evaluate(focus)
        page.keyboard.press("ArrowDown")
        second = page.evaluate(focus)
        assert first != second
        page.keyboard.press("Enter")
        page.wait_for_selector("#drawer:not([hidden])")
        looked.settle()
        assert page.evaluate(focus) == "close"
        page.keyboard.press("Escape")
        page.wait_for_selector("#drawer", state="hidden")
        looked.settle()
        assert page.evaluate(focus) == second


def test_paper_is_light_and_narrow(browser: Browser, made: Made, tmp_path: Path) -> None:
    with looking(browser, made.path, color_scheme="dark") as looked:
        page = looked.page
        seen = """() => [document.documentElement.dataset.theme ?? "none",
            echarts.getInstanceByDom(document.getElementById("timeline")).getWidth()]"""
        page.evaluate(f"""() => {{
            window.onPaper = [];
            addEventListener("beforeprint", () => window.onPaper.push(({seen})()));
        }}""")
        before = page.evaluate(seen)
        page.pdf(path=str(tmp_path / "page.pdf"))
        ((theme, width),) = page.evaluate("window.onPaper")
        assert theme == "light"
        assert width <= 700
        looked.settle()
        assert page.evaluate(seen) == before
        assert (tmp_path / "page.pdf").stat().st_size > 10_000


def test_dark_and_light_are_chosen_or_the_system_s(browser: Browser, made: Made) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    dark, light = "rgb(18, 24, 30)", "rgb(245, 247, 249)"
    with looking(browser, made.path, color_scheme="dark") as looked:
        page = looked.page
        assert page.evaluate(ground) == dark
        label = "chart.getOption().yAxis[0].axisLabel.color"
        assert looked.chart("heat", label) == "#e4e9ee"
        page.click("#theme")
        assert page.evaluate(ground) == light
        assert looked.chart("heat", label) == "#1f2933"
        page.click("#theme")
        assert page.evaluate(ground) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, made: Made, scheme: Literal["light", "dark"]) -> None:
    key = next(row["cohort_id"] for row in made.events if row["verdict"] == "confirmed")
    for hash in ("", f"#event={key}"):
        context = browser.new_context(viewport={"width": 1600, "height": 1000}, color_scheme=scheme)
        # The checker is a script of its own, which the page's policy would not let in.
        session = context.new_cdp_session(page := context.new_page())
        session.send("Page.setBypassCSP", {"enabled": True})
        page.goto(f"{made.path.as_uri()}{hash}")
        page.wait_for_selector("body.is-ready", timeout=120_000)
        found = Axe().run(page)
        problems = [
            (problem["id"], [node["html"][:200] for node in problem["nodes"]])
            for problem in found.response["violations"]
        ]
        assert problems == [], json.dumps(problems, indent=1)
        assert len(found.response["passes"]) > 20
        context.close()
