// The filters, kept in the page's address, so that a view can be sent to somebody.

const filters = {
  stores: new Set(),
  step: null,
  cause: "",
  status: "",
  verdict: "",
  review: "",
  words: "",
  sort: "impact",
  down: false,
  page: 0,
  rows: 0,
  measure: "loss",
  event: null,
};

const CHOICES = ["cause", "status", "verdict", "review"];
const MEASURES = ["loss", "events", "severity"];

function toAddress() {
  const words = new URLSearchParams();
  for (const store of filters.stores) words.append("store", table.stores[store]);
  if (filters.step !== null) words.set("on", stepAddress(filters.step));
  for (const name of CHOICES) if (filters[name] !== "") words.set(name, filters[name]);
  if (filters.words !== "") words.set("find", filters.words);
  if (filters.sort !== "impact" || filters.down) {
    words.set("sort", `${filters.down ? "-" : ""}${filters.sort}`);
  }
  if (filters.page > 0) words.set("page", filters.page + 1);
  if (filters.rows > 0) words.set("stores", filters.rows + 1);
  if (filters.measure !== "loss") words.set("show", filters.measure);
  if (filters.event !== null) words.set("event", keyOf(filters.event));
  const hash = words.toString();
  if (hash !== location.hash.slice(1)) {
    history.replaceState(null, "", hash === "" ? "#" : `#${hash}`);
  }
}

function fromAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  const numbers = new Map(table.stores.map((store, at) => [store, at]));
  const stores = words.getAll("store").map((store) => numbers.get(store));
  filters.stores = new Set(stores.filter((store) => store !== undefined));
  const started = Date.parse(words.get("on") ?? "");
  const step = Math.floor((started / 1000 - span.from) / span.step);
  filters.step = step >= 0 && step < span.steps ? step : null;
  filters.cause = words.get("cause") ?? "";
  for (const name of ["status", "verdict", "review"]) {
    const wanted = words.get(name) ?? "";
    filters[name] = optionsOf(name).some(([value]) => value === wanted) ? wanted : "";
  }
  filters.words = words.get("find") ?? "";
  const sort = words.get("sort") ?? "impact";
  const name = sort.replace(/^-/, "");
  filters.sort = COLUMNS.some((column) => column.name === name) ? name : "impact";
  filters.down = sort.startsWith("-");
  filters.page = Math.max(0, (Number.parseInt(words.get("page"), 10) || 1) - 1);
  filters.rows = Math.max(0, (Number.parseInt(words.get("stores"), 10) || 1) - 1);
  filters.measure = MEASURES.includes(words.get("show")) ? words.get("show") : "loss";
  filters.event = words.has("event") ? eventOf(words.get("event")) : null;
}
