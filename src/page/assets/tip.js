// What the pointer is over, as text. The library's own tips would parse their content as HTML.

let tipChart = null;

function hideTip() {
  element("tip").hidden = true;
  tipChart = null;
}

function moveTip(x, y) {
  const tip = element("tip");
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 14 + width > window.innerWidth ? x - width - 10 : x + 14;
  const top = y + 14 + height > window.innerHeight ? y - height - 10 : y + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

function showTip(lines) {
  const tip = element("tip");
  const [title, ...rest] = lines;
  const rows = rest.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  tip.replaceChildren(make("strong", {}, title), make("dl", {}, ...rows.flat()));
  tip.hidden = false;
}

// Shows `linesOf` whatever of a chart the pointer is over; null hides.
function tipFor(chart, linesOf) {
  chart.on("mouseover", (over) => {
    const lines = linesOf(over);
    if (lines === null) return;
    tipChart = chart;
    showTip(lines);
    moveTip(over.event.event.clientX, over.event.event.clientY);
  });
  chart.on("mouseout", hideTip);
  chart.getZr().on("mousemove", ({ event }) => {
    if (tipChart === chart) moveTip(event.clientX, event.clientY);
  });
  chart.on("globalout", hideTip);
}

function eventTip(event) {
  const rows = [
    ["Window",
      `${minute(table.start[event])} to ${isOpen(event) ? "now" : minute(table.end[event])}`],
    ["Length", `${length(lengthOf(event))}${isOpen(event) ? ", open" : ""}`],
    ["Severity", score(table.severity[event])],
    ["Impact", roundAmount(table.impact[event])],
    ["Cause", shortened(causeOf(event) ?? NO_CAUSE, 60)],
  ];
  const verdict = verdictOf(event);
  if (!isNull(verdict)) rows.push(["Verdict", verdict.replace("_", " ")]);
  return [`Store ${shortened(storeOf(event), 40)}`, ...rows];
}
