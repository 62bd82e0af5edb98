"""Texts that attack, runs that disagree, and checks that found something: on one small page."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from lakes import Lake, edit, events
from pages import looking

#: What each would do, if anything took it for more than a text: set `window.hit`, open a dialog,
#: ask the network, close an element, run in a spreadsheet, or turn the text around it.
TEXTS = [
    "<script>window.hit = 1</script>",
    "</script><script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "<svg onload=window.hit=1><a href='javascript:alert(1)'>x</a></svg>",
    "<b>bold</b> &amp; &lt;i&gt; \"quoted\" 'so'",
    "![x](https://example.invalid/x.png) [y](javascript:alert(1)) | `z`",
    '=HYPERLINK("https://example.invalid","x")',
    "+1+cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(1)",
    "\u202egnp.exe \u2066a\u2069 \u200f",
    "line\nbreak\r\n\ttab \u001b[31mred\u001b[0m \u0007",
    "{{7*7}} ${7*7} #{7*7} <%= 7 %>",
    "{b|rich} {a|text}",
    "--> <!-- ]]> <![CDATA[",
    "\U0001f4a5" * 300,
    "x" * 20_000,
    "constructor",
    "__proto__",
]
#: Every text and label of the page.
SEEN = """() => [...document.querySelectorAll("body *:not(script)")].map((element) => [
    element.getAttribute("aria-label") ?? "",
    ...[...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data),
]).flat().join(" | ")"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake in which every text attacks; runs overlap and disagree; one run is stale."""
    lake = Lake(tmp_path_factory.mktemp("hostile"))
    events(lake, TEXTS, 3, 4, texts=TEXTS)
    for row in lake.rows["minority_reports_detected_log"]:
        row["sku"] = row["cluster_name"] = row["supporting_evidence"] = row["proposed_cause"]
        row["proposed_cause_category"] = row["proposed_cause"]
    lake.write()
    lake.run("whole")
    rows = []
    for number, event in enumerate(lake.registry()):
        text = TEXTS[number % len(TEXTS)]
        for place, what in enumerate(("note", "assignee", "cohort_name", "nothing")):
            more = {"reason": text, "edited_by": text}
            rows.append(edit(event["event_id"], number * 9 + place, what, text, **more))
        verdict = edit(event["event_id"], number * 9 + 5, "verdict", "confirmed")
        rows.append(verdict)
    lake.rows["user_minority_events_edits_log"] = rows
    # Another run for the same time, over other reports.
    for row in lake.rows["minority_reports_detected_log"]:
        row["severity"] = min(1.0, row["severity"] + 0.05)
    lake.write()
    lake.run("again", "--interval-start", "2025-03-01T00:00:00Z")
    return lake


@pytest.fixture(scope="module")
def page(lake: Lake) -> Path:
    """Its page."""
    return lake.page()


def test_texts_are_shown_and_never_obeyed(browser: Browser, page: Path) -> None:
    with looking(browser, page) as looked:
        scripts = looked.page.locator("script").count()
        for number in range(len(TEXTS)):
            looked.page.locator("#rows tr").nth(number).click()
            looked.page.wait_for_selector("#drawer:not([hidden])")
        looked.settle()
        for chart in ("trend", "causes", "heat", "timeline"):
            box = looked.page.locator(f"#{chart}").bounding_box()
            assert box
            looked.page.locator(f"#{chart}").hover(position={"x": box["width"] / 2, "y": 60})
        for select in ("by-cause", "by-verdict"):
            looked.page.locator(f"#{select}").focus()
        assert looked.page.evaluate("window.hit") is None
        assert looked.page.locator("script").count() == scripts
        assert looked.page.locator("img, svg, iframe, object, a[href^=javascript]").count() == 0
        seen = looked.page.evaluate(SEEN)
        assert "\\u{202e}gnp.exe" in seen
        assert not set("\u202e\u2066\u200f\u001b\u0007") & set(seen)
        assert TEXTS[0] in looked.text("#rows")


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_any_store_can_be_chosen_and_is_kept_in_the_address(
    browser: Browser, page: Path, number: int
) -> None:
    with looking(browser, page) as looked:
        options = "[...document.querySelectorAll('#store-names option')].map(o => o.value)"
        looked.page.focus("#by-store")
        names = looked.page.evaluate(options)
        assert len(names) == len(TEXTS)
        looked.page.fill("#by-store", names[number])
        looked.page.press("#by-store", "Enter")
        assert "of 3, filtered" in looked.text("#shown")
        address = looked.address()
    with looking(browser, page, f"#{address}") as looked:
        assert "of 3, filtered" in looked.text("#shown")


def test_spreadsheets_get_no_formula(browser: Browser, page: Path, tmp_path: Path) -> None:
    with looking(browser, page) as looked:
        with looked.page.expect_download() as download:
            looked.page.click("#export")
        download.value.save_as(tmp_path / "events.csv")
    with (tmp_path / "events.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 1 + 3 * len(TEXTS)
    for row in rows[1:]:
        for name, cell in zip(rows[0], row, strict=True):
            if name in {"event", "store", "cause"}:
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    stores = {row[1].removeprefix("'") for row in rows[1:]}
    assert stores == set(TEXTS)


def test_runs_that_disagree_are_named(browser: Browser, page: Path) -> None:
    with looking(browser, page, "#status=conflict") as looked:
        assert "severity_score in again and whole" in looked.text("div.notice >> nth=0")
        assert "of 57" in looked.text("#shown")
        looked.page.locator("#rows tr").first.click()
        looked.page.wait_for_selector("#drawer:not([hidden])")
        assert "runs disagree about this event" in looked.text("#judgement")


def test_edits_that_do_not_apply_are_listed(browser: Browser, page: Path) -> None:
    with looking(browser, page) as looked:
        assert "Edits that do not apply" in looked.text("div.notice >> nth=1")
        assert "and 45 more" in looked.text("div.notice >> nth=1")


def test_html_without_a_script_says_so_and_shows_what_it_can(browser: Browser, page: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(page.as_uri())
    assert "need JavaScript" in opened.inner_text("noscript")
    assert "severity_score in again and whole" in opened.inner_text("main")
    assert "minority_reports_detected_log" in opened.inner_text("main")
    context.close()


def test_what_is_stale_is_named(browser: Browser, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "stale")
    events(lake, ["101", "102"], 3, 4, texts=["Flash sale"])
    lake.write()
    lake.run("march")
    sound = lake.verify()
    # A late row: one event is another now.
    reports = lake.rows["minority_reports_detected_log"]
    reports[0]["severity"] = 1.0
    lake.write()
    stale = lake.verify()
    with looking(browser, lake.page("sound.html", "--verify", str(sound))) as looked:
        assert "1 run checked: all of them stand" in looked.text("div.notice")
    with looking(browser, lake.page("stale.html", "--verify", str(stale))) as looked:
        assert "march: stale, 1 event would change" in looked.text("div.notice")
        looked.page.select_option("#by-status", "stale")
        assert "of 1, filtered" in looked.text("#shown")
        assert "stale" in looked.text("#rows tr >> nth=0")


def test_what_is_merged_counts_once(browser: Browser, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "merged")
    events(lake, ["101", "102"], 3, 4, texts=["Flash sale"])
    lake.rows["minority_reports_detected_log"].append(
        lake.rows["minority_reports_detected_log"][0] | {"store_id": None}
    )
    lake.write()
    lake.run("march")
    first, second, *_ = lake.registry()
    merge = edit(second["event_id"], 1, "merged_into", first["event_id"])
    lake.rows["user_minority_events_edits_log"] = [merge]
    lake.write()
    rows = {row["event_id"]: row for row in lake.registry()}
    lost = sum(
        -min(0.0, float(row["impact_estimate"] or 0))
        for row in rows.values()
        if not row["merged_into"]
    )
    with looking(browser, lake.page(), f"#event={second['cohort_id']}") as looked:
        assert looked.text("#figure-events") == "5"
        assert looked.text("#figure-loss") == f"{lost:,.0f}"
        assert f"Merged into\n{first['cohort_id']}" in looked.text("#facts")
        looked.page.click("#facts [data-other]")
        looked.settle()
        assert f"Holds\n{second['cohort_id']}" in looked.text("#facts")
        # Its curves are of its own lines, and end at its own totals.
        assert not looked.text("#ticks-note")
        # And a row that was rejected is told of.
        assert "1 row rejected" in looked.text("section[aria-labelledby=quality-title]")
        assert "missing_store_id 1" in looked.text("section[aria-labelledby=quality-title]")
