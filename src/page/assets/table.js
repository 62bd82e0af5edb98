// The table: what the charts show, for everybody. It sorts, pages, exports, and opens an event.

const PAGE_ROWS = 50;

let rowsFound = [];

const verdictText = (event) => (verdictOf(event) ?? "").replaceAll("_", " ");

function statusCell(event) {
  const tags = [isOpen(event) ? tag("open", "open") : make("span", { class: "quiet" }, "ended")];
  if (isMerged(event)) tags.push(tag("merged", "merged"));
  if (table.conflict[event] === 1) tags.push(tag("conflict", "bad"));
  if (table.stale[event] === 1) tags.push(tag("stale", "bad"));
  return tags;
}

const tag = (text, kind) => make("span", { class: `tag ${kind}` }, text);

function severityCell(event) {
  const mark = make("span", { class: "dot", "aria-hidden": "true" });
  mark.style.background = severityColour(table.severity[event]);
  return [mark, score(table.severity[event])];
}

const causeCell = (event) => make("bdi", {}, shortened(causeOf(event) ?? NO_CAUSE, 42));

function verdictCell(event) {
  const verdict = verdictOf(event);
  const parts = isNull(verdict) ? [] : [tag(verdictText(event), `verdict-${verdict}`)];
  if (table.edits[event] > 0 && isNull(verdict)) parts.push(tag("edited", ""));
  return parts;
}

// `value` sorts, `cell` shows, `plain` exports.
const COLUMNS = [
  { name: "store", title: "Store", value: storeOf, text: true },
  {
    name: "opened",
    title: "Opened (UTC)",
    value: (e) => table.opened[e],
    cell: (e) => minute(table.opened[e]),
    plain: (e) => iso(table.opened[e]),
  },
  {
    name: "length",
    title: "Length",
    number: true,
    value: lengthOf,
    cell: (e) => length(lengthOf(e)),
    plain: (e) => lengthOf(e),
  },
  {
    name: "status",
    title: "Status",
    value: (e) => (isOpen(e) ? "open" : "ended"),
    cell: statusCell,
  },
  {
    name: "severity",
    title: "Severity",
    number: true,
    value: (e) => table.severity[e],
    cell: severityCell,
  },
  {
    name: "impact",
    title: "Impact",
    number: true,
    value: (e) => table.impact[e],
    cell: (e) => roundAmount(table.impact[e]),
  },
  {
    name: "sales",
    title: "Sales",
    number: true,
    value: (e) => table.sales[e],
    cell: (e) => roundAmount(table.sales[e]),
  },
  {
    name: "baseline",
    title: "Baseline",
    number: true,
    value: (e) => table.baseline[e],
    cell: (e) => roundAmount(table.baseline[e]),
  },
  { name: "skus", title: "SKUs", number: true, value: (e) => table.skus[e] },
  { name: "reports", title: "Reports", number: true, value: (e) => table.reports[e] },
  { name: "cause", title: "Cause", value: (e) => causeOf(e) ?? "", cell: causeCell, text: true },
  { name: "verdict", title: "Verdict", value: (e) => verdictOf(e) ?? "", cell: verdictCell },
];

function sortRows(events) {
  const column = COLUMNS.find(({ name }) => name === filters.sort);
  const way = filters.down ? -1 : 1;
  const keys = new Array(size);
  for (const event of events) keys[event] = column.value(event);
  const order = (a, b) => {
    const x = keys[a];
    const y = keys[b];
    // What is not known comes last, whichever way.
    if (isNull(x) || isNull(y)) return isNull(x) - isNull(y) || a - b;
    if (typeof x === "string") return way * compareTexts(x, y) || a - b;
    return way * (x - y) || a - b;
  };
  return [...events].sort(order);
}

// Store 9 comes before store 10.
const collator = new Intl.Collator("en", { numeric: true });
const compareTexts = (x, y) => collator.compare(x, y);

function drawHead() {
  const cells = COLUMNS.map((column) => {
    const sorted = column.name === filters.sort;
    const state = sorted ? (filters.down ? "descending" : "ascending") : "none";
    const arrow = make("span", { "aria-hidden": "true", class: "arrow" },
      sorted ? (filters.down ? "\u25be" : "\u25b4") : "");
    const button = make(
      "button", { type: "button", "data-sort": column.name }, column.title, arrow);
    return make(
      "th", { scope: "col", "aria-sort": state, class: column.number ? "number" : null }, button);
  });
  element("head").replaceChildren(...cells);
}

function rowOf(event) {
  const cells = COLUMNS.map((column, at) => {
    const shown = column.cell ? column.cell(event) : column.value(event);
    const content = column.text && !column.cell
      ? make("bdi", {}, shortened(String(shown ?? ""), 24))
      : shown;
    const name = at === 0 ? "th" : "td";
    const attributes = {
      class: column.number ? "number" : null,
      scope: at === 0 ? "row" : null,
    };
    return make(name, attributes, content ?? "\u2013");
  });
  const attributes = {
    tabindex: "0",
    "data-event": event,
    "aria-selected": filters.event === event ? "true" : null,
  };
  attributes.class = filters.event === event ? "chosen" : null;
  delete attributes["aria-selected"];
  if (filters.event === event) attributes["aria-current"] = "true";
  return make("tr", attributes, ...cells);
}

function drawTable() {
  rowsFound = sortRows(filtered(filters));
  const last = Math.max(0, Math.ceil(rowsFound.length / PAGE_ROWS) - 1);
  filters.page = Math.min(filters.page, last);
  const first = filters.page * PAGE_ROWS;
  const shown = rowsFound.slice(first, first + PAGE_ROWS);
  drawHead();
  element("rows").replaceChildren(...shown.map(rowOf));
  element("none").hidden = rowsFound.length > 0;
  const to = first + shown.length;
  const said = rowsFound.length === 0 ? "No event"
    : `Events ${count(first + 1)}\u2013${count(to)} of ${count(rowsFound.length)}`;
  element("shown").textContent =
    rowsFound.length === size ? said : `${said}, filtered from ${count(size)}`;
  element("before").disabled = filters.page === 0;
  element("after").disabled = filters.page >= last;
}

// Turns to the page that holds an event, if the filters let it through.
function turnTo(event) {
  const at = rowsFound.indexOf(event);
  if (at >= 0) filters.page = Math.floor(at / PAGE_ROWS);
}

const rowElement = (event) => element("rows").querySelector(`[data-event="${event}"]`);

function startTable(change, choose) {
  element("head").addEventListener("click", ({ target }) => {
    const name = target.closest("button")?.dataset.sort;
    if (name === undefined) return;
    change({ sort: name, down: filters.sort === name ? !filters.down : false, page: 0 });
    element("head").querySelector(`[data-sort="${name}"]`).focus();
  });
  const rows = element("rows");
  rows.addEventListener("click", ({ target }) => {
    const row = target.closest("tr");
    if (row !== null) choose(Number(row.dataset.event));
  });
  rows.addEventListener("keydown", (pressed) => {
    const row = pressed.target.closest("tr");
    if (row === null) return;
    const moves = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling };
    if (pressed.key === "Enter" || pressed.key === " ") {
      pressed.preventDefault();
      choose(Number(row.dataset.event), true);
    } else if (pressed.key in moves) {
      pressed.preventDefault();
      moves[pressed.key]?.focus();
    }
  });
  element("before").addEventListener("click", () => change({ page: filters.page - 1 }));
  element("after").addEventListener("click", () => change({ page: filters.page + 1 }));
  element("export").addEventListener("click", exportTable);
}

// A text that a spreadsheet would take for a formula gets an apostrophe before it.
function csvCell(value, isText) {
  if (isNull(value)) return "";
  let text = String(value);
  if (isText && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv() {
  const head = ["event", ...COLUMNS.map(({ name }) => name), "window_start", "window_end"];
  const lines = rowsFound.map((event) => {
    const cells = COLUMNS.map((column) => {
      const value = (column.plain ?? column.value)(event);
      return csvCell(value, typeof value === "string");
    });
    const end = table.end[event];
    const window = [iso(table.start[event]), isNull(end) ? "" : iso(end)];
    return [csvCell(keyOf(event), true), ...cells, ...window].join(",");
  });
  return [head.join(","), ...lines, ""].join("\r\n");
}

function exportTable() {
  // The mark tells a spreadsheet that the text is UTF-8.
  const url = URL.createObjectURL(new Blob(["\ufeff", csv()], { type: "text/csv" }));
  make("a", { href: url, download: "events.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
