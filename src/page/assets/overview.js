// The trend over the whole range, and what the causes cost.

let trendChart = null;
let causeChart = null;

const CAUSES_SHOWN = 8;

// Both grids of the trend, the heat map and the timeline share these margins, so that an instant
// is at one place in all of them.
const MARGIN_LEFT = 132;
const MARGIN_RIGHT = 22;
const NARROW_LEFT = 84;
const marginLeft = (width) => (width < 640 ? NARROW_LEFT : MARGIN_LEFT);

// A canvas knows no inheritance.
let family = "sans-serif";
const font = () => ({ fontFamily: family, fontSize: 12, color: palette().quiet });
const axisLine = () => ({ lineStyle: { color: palette().line } });
const splitLine = () => ({ lineStyle: { color: palette().faint } });

function instantLabel(value) {
  const seconds = value / 1000;
  if (seconds % DAY !== 0) return clock(seconds);
  return `${iso(seconds).slice(8, 10)} ${MONTHS[new Date(value).getUTCMonth()]}`;
}
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const timeAxis = (label) => ({
  type: "time",
  min: span.from * 1000,
  max: span.to * 1000,
  axisLine: axisLine(),
  axisTick: { show: false },
  splitLine: { show: false },
  axisLabel: { ...font(), show: label, hideOverlap: true, formatter: instantLabel },
});

function stepsOf(events) {
  const steps = Array.from({ length: span.steps }, () => ({ loss: 0, events: 0 }));
  for (const event of events) {
    if (isMerged(event)) continue;
    const step = steps[stepOf(event)];
    if (step === undefined) continue;
    step.loss += lossOf(event);
    step.events += 1;
  }
  return steps;
}

function drawTrend(events) {
  const steps = stepsOf(events);
  const width = trendChart.getWidth();
  const left = width < 640 ? 54 : 62;
  const middle = (at) => (span.from + (at + 0.5) * span.step) * 1000;
  const bar = Math.max(1, Math.min(26, ((width - left - MARGIN_RIGHT) / span.steps) * 0.68));
  const colour = (base, at) => ({
    color: base,
    opacity: filters.step === null || filters.step === at ? 1 : 0.3,
  });
  const series = (name, index, base) => ({
    id: name,
    type: "bar",
    xAxisIndex: index,
    yAxisIndex: index,
    barWidth: bar,
    cursor: "pointer",
    emphasis: { disabled: true },
    data: steps.map(
      (step, at) => ({ value: [middle(at), step[name]], itemStyle: colour(base, at) })),
  });
  const value = (index, name, extra) => ({
    type: "value",
    gridIndex: index,
    name,
    nameLocation: "end",
    nameGap: 10,
    nameTextStyle: { ...font(), align: "left", padding: [0, 0, 0, 6 - left] },
    splitNumber: 3,
    axisLabel: { ...font(), formatter: shortAmount },
    splitLine: splitLine(),
    ...extra,
  });
  trendChart.setOption(
    {
      animation: false,
      useUTC: true,
      grid: [
        { left, right: MARGIN_RIGHT, top: 26, height: 108 },
        { left, right: MARGIN_RIGHT, top: 170, height: 52 },
      ],
      xAxis: [{ ...timeAxis(false), gridIndex: 0 }, { ...timeAxis(true), gridIndex: 1 }],
      yAxis: [value(0, "Loss", {}), value(1, "Events", { splitNumber: 2, minInterval: 1 })],
      series: [series("loss", 0, palette().loss), series("events", 1, palette().events)],
    },
    { notMerge: true },
  );
  const total = steps.reduce((sum, step) => sum + step.loss, 0);
  const worst = steps.reduce((most, step, at) => (step.loss > steps[most].loss ? at : most), 0);
  describe("trend",
    `Bar chart of loss and events by ${stepName()}. In all ${roundAmount(total)} lost;`
    + ` most on ${stepLabel(worst)}: ${roundAmount(steps[worst].loss)}.`);
}

function causesOf(events) {
  const sums = new Map();
  for (const event of events) {
    if (isMerged(event)) continue;
    const name = causeKey(causeOf(event));
    const sum = sums.get(name) ?? { name, loss: 0, events: 0 };
    sum.loss += lossOf(event);
    sum.events += 1;
    sums.set(name, sum);
  }
  const order = (a, b) => b.loss - a.loss || b.events - a.events || (a.name < b.name ? -1 : 1);
  return Array.from(sums.values()).sort(order);
}

let causesShown = [];

function drawCauses(events) {
  const all = causesOf(events);
  causesShown = all.slice(0, CAUSES_SHOWN);
  const width = causeChart.getWidth();
  const left = width < 380 ? 124 : 176;
  const chosen = (cause) => filters.cause === "" || filters.cause === cause.name;
  const nameOf = (name) => causeTitle(name, width < 380 ? 18 : 26);
  causeChart.setOption(
    {
      animation: false,
      grid: { left, right: 64, top: 6, bottom: 6 },
      xAxis: { type: "value", show: false },
      yAxis: {
        type: "category",
        inverse: true,
        data: causesShown.map((cause) => nameOf(cause.name)),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: {
          ...font(), color: palette().text, interval: 0, width: left - 14, overflow: "truncate",
        },
      },
      series: [
        {
          type: "bar",
          barWidth: 13,
          cursor: "pointer",
          emphasis: { disabled: true },
          label: {
            ...font(),
            show: true,
            position: "right",
            formatter: ({ dataIndex }) => shortAmount(causesShown[dataIndex].loss),
          },
          data: causesShown.map((cause) => ({
            value: cause.loss,
            itemStyle: {
              color: cause.name === NO_CAUSE ? palette().none : palette().cause,
              opacity: chosen(cause) ? 1 : 0.3,
              borderRadius: [0, 2, 2, 0],
            },
          })),
        },
      ],
    },
    { notMerge: true },
  );
  element("causes-left").textContent =
    all.length > causesShown.length ? `and ${count(all.length - causesShown.length)} more` : "";
  const [first] = causesShown;
  const named =
    first === undefined ? "" : ` Most: ${nameOf(first.name)}, ${roundAmount(first.loss)}.`;
  describe("causes", `Bar chart of loss by cause, ${count(all.length)} causes.${named}`);
}

// What a chart shows, for who cannot see it. The table has the same events.
function describe(id, text) {
  element(id).setAttribute("aria-label", `${text} The table of events has the same data.`);
}

function startOverview(change) {
  family = getComputedStyle(document.body).fontFamily;
  trendChart = window.echarts.init(element("trend"), null, { renderer: "canvas" });
  causeChart = window.echarts.init(element("causes"), null, { renderer: "canvas" });
  trendChart.on("click", ({ dataIndex }) => {
    change({ step: filters.step === dataIndex ? null : dataIndex });
  });
  causeChart.on("click", ({ dataIndex }) => {
    const { name } = causesShown[dataIndex];
    change({ cause: filters.cause === name ? "" : name });
  });
  tipFor(trendChart, ({ dataIndex }) => {
    const step = stepsOf(filtered(filters, "day"))[dataIndex];
    return [stepLabel(dataIndex), ["Loss", roundAmount(step.loss)], ["Events", count(step.events)]];
  });
  tipFor(causeChart, ({ dataIndex }) => {
    const cause = causesShown[dataIndex];
    const name = causeTitle(cause.name, 80);
    return [name, ["Loss", roundAmount(cause.loss)], ["Events", count(cause.events)]];
  });
}
