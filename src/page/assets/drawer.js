// One event: its metrics tick by tick against the baseline, its lines, causes, edits and verdict.

const CHUNK_EVENTS = 250;

const chunks = new Map();
const wholePage = new Promise((resolve) => {
  if (document.readyState !== "loading") resolve();
  else document.addEventListener("DOMContentLoaded", () => resolve());
});
let metricsChart = null;
let drawn = null;
let cumulative = true;
let openedFrom = null;

// The details of an event are in the piece of the page that holds its number.
function detailsOf(event) {
  const chunk = Math.floor(event / CHUNK_EVENTS);
  if (!chunks.has(chunk)) {
    chunks.set(chunk, wholePage.then(() => unpackedJson(`details-${chunk}`)));
  }
  return chunks.get(chunk).then((all) => all[event % CHUNK_EVENTS]);
}

function fact(name, value) {
  return isNull(value) || value === "" ? [] : [make("dt", {}, name), make("dd", {}, value)];
}

const bdi = (text, longest = 400) =>
  (isNull(text) ? null : make("bdi", {}, shortened(text, longest)));

// A value that a person has edited, with the machine's beside it.
function edited(details, field, value) {
  const shown = bdi(value);
  if (!(field in details.machine)) return shown;
  const machine = details.machine[field];
  const was = make("span", { class: "quiet" }, " (machine: ", bdi(machine) ?? "nothing", ")");
  return [shown ?? "\u2013", was];
}

function otherEvent(event) {
  return make(
    "button", { type: "button", class: "link", "data-other": event }, bdi(keyOf(event), 60));
}

function listed(events) {
  return events.flatMap(
    (event, at) => (at === 0 ? [otherEvent(event)] : [", ", otherEvent(event)]));
}

function factsOf(event, details) {
  const open = isOpen(event);
  const continues = details.continues_event;
  const confidence = isNull(details.confidence) ? "" : ` (confidence ${score(details.confidence)})`;
  const cause = [edited(details, "proposed_cause", causeOf(event)) ?? "none found", confidence];
  const merged = table.merged_into[event];
  return [
    fact("Window",
      `${minute(table.start[event])} to ${open ? "now" : minute(table.end[event])} UTC`),
    fact("Opened", `${minute(table.opened[event])} UTC`),
    fact("Closed", open ? "not yet" : closedText(event, details)),
    fact("Severity", score(table.severity[event])),
    fact("Impact", amount(table.impact[event])),
    fact("Sales",
      `${amount(table.sales[event])} against ${amount(table.baseline[event])} expected`),
    fact("Cause", cause),
    fact("Category",
      edited(details, "proposed_cause_category", table.categories[table.category[event]])),
    fact("Evidence", bdi(details.evidence)),
    fact("Grouped by", edited(details, "cohort_reason", details.reason)),
    fact("Size",
      `${plural(table.reports[event] ?? 0, "report")}, ${plural(table.skus[event] ?? 0, "SKU")}`),
    fact("Continues", isNull(continues) ? bdi(details.continues_id) : otherEvent(continues)),
    fact("Merged into", merged >= 0 ? otherEvent(merged) : null),
    fact("Holds", details.merged.length > 0 ? listed(details.merged) : null),
    fact("Run", bdi(details.run)),
    fact("Event", make("code", {}, details.id)),
  ].flat();
}

function closedText(event, details) {
  const why = {
    quiet: "the store went quiet",
    max_duration: "it went on for too long, and was cut",
  };
  const reason = why[details.end_reason];
  return `${minute(details.closed)} UTC${reason === undefined ? "" : `: ${reason}`}`;
}

function judgement(event, details) {
  const verdict = verdictOf(event);
  const rows = [
    fact("Verdict",
      isNull(verdict) ? "not reviewed" : tag(verdictText(event), `verdict-${verdict}`)),
    fact("Review", reviewOf(event)),
    fact("Assignee", bdi(details.assignee)),
    fact("Note", bdi(details.note, 2000)),
    fact("Close reason", bdi(details.close_reason)),
    fact("Suppressed until",
      isNull(details.suppressed_until) ? null : `${minute(details.suppressed_until)} UTC`),
  ].flat();
  return make("dl", { class: "facts" }, ...rows);
}

function simpleTable(caption, titles, rows) {
  const head = titles.map(([title, kind]) => make("th", { scope: "col", class: kind }, title));
  const body = rows.map((row) =>
    make("tr", {},
      ...row.map((cell, at) => make("td", { class: titles[at][1] }, cell ?? "\u2013"))));
  const made = make("table", { class: "small" }, make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
  return make(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, made);
}

function editsOf(details) {
  if (details.trail.length === 0) return [];
  const rows = details.trail.map((edit) => [
    minute(edit.at),
    bdi(edit.by, 60),
    [edit.field, edit.holds ? null : make("span", { class: "quiet" }, " (reverted)")],
    [bdi(edit.before, 80) ?? "\u2013", " \u2192 ", bdi(edit.value, 80) ?? "\u2013"],
    bdi(edit.reason, 200),
  ]);
  const titles = [["At (UTC)"], ["By"], ["Field"], ["Change"], ["Reason"]];
  return [simpleTable("Edits, in the order in which they apply", titles, rows)];
}

function conflictsOf(details) {
  if (details.conflicts.length === 0) return [];
  const rows = details.conflicts.flatMap(({ version, column, said }) =>
    said.map(([run, value]) => [String(version), column, bdi(run, 80), bdi(value, 120)]));
  const titles = [["Version"], ["Column"], ["Run"], ["Says"]];
  return [simpleTable("Conflict: runs disagree about this event", titles, rows)];
}

function linesOf(details) {
  const rows = details.lines.map((line) => [
    isNull(line.sku) ? make("span", { class: "quiet" }, "whole store") : bdi(line.sku, 40),
    minute(line.start),
    count(line.ticks),
    score(line.severity),
    roundAmount(line.impact),
    bdi(line.cluster, 40),
  ]);
  const left = details.lines_left > 0
    ? `, those with the greatest impact of ${count(details.lines_left + rows.length)}`
    : "";
  const titles = [
    ["SKU"], ["Since (UTC)"], ["Ticks", "number"], ["Severity", "number"], ["Impact", "number"],
    ["Cluster"],
  ];
  return rows.length === 0 ? [] : [simpleTable(`Lines${left}`, titles, rows)];
}

// Sums of differences: instants in seconds, amounts in units of the event's own.
function series(details) {
  const { at, sales, baseline, severity, unit } = details.ticks;
  const totals = (steps, by) => {
    let sum = 0;
    return steps.map((step) => {
      if (step === null) return null;
      sum += step;
      return sum / by;
    });
  };
  return {
    at: totals(at, 1),
    sales: totals(sales, unit),
    baseline: totals(baseline, unit),
    severity: totals(severity, 1000),
  };
}

function stepwise(values) {
  let before = 0;
  return values.map((value) => {
    if (value === null) return null;
    const step = value - before;
    before = value;
    return step;
  });
}

function drawMetrics() {
  if (drawn === null || !chartsReady || drawn.details.ticks.at.length === 0) return;
  metricsChart ??= startMetrics();
  const all = series(drawn.details);
  const shape = cumulative ? (values) => values : stepwise;
  const points = (values) => values.map((value, at) => [all.at[at] * 1000, value]);
  // Some room on both sides shows where the window ends.
  const begin = Math.min(table.start[drawn.event], all.at[0]);
  const end = Math.max(endOf(drawn.event), all.at.at(-1));
  const room = Math.max(300, (end - begin) * 0.06);
  const few = all.at.length <= 24;
  const line = (name, values, extra) => ({
    name,
    type: "line",
    data: points(values),
    showSymbol: few,
    symbolSize: 5,
    ...extra,
  });
  const axis = (index, label) => ({
    type: "time",
    gridIndex: index,
    min: (begin - room) * 1000,
    max: (end + room) * 1000,
    axisLine: axisLine(),
    axisTick: { show: false },
    splitLine: { show: false },
    axisLabel: { ...font(), fontSize: 11, show: label, hideOverlap: true, formatter: instantLabel },
  });
  const value = (index, formatter) => ({
    type: "value",
    gridIndex: index,
    splitNumber: 3,
    axisLabel: { ...font(), fontSize: 11, formatter },
    splitLine: splitLine(),
  });
  const window = {
    silent: true,
    itemStyle: { color: palette().loss, opacity: isDark() ? 0.12 : 0.07 },
    data: [[{ xAxis: table.start[drawn.event] * 1000 }, { xAxis: endOf(drawn.event) * 1000 }]],
  };
  const sales = {
    itemStyle: { color: palette().sales },
    lineStyle: { color: palette().sales, width: 2 },
    markArea: window,
  };
  const baseline = {
    itemStyle: { color: palette().baseline },
    lineStyle: { color: palette().baseline, width: 1.5, type: "dashed" },
  };
  const severity = {
    xAxisIndex: 1,
    yAxisIndex: 1,
    step: "end",
    itemStyle: { color: palette().loss },
    lineStyle: { color: palette().loss, width: 2 },
    markArea: window,
  };
  metricsChart.resize();
  metricsChart.setOption(
    {
      animation: false,
      useUTC: true,
      legend: { show: false },
      axisPointer: {
        show: true,
        link: [{ xAxisIndex: "all" }],
        label: { show: false },
        lineStyle: { color: palette().quiet },
      },
      tooltip: { show: true, trigger: "axis", showContent: false },
      grid: [
        { left: 58, right: 14, top: 8, height: 122 },
        { left: 58, right: 14, top: 148, height: 52 },
      ],
      xAxis: [axis(0, false), axis(1, true)],
      yAxis: [
        value(0, shortAmount),
        { ...value(1, (number) => number.toFixed(1)), splitNumber: 2 },
      ],
      series: [
        line("Sales", shape(all.sales), { ...sales, connectNulls: true }),
        line("Baseline", shape(all.baseline), { ...baseline, connectNulls: true }),
        line("Severity", all.severity, severity),
      ],
    },
    { notMerge: true },
  );
  const [lastSales, lastBaseline] = [all.sales.at(-1), all.baseline.at(-1)];
  element("metrics").setAttribute("aria-label",
    `Sales, baseline and severity at ${plural(all.at.length, "tick")}: ${amount(lastSales)} sold, `
    + `${amount(lastBaseline)} expected, severity ${score(all.severity.at(-1))} at the end.`);
  drawn.series = all;
  readOut(all.at.length - 1);
}

// The tick that the pointer is at, in words: below the chart, where nothing is covered.
function readOut(at) {
  const all = drawn.series;
  const shape = cumulative ? (values) => values : stepwise;
  const [sales, baseline] = [shape(all.sales)[at], shape(all.baseline)[at]];
  const key = (name, kind) => make("span", { class: `key ${kind}` }, name);
  element("read-out").replaceChildren(
    make("span", { class: "quiet" }, `${minute(all.at[at])} UTC`),
    key(`sales ${amount(sales)}`, "sales"),
    key(`baseline ${amount(baseline)}`, "baseline"),
    key(`severity ${score(all.severity[at])}`, "severity"),
  );
}

async function drawDrawer() {
  const event = filters.event;
  const panel = element("drawer");
  document.body.classList.toggle("has-drawer", event !== null);
  panel.hidden = event === null;
  if (event === null) {
    drawn = null;
    return;
  }
  const details = await detailsOf(event);
  if (filters.event !== event) return;
  drawn = { event, details };
  element("drawer-title").replaceChildren(bdi(details.name, 160));
  element("drawer-tags").replaceChildren(...statusCell(event), ...verdictCell(event));
  element("facts").replaceChildren(...factsOf(event, details));
  element("judgement").replaceChildren(
    judgement(event, details), ...conflictsOf(details), ...editsOf(details));
  element("lines").replaceChildren(...linesOf(details));
  const thinned = details.ticks.every > 1 ? `Every ${details.ticks.every}th tick is drawn. ` : "";
  element("ticks-note").textContent = `${thinned}${details.ticks.exact ? "" : INEXACT}`;
  element("metrics-all").hidden = details.ticks.at.length === 0;
  drawMetrics();
}

const INEXACT =
  "Lines of one SKU overlap between ticks: the curves are close to the event's totals, not equal.";

function closeDrawer(choose) {
  const event = filters.event;
  choose(null);
  (rowElement(event) ?? openedFrom ?? element("head")).focus?.();
}

function startDrawer(choose) {
  element("drawer").addEventListener("click", ({ target }) => {
    const other = target.closest("[data-other]");
    if (other !== null) choose(Number(other.dataset.other), true);
  });
  element("close").addEventListener("click", () => closeDrawer(choose));
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && filters.event !== null) closeDrawer(choose);
  });
  for (const input of document.querySelectorAll("input[name=shape]")) {
    input.addEventListener("change", () => {
      cumulative = element("shape-total").checked;
      drawMetrics();
    });
  }
}

function startMetrics() {
  const chart = window.echarts.init(element("metrics"), null, { renderer: "canvas" });
  chart.on("updateAxisPointer", ({ axesInfo }) => {
    const value = axesInfo?.[0]?.value;
    if (value === undefined || drawn?.series === undefined) return;
    const nearest = drawn.series.at.reduce((best, at, index, all) =>
      (Math.abs(at * 1000 - value) < Math.abs(all[best] * 1000 - value) ? index : best), 0);
    readOut(nearest);
  });
  return chart;
}
