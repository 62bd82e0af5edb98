// Light and dark: as the system has it, or as chosen; light on paper.

const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
const THEMES = ["system", "light", "dark"];
let theme = "system";
let onPaper = false;

const isDark = () => !onPaper && (theme === "dark" || (theme === "system" && systemDark.matches));

// What the charts draw with; the rest of the page takes its colours from the style sheet.
const PALETTES = {
  light: {
    text: "#1f2933",
    quiet: "#5a6775",
    line: "#d9dee5",
    faint: "#eef1f4",
    surface: "#ffffff",
    loss: "#c2452d",
    events: "#7c93ad",
    sales: "#1c5d99",
    baseline: "#66717e",
    cause: "#4c7397",
    chosen: "#0b57a4",
    none: "#9aa5b1",
    ramp: ["#f3d9a4", "#eda55d", "#dc6b3f", "#b83a30", "#7a1a2b"],
  },
  dark: {
    text: "#e4e9ee",
    quiet: "#9fadbb",
    line: "#36414d",
    faint: "#232c35",
    surface: "#1a2129",
    loss: "#f0785c",
    events: "#7f96ad",
    sales: "#74b3ee",
    baseline: "#a3b0bd",
    cause: "#7ba4cb",
    chosen: "#8ec5ff",
    none: "#657382",
    ramp: ["#5b4630", "#96602f", "#d07a3c", "#f09a6a", "#ffd3bd"],
  },
};
const palette = () => (isDark() ? PALETTES.dark : PALETTES.light);

function channels(colour) {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}

// The colour of a share from 0 to 1 on the ramp.
function rampColour(part) {
  const { ramp } = palette();
  const at = Math.min(1, Math.max(0, part)) * (ramp.length - 1);
  const low = Math.min(ramp.length - 2, Math.floor(at));
  const [from, to] = [channels(ramp[low]), channels(ramp[low + 1])];
  const mixed = from.map(
    (value, channel) => Math.round(value + (to[channel] - value) * (at - low)));
  return `rgb(${mixed.join(",")})`;
}

function severityColour(severity) {
  if (isNull(severity)) return palette().none;
  const { severity_min: least, severity_max: most } = table;
  return rampColour(most > least ? (severity - least) / (most - least) : 1);
}

function applyTheme() {
  const root = document.documentElement;
  if (onPaper) root.dataset.theme = "light";
  else if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  const label = { system: "As the system", light: "Light", dark: "Dark" }[theme];
  element("theme").textContent = `Theme: ${label.toLowerCase()}`;
}

// A page from a file may have no storage of its own; the choice then lasts as long as the page.
function startTheme(redraw) {
  try {
    const kept = localStorage.getItem("cohort-theme");
    if (THEMES.includes(kept)) theme = kept;
  } catch { /* As said above. */ }
  element("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("cohort-theme", theme);
    } catch { /* As said above. */ }
    applyTheme();
    redraw();
  });
  systemDark.addEventListener("change", () => redraw());
  window.addEventListener("beforeprint", () => {
    onPaper = true;
    applyTheme();
    redraw(PAPER_WIDTH);
  });
  window.addEventListener("afterprint", () => {
    onPaper = false;
    applyTheme();
    redraw();
  });
  applyTheme();
}

// A panel's inside on paper; the style sheet makes the page 700 pixels wide there.
const PAPER_WIDTH = 664;
