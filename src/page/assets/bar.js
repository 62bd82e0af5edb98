// The filter bar: what can be chosen, and what is.

const VERDICT_TITLES = {
  confirmed: "confirmed",
  false_positive: "false positive",
  planned_activity: "planned activity",
  duplicate: "duplicate",
};

function optionsOf(name) {
  if (name === "status") {
    return [["", "any status"], ["open", "open"], ["ended", "ended"], ["edited", "edited"],
      ["merged", "merged"], ["conflict", "in conflict"], ["stale", "stale"]];
  }
  if (name === "verdict") {
    return [["", "any verdict"], [NO_VERDICT, "not reviewed"], ...Object.entries(VERDICT_TITLES)];
  }
  if (name === "review") {
    return [["", "any review"], [NO_VERDICT, "no review"], ["open", "open"],
      ["acknowledged", "acknowledged"], ["resolved", "resolved"]];
  }
  const causes = causesOf(filtered(filters, "cause")).slice(0, 200);
  const options = causes.map(({ name: cause, events }) =>
    [cause, `${causeTitle(cause, 48)} (${count(events)})`]);
  if (filters.cause !== "" && !causes.some((cause) => cause.name === filters.cause)) {
    options.unshift([filters.cause, causeTitle(filters.cause, 48)]);
  }
  return [["", "any cause"], ...options];
}

function drawBar() {
  for (const name of CHOICES) {
    const select = element(`by-${name}`);
    const options = optionsOf(name).map(([value, title]) => make("option", { value }, title));
    select.replaceChildren(...options);
    select.value = filters[name];
    select.classList.toggle("set", filters[name] !== "");
  }
  element("measure").value = filters.measure;
  if (document.activeElement !== element("find")) element("find").value = filters.words;
  drawChips();
}

const CHIPS_SHOWN = 6;

function drawChips() {
  const chips = Array.from(filters.stores).slice(0, CHIPS_SHOWN).map((store) =>
    chip(`store ${shortened(table.stores[store], 24)}`, "store", store));
  if (filters.stores.size > CHIPS_SHOWN) {
    const left = count(filters.stores.size - CHIPS_SHOWN);
    chips.push(make("span", { class: "quiet" }, `and ${left} more`));
  }
  if (filters.step !== null) chips.push(chip(stepLabel(filters.step), "step", filters.step));
  const any =
    chips.length > 0 || filters.words !== "" || CHOICES.some((name) => filters[name] !== "");
  element("clear").hidden = !any;
  element("chips").replaceChildren(...chips);
}

function chip(text, kind, value) {
  const attributes = {
    type: "button",
    class: "chip",
    "data-kind": kind,
    "data-value": value,
    "aria-label": `Remove ${text}`,
  };
  const cross = make("span", { "aria-hidden": "true" }, " \u00d7");
  return make("button", attributes, make("bdi", {}, text), cross);
}

const NO_FILTERS = {
  step: null, cause: "", status: "", verdict: "", review: "", words: "", page: 0, rows: 0,
};

function startBar(change) {
  // Stores by what is shown of them. Two that look the same are chosen together.
  const numbers = new Map();
  const fill = () => {
    table.stores.forEach((store, at) => {
      const seen = shortened(store, 200);
      numbers.set(seen, [...(numbers.get(seen) ?? []), at]);
    });
    const names = [...numbers.keys()].sort(compareTexts);
    element("store-names").replaceChildren(...names.map((value) => make("option", { value })));
  };
  const field = element("by-store");
  // Nobody needs the names before.
  field.addEventListener("focus", fill, { once: true });
  const add = () => {
    const found = numbers.get(field.value);
    element("no-store").hidden = found !== undefined || field.value === "";
    if (found === undefined) return;
    field.value = "";
    change({ stores: new Set([...filters.stores, ...found]), page: 0 });
  };
  field.addEventListener("change", add);
  field.addEventListener("input", ({ inputType }) => {
    // A choice from the list comes without a kind of typing.
    if (inputType === undefined || inputType === "insertReplacementText") add();
  });
  for (const name of CHOICES) {
    element(`by-${name}`).addEventListener(
      "change", ({ target }) => change({ [name]: target.value, page: 0 }));
  }
  let waiting = 0;
  element("find").addEventListener("input", ({ target }) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change({ words: target.value, page: 0 }), 150);
  });
  element("chips").addEventListener("click", ({ target }) => {
    const { kind, value } = target.closest("button")?.dataset ?? {};
    if (kind === "step") change({ step: null, page: 0 });
    if (kind !== "store") return;
    const left = [...filters.stores].filter((store) => store !== Number(value));
    change({ stores: new Set(left), page: 0 });
  });
  element("clear").addEventListener("click", () => {
    element("find").value = "";
    change({ ...NO_FILTERS, stores: new Set() });
    element("by-store").focus();
  });
}

function drawFigures() {
  const all = figures(filtered(filters));
  const set = (name, value, note) => {
    element(`figure-${name}`).textContent = value;
    element(`note-${name}`).textContent = note;
  };
  set("events", count(all.events), filters.step === null ? "" : stepLabel(filters.step));
  set("open", count(all.open), all.events === 0 ? "" : `${share(all.open / all.events)} of events`);
  set("loss", all.loss < 1e8 ? roundAmount(all.loss) : longAmount(all.loss),
    all.gain > 0 ? `gains of ${roundAmount(all.gain)} elsewhere` : "");
  set("stores", count(all.stores), `of ${count(table.stores.length)} with events`);
  const worst = all.severest;
  set("severest", worst === null ? "\u2013" : score(table.severity[worst]),
    worst === null
      ? ""
      : `store ${shortened(storeOf(worst), 20)}, ${minute(table.opened[worst]).slice(5)}`);
  set("reviewed",
    all.reviewed === 0 ? "\u2013" : `${count(all.confirmed)} of ${count(all.reviewed)}`,
    all.reviewed === 0
      ? "none reviewed yet"
      : `${share(all.reviewed / all.events)} of events reviewed`);
}
