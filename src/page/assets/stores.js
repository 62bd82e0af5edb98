// The heat map of stores by day, and the timeline of the same stores below it: the same rows in the
// same order, and an instant at the same place in both. Only the stores in view are drawn.

let heatChart = null;
let timeChart = null;

const STORES_SHOWN = 25;
const ROW_HEIGHT = 15;
const BAR_LEAST = 3;

let rowsShown = [];
let barsShown = [];
let heatMost = 0;

// All stores, those with the greatest loss first, and those chosen. The order does not follow the
// chosen day: a row that is pointed at stays where it is.
function storesInView() {
  const all = storesByLoss(filtered({ ...filters, stores: new Set() }, "day"));
  const chosen = all.filter(({ store }) => filters.stores.has(store));
  return { all, chosen };
}

const MEASURE = {
  loss: { add: (sum, event) => sum + lossOf(event), text: roundAmount, name: "Loss" },
  events: { add: (sum) => sum + 1, text: count, name: "Events" },
  severity: {
    add: (sum, event) => Math.max(sum, table.severity[event] ?? 0),
    text: score,
    name: "Greatest severity",
  },
};

function heatCells(events) {
  const rowOf = new Map(rowsShown.map(({ store }, row) => [store, row]));
  const cells = new Map();
  for (const event of events) {
    const row = rowOf.get(table.store[event]);
    if (row === undefined || isMerged(event)) continue;
    const key = row * span.steps + stepOf(event);
    const cell = cells.get(key) ?? { value: 0, events: 0, loss: 0, severity: null };
    cell.value = MEASURE[filters.measure].add(cell.value, event);
    cell.events += 1;
    cell.loss += lossOf(event);
    cell.severity = Math.max(cell.severity ?? 0, table.severity[event] ?? 0);
    cells.set(key, cell);
  }
  return cells;
}

function grid(width, top, bottom) {
  return { left: marginLeft(width), right: MARGIN_RIGHT, top, bottom };
}

// Rows have a faint ground, so that an empty row still leads the eye to its label. Those chosen
// among others have a darker one.
function storeAxis() {
  const chosen = rowsShown.map(({ store }) => filters.stores.has(store));
  const some = chosen.includes(false);
  const grounds = chosen.map((one) => (one && some ? palette().line : palette().faint));
  return {
    type: "category",
    inverse: true,
    data: rowsShown.map(({ store }) => String(store)),
    axisLine: { show: false },
    axisTick: { show: false },
    splitArea: { show: rowsShown.length > 0, interval: 0, areaStyle: { color: grounds } },
    splitLine: { show: true, interval: 0, lineStyle: { color: palette().surface, width: 2 } },
    axisLabel: {
      ...font(),
      fontSize: 11,
      interval: 0,
      color: palette().text,
      width: marginLeft(heatChart.getWidth()) - 12,
      overflow: "truncate",
      formatter: (number) => shortened(table.stores[number], heatChart.getWidth() < 640 ? 10 : 17),
    },
  };
}

// Gives a chart room for its rows.
function fit(chart, height) {
  const room = Math.max(96, height);
  chart.getDom().style.height = `${room}px`;
  if (chart.getHeight() !== room) chart.resize({ height: room });
}

let heatFound = new Map();

function drawHeat() {
  const found = filtered({ ...filters, stores: new Set() }, "day");
  heatFound = heatCells(found);
  heatMost = Math.max(0, ...Array.from(heatFound.values(), (cell) => cell.value));
  const data = Array.from(heatFound, ([key, cell]) => {
    const [row, step] = [Math.floor(key / span.steps), key % span.steps];
    const chosen = filters.step === null || filters.step === step;
    return {
      value: [(span.from + step * span.step) * 1000, row],
      // The square root keeps small days apart from none.
      fill: heatMost > 0 ? rampColour(Math.sqrt(cell.value / heatMost)) : palette().none,
      opacity: chosen ? 1 : 0.35,
      step,
      row,
    };
  });
  fit(heatChart, rowsShown.length * ROW_HEIGHT + 34);
  const width = heatChart.getWidth();
  heatChart.setOption(
    {
      animation: false,
      useUTC: true,
      grid: grid(width, 24, 10),
      xAxis: { ...timeAxis(true), position: "top", axisLine: { show: false } },
      yAxis: storeAxis(),
      series: [cells(data)],
    },
    { notMerge: true },
  );
  const name = MEASURE[filters.measure].name.toLowerCase();
  const seen = plural(rowsShown.length, "store");
  describe("heat", `Heat map of ${name} by store and ${stepName()}, ${seen} in view.`);
  drawLegend();
}

function cells(data) {
  return {
    type: "custom",
    progressive: 0,
    clip: true,
    cursor: "pointer",
    data,
    encode: { x: 0, y: 1 },
    renderItem: ({ dataIndex }, api) => {
      const { fill, opacity } = data[dataIndex];
      const at = api.value(0);
      const [left, middle] = api.coord([at, api.value(1)]);
      const [right] = api.coord([at + span.step * 1000, api.value(1)]);
      const gap = right - left > 6 ? 1 : 0;
      const height = ROW_HEIGHT - 2;
      return {
        type: "rect",
        shape: {
          x: left, y: middle - height / 2, width: Math.max(1, right - left - gap), height, r: 1.5,
        },
        style: { fill, opacity },
      };
    },
  };
}

function drawLegend() {
  const stops = palette().ramp.map(
    (colour, at, all) => `${colour} ${(at / (all.length - 1)) * 100}%`);
  for (const id of ["heat-ramp", "time-ramp"]) {
    element(id).style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  }
  const { text } = MEASURE[filters.measure];
  element("heat-least").textContent = text(0);
  element("heat-most").textContent = text(heatMost);
  element("time-least").textContent = score(table.severity_min);
  element("time-most").textContent = score(table.severity_max);
}

function drawTimeline(keepZoom) {
  const rowOf = new Map(rowsShown.map(({ store }, row) => [store, row]));
  barsShown = filtered(filters, "day").filter((event) => rowOf.has(table.store[event]));
  const data = barsShown.map((event) => ({
    value: [table.start[event] * 1000, rowOf.get(table.store[event]), endOf(event) * 1000, event],
    fill: severityColour(table.severity[event]),
  }));
  const zoom = keepZoom ?? currentZoom();
  // Only a few stores have room.
  const rowHeight = rowsShown.length <= 4 ? 2 * ROW_HEIGHT : ROW_HEIGHT;
  fit(timeChart, rowsShown.length * rowHeight + 74);
  const width = timeChart.getWidth();
  timeChart.setOption(
    {
      animation: false,
      useUTC: true,
      grid: grid(width, 24, 50),
      xAxis: {
        ...timeAxis(true),
        position: "top",
        axisLine: { show: false },
        splitLine: { show: true, ...splitLine() },
      },
      yAxis: storeAxis(),
      dataZoom: [zoomSlider(width, zoom)],
      series: [bars(data, rowHeight)],
    },
    { notMerge: true },
  );
  const open = barsShown.filter(isOpen).length;
  const [events, seen] = [plural(barsShown.length, "event"), plural(rowsShown.length, "store")];
  describe("timeline", `Timeline of ${events} of ${seen}, ${count(open)} open.`);
}

function zoomSlider(width, zoom) {
  return {
    type: "slider",
    xAxisIndex: 0,
    filterMode: "none",
    height: 20,
    bottom: 8,
    left: marginLeft(width),
    right: MARGIN_RIGHT,
    showDataShadow: false,
    brushSelect: false,
    borderColor: palette().line,
    backgroundColor: palette().faint,
    fillerColor: isDark() ? "rgba(142,197,255,0.16)" : "rgba(28,93,153,0.12)",
    handleStyle: { color: palette().surface, borderColor: palette().quiet },
    moveHandleSize: 0,
    textStyle: { ...font(), fontSize: 11 },
    labelFormatter: (value) => minute(value / 1000),
    startValue: zoom.from * 1000,
    endValue: zoom.to * 1000,
    minValueSpan: 10 * 60 * 1000,
  };
}

function bars(data, rowHeight) {
  return {
    type: "custom",
    progressive: 0,
    clip: true,
    cursor: "pointer",
    data,
    encode: { x: [0, 2], y: 1 },
    renderItem: (params, api) => {
      const [left, middle] = api.coord([api.value(0), api.value(1)]);
      const [right] = api.coord([api.value(2), api.value(1)]);
      const { x, width } = params.coordSys;
      if (right < x || left > x + width) return null;
      const event = api.value(3);
      const chosen = filters.event === event;
      const height = Math.min(18, rowHeight - (chosen ? 1 : 5));
      const from = Math.max(x - 2, left);
      const shape = { x: from, y: middle - height / 2, height, r: 1.5 };
      shape.width = Math.max(BAR_LEAST, Math.min(right, x + width + 2) - from);
      const style = { fill: data[params.dataIndex].fill, opacity: isMerged(event) ? 0.35 : 1 };
      if (chosen) Object.assign(style, { stroke: palette().chosen, lineWidth: 2 });
      else if (isOpen(event)) Object.assign(style, { stroke: palette().text, lineWidth: 1 });
      return { type: "rect", shape, style, z2: chosen ? 10 : 1 };
    },
  };
}

// The part of the range that the timeline shows, in seconds.
function currentZoom() {
  const zoom = timeChart.getOption()?.dataZoom?.[0];
  if (zoom === undefined) return { from: span.from, to: span.to };
  return { from: zoom.startValue / 1000, to: zoom.endValue / 1000 };
}

function zoomTo(from, to) {
  const room = (to - from) * 0.05;
  const bounds = { from: Math.max(span.from, from - room), to: Math.min(span.to, to + room) };
  drawTimeline(bounds);
}

function zoomBy(factor) {
  const { from, to } = currentZoom();
  const middle = (from + to) / 2;
  const half = Math.max(300, ((to - from) / 2) * factor);
  drawTimeline({ from: Math.max(span.from, middle - half), to: Math.min(span.to, middle + half) });
}

// Turns the stores in view to those among which an event's is, if the filters let it through.
function turnStoresTo(event) {
  const at = storesInView().all.findIndex(({ store }) => store === table.store[event]);
  if (at >= 0) filters.rows = Math.floor(at / STORES_SHOWN);
}

// The chosen stores that the timeline has room for, that of the chosen event among them.
function chosenInView(chosen) {
  const at = chosen.findIndex(
    ({ store }) => filters.event !== null && store === table.store[filters.event]);
  const first = Math.max(0, at - STORES_SHOWN + 1);
  return chosen.slice(first, first + STORES_SHOWN);
}

function drawStores(keepZoom) {
  const { all, chosen } = storesInView();
  const last = Math.max(0, Math.ceil(all.length / STORES_SHOWN) - 1);
  filters.rows = Math.min(filters.rows, last);
  const first = filters.rows * STORES_SHOWN;
  const piece = all.slice(first, first + STORES_SHOWN);
  // The heat map shows the piece, so that others can be chosen; the timeline those chosen.
  rowsShown = piece;
  drawHeat();
  if (chosen.length > 0) rowsShown = chosenInView(chosen);
  drawTimeline(keepZoom);
  rowsShown = piece;
  const to = first + piece.length;
  element("stores-shown").textContent = all.length === 0 ? "No store"
    : `Stores ${count(first + 1)}\u2013${count(to)} of ${count(all.length)}, greatest loss first`;
  element("stores-before").disabled = filters.rows === 0;
  element("stores-after").disabled = filters.rows >= last;
  element("timeline-of").textContent = chosen.length === 0 ? "of the stores above"
    : chosen.length > STORES_SHOWN
      ? `of ${STORES_SHOWN} of the ${count(chosen.length)} stores chosen`
      : chosen.length === 1 ? `of store ${shortened(table.stores[chosen[0].store], 40)}`
        : `of the ${count(chosen.length)} stores chosen`;
}

function startStores(change, choose) {
  element("heat-title").textContent = `Stores by ${stepName()}`;
  heatChart = window.echarts.init(element("heat"), null, { renderer: "canvas" });
  timeChart = window.echarts.init(element("timeline"), null, { renderer: "canvas" });
  heatChart.on("click", ({ data }) => {
    if (data?.row === undefined) return;
    const { store } = rowsShown[data.row];
    const same =
      filters.stores.size === 1 && filters.stores.has(store) && filters.step === data.step;
    change(
      same ? { stores: new Set(), step: null } : { stores: new Set([store]), step: data.step });
  });
  timeChart.on("click", ({ value }) => choose(value[3]));
  tipFor(heatChart, ({ data }) => {
    if (data?.row === undefined) return null;
    const cell = heatFound.get(data.row * span.steps + data.step);
    const store = shortened(table.stores[rowsShown[data.row].store], 40);
    return [
      `Store ${store}, ${stepLabel(data.step)}`,
      ["Loss", roundAmount(cell.loss)],
      ["Events", count(cell.events)],
      ["Greatest severity", score(cell.severity)],
    ];
  });
  tipFor(timeChart, ({ value }) => (value === undefined ? null : eventTip(value[3])));
  element("stores-before").addEventListener("click", () => change({ rows: filters.rows - 1 }));
  element("stores-after").addEventListener("click", () => change({ rows: filters.rows + 1 }));
  element("measure").addEventListener("change", ({ target }) => change({ measure: target.value }));
  element("zoom-in").addEventListener("click", () => zoomBy(0.5));
  element("zoom-out").addEventListener("click", () => zoomBy(2));
  element("zoom-all").addEventListener(
    "click", () => drawTimeline({ from: span.from, to: span.to }));
}
