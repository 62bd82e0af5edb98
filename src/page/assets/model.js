// The events, as columns that are read by an event's number, and what is asked of them.

const NO_CAUSE = "\u2013";
const NO_VERDICT = "none";

// A cause as a filter has it: its text, and for no cause a dash. A text that could be taken for the
// dash, or for no filter, has an equals sign before it.
function causeKey(cause) {
  if (cause === null) return NO_CAUSE;
  return cause === "" || cause === NO_CAUSE || cause.startsWith("=") ? `=${cause}` : cause;
}

const causeTitle = (key, length) =>
  (key === NO_CAUSE ? "no cause found" : shortened(key.replace(/^=/, ""), length));

let table = null;
let size = 0;
// Of the whole page: the first and last instant, and how long a column of the charts is.
const span = { from: 0, to: 0, step: DAY, steps: 0 };

const storeOf = (event) => table.stores[table.store[event]];
const causeOf = (event) => (table.cause[event] < 0 ? null : table.causes[table.cause[event]]);
const isOpen = (event) => table.open[event] === 1;
const isMerged = (event) => table.merged_into[event] >= 0;
const verdictOf = (event) => table.verdicts[table.verdict[event]];
const reviewOf = (event) => table.reviews[table.review[event]];
const lossOf = (event) => Math.max(0, -(table.impact[event] ?? 0));
const stepOf = (event) => Math.floor((table.opened[event] - span.from) / span.step);
const endOf = (event) => table.end[event] ?? table.last[event];
const lengthOf = (event) => endOf(event) - table.start[event];

// The readable key of SPEC's section 3: the store and the instant at which the event opened.
function keyOf(event) {
  const text = new Date(table.opened[event] * 1000).toISOString();
  const us = Math.round((table.opened[event] % 1) * 1e6);
  const fraction = us === 0 ? "" : `.${String(us).padStart(6, "0")}`;
  return `${storeOf(event)}:${text.slice(0, 19).replace(/[-:]/g, "")}${fraction}Z`;
}

function eventOf(key) {
  for (let event = 0; event < size; event += 1) if (keyOf(event) === key) return event;
  return null;
}

// Columns of an hour, a day or more: never so many that one is narrower than a pixel.
const STEPS = [HOUR, DAY, 7 * DAY, 28 * DAY, 364 * DAY, 3640 * DAY];

function setTable(loaded) {
  table = loaded;
  size = table.store.length;
  let from = table.from;
  let to = table.to;
  for (let event = 0; event < size; event += 1) {
    from = Math.min(from, table.opened[event]);
    to = Math.max(to, endOf(event));
  }
  const wanted = to - from <= 2 * DAY ? STEPS : STEPS.slice(1);
  span.step = wanted.find((step) => (to - from) / step <= 400) ?? STEPS.at(-1);
  span.from = Math.floor(from / span.step) * span.step;
  span.steps = Math.max(1, Math.ceil((to - span.from) / span.step));
  span.to = span.from + span.steps * span.step;
}

const stepName = () => (span.step === HOUR ? "hour" : span.step === DAY ? "day" : "period");
const stepLabel = (step) => {
  const start = span.from + step * span.step;
  return span.step === HOUR ? minute(start) : day(start);
};
const stepAddress = (step) => {
  const start = iso(span.from + step * span.step);
  return span.step === HOUR ? `${start.slice(0, 16)}Z` : start.slice(0, 10);
};

// What was asked of the events last: several parts of the page ask the same.
const KNOWN_MOST = 8;
const known = new Map();

// Which events the filters let through. `without` names a filter that does not count: a chart
// that chooses by something shows what could be chosen. The list is not to be changed.
function filtered(filters, without = "") {
  const { stores } = filters;
  const onDay = without === "day" ? null : filters.step;
  const cause = without === "cause" ? "" : filters.cause;
  const words = filters.words.toLowerCase();
  const asked = [[...stores], onDay, cause, filters.status, filters.verdict, filters.review, words];
  const key = JSON.stringify(asked);
  if (!known.has(key)) {
    if (known.size >= KNOWN_MOST) known.clear();
    known.set(key, select({ ...filters, stores, cause, words }, onDay));
  }
  return known.get(key);
}

function select(filters, onDay) {
  const { stores, cause, words } = filters;
  const found = [];
  for (let event = 0; event < size; event += 1) {
    if (stores.size > 0 && !stores.has(table.store[event])) continue;
    if (onDay !== null && stepOf(event) !== onDay) continue;
    if (cause !== "" && causeKey(causeOf(event)) !== cause) continue;
    if (filters.status !== "" && !hasStatus(event, filters.status)) continue;
    if (filters.verdict !== "" && (verdictOf(event) ?? NO_VERDICT) !== filters.verdict) continue;
    if (filters.review !== "" && (reviewOf(event) ?? NO_VERDICT) !== filters.review) continue;
    if (words !== "" && !textOf(event).includes(words)) continue;
    found.push(event);
  }
  return found;
}

const STATUSES = {
  open: isOpen,
  ended: (event) => !isOpen(event),
  edited: (event) => table.edits[event] > 0,
  conflict: (event) => table.conflict[event] === 1,
  stale: (event) => table.stale[event] === 1,
  merged: isMerged,
};
const hasStatus = (event, status) => STATUSES[status](event);
const textOf = (event) =>
  `${keyOf(event)} ${causeOf(event) ?? ""} ${table.categories[table.category[event]] ?? ""}`
    .toLowerCase();

// The figures of some events. A merged event counts in the one that it went into.
function figures(events) {
  const all = { events: 0, open: 0, loss: 0, gain: 0, severest: null, reviewed: 0, confirmed: 0 };
  const stores = new Set();
  for (const event of events) {
    if (isMerged(event)) continue;
    all.events += 1;
    if (isOpen(event)) all.open += 1;
    const impact = table.impact[event] ?? 0;
    if (impact < 0) all.loss -= impact;
    else all.gain += impact;
    stores.add(table.store[event]);
    const severity = table.severity[event];
    if (!isNull(severity) && (all.severest === null || severity > table.severity[all.severest])) {
      all.severest = event;
    }
    if (!isNull(verdictOf(event))) all.reviewed += 1;
    if (verdictOf(event) === "confirmed") all.confirmed += 1;
  }
  return { ...all, stores: stores.size };
}

// Stores by what their events lost, then by how many events they have.
function storesByLoss(events) {
  const sums = new Map();
  for (const event of events) {
    const sum = sums.get(table.store[event]) ?? { store: table.store[event], loss: 0, events: 0 };
    if (!isMerged(event)) {
      sum.loss += lossOf(event);
      sum.events += 1;
    }
    sums.set(sum.store, sum);
  }
  const order = (a, b) => b.loss - a.loss || b.events - a.events || a.store - b.store;
  return Array.from(sums.values()).sort(order);
}
