// The order in which the page comes to life: table and figures first, the charts when their library
// is there.

let chartsReady = false;
// Whether something changed before the charts were ready.
let chartsMissed = false;

function drawCharts(keepZoom) {
  if (!chartsReady) {
    chartsMissed = true;
    return;
  }
  hideTip();
  drawTrend(filtered(filters, "day"));
  drawCauses(filtered(filters, "cause"));
  drawStores(keepZoom);
}

// Lets the browser show what there is and take what people type or click.
const breath = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
  });

// The first drawing of the charts, some at a time: together they would hold up a slow machine for
// two seconds. If people change something meanwhile, all are drawn again.
async function drawChartsFirst(library) {
  chartsMissed = false;
  await loadLibrary(library);
  await breath();
  startOverview(change);
  drawTrend(filtered(filters, "day"));
  drawCauses(filtered(filters, "cause"));
  await breath();
  startStores(change, choose);
  chartsReady = true;
  if (chartsMissed) drawCharts(zoomOfStep());
  else drawStores(zoomOfStep());
}

function drawAll(keepZoom) {
  drawBar();
  drawFigures();
  drawTable();
  drawCharts(keepZoom);
  toAddress();
}

// Some filters have changed: everything follows. A chosen day is what the timeline shows.
function change(some) {
  const step = filters.step;
  Object.assign(filters, some);
  if ("stores" in some || "step" in some) filters.page = 0;
  let zoom;
  if (filters.step !== step) zoom = zoomOfStep();
  drawAll(zoom);
  keepFocus();
}

// The controls that a change can take away or disable, and which one then has the keyboard instead.
const BESIDE = {
  before: "after",
  after: "before",
  "stores-before": "stores-after",
  "stores-after": "stores-before",
};
let lastFocus = null;

function startFocus() {
  document.addEventListener("focusin", ({ target }) => {
    lastFocus = target.closest("#chips") === null ? target.id : "chips";
  });
}

function keepFocus() {
  if (document.activeElement !== document.body) return;
  if (lastFocus === "chips") {
    (element("chips").querySelector("button") ?? element("by-store")).focus();
  } else if (lastFocus in BESIDE) {
    element(BESIDE[lastFocus]).focus();
  }
}

function zoomOfStep() {
  if (filters.step === null) return { from: span.from, to: span.to };
  const start = span.from + filters.step * span.step;
  const room = span.step / 4;
  return {
    from: Math.max(span.from, start - room),
    to: Math.min(span.to, start + span.step + room),
  };
}

// An event is chosen in the table, on the timeline or in the drawer: the others show it too.
async function choose(event, focus = false) {
  filters.event = event;
  if (event !== null) {
    openedFrom = document.activeElement;
    turnTo(event);
  }
  drawTable();
  await drawDrawer();
  resizeCharts();
  if (chartsReady && event !== null) showOnTimeline(event);
  else drawCharts();
  toAddress();
  if (event === null) return;
  rowElement(event)?.scrollIntoView({ block: "nearest" });
  if (focus) element("close").focus({ preventScroll: true });
}

// The stores in view are turned to those of the event, and the time to its time.
function showOnTimeline(event) {
  turnStoresTo(event);
  const { from, to } = currentZoom();
  const away = endOf(event) < from || table.start[event] > to;
  const room = Math.max(HOUR * 2, lengthOf(event) * 2);
  drawCharts(away
    ? {
        from: Math.max(span.from, table.start[event] - room),
        to: Math.min(span.to, endOf(event) + room),
      }
    : undefined);
}

function resizeCharts(width) {
  if (!chartsReady) return;
  const charts = [trendChart, causeChart, heatChart, timeChart, metricsChart];
  for (const chart of charts.filter((one) => one !== null)) {
    const parent = chart.getDom();
    const most = width === undefined ? "auto" : Math.min(width, parent.clientWidth || width);
    chart.resize({ width: most, height: "auto" });
  }
}

function redraw(width) {
  resizeCharts(width);
  drawTable();
  drawCharts();
  drawMetrics();
}

// Shows what the address says: the chosen day, and the chosen event in table, timeline and drawer.
async function showAddress() {
  if (filters.event !== null) turnTo(filters.event);
  drawAll(zoomOfStep());
  await showChosen();
}

async function showChosen() {
  await drawDrawer();
  if (filters.event === null) return;
  resizeCharts();
  showOnTimeline(filters.event);
  toAddress();
}

async function main() {
  const loaded = unpackedJson("table");
  const library = unpacked("library").text();
  setTable(await loaded);
  fromAddress();
  startTheme(redraw);
  startTable(change, choose);
  startBar(change);
  startDrawer(choose);
  startFocus();
  drawAll();
  if (filters.event !== null) {
    turnTo(filters.event);
    drawTable();
  }
  document.body.classList.add("has-table");
  performance.mark("table");
  // The browser shows the table before it compiles the library.
  await breath();
  await drawChartsFirst(library);
  await showChosen();
  document.body.classList.add("is-ready");
  performance.mark("ready");
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 100);
  });
  window.addEventListener("hashchange", () => {
    fromAddress();
    // The rows in which the event is looked for.
    drawTable();
    showAddress();
  });
}

main().catch((error) => {
  const failed = element("failed");
  failed.hidden = false;
  failed.textContent = `This page could not be drawn (${error}). It needs Chrome or Edge 80, `
    + "Firefox 113 or Safari 16.4, or later.";
  throw error;
});
