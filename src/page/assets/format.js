// Values as people read them. Every text of the data passes through `clean` or a text node: none
// is ever parsed as HTML.

const HOUR = 3600;
const DAY = 24 * HOUR;

// What nobody could see, or what turns the direction of the text around it, is shown as its escape:
// the same characters as in src/escape.rs.
const UNSEEN = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5"
    + "\\u180b-\\u180f\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164"
    + "\\ufe00-\\ufe0d\\ufeff\\uffa0\\ufff0-\\ufffb\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}"
    + "\\u{e0000}-\\u{e0fff}]",
  "gu",
);
const escaped = (character) => `\\u{${character.codePointAt(0).toString(16)}}`;

// No script needs more than four marks on a character; a heap of them paints over other lines.
const clean = (text) =>
  text.replace(UNSEEN, escaped).replace(/(\p{M}{4})\p{M}+/gu, "$1\u2026");

function shortened(text, length) {
  const characters = Array.from(clean(text));
  if (characters.length <= length) return characters.join("");
  return `${characters.slice(0, length - 1).join("")}\u2026`;
}

const wholeNumber = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const hundredths = new Intl.NumberFormat("en-US", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

// A minus sign of its own, which is as wide as a digit.
const signed = (text) => text.replace("-", "\u2212");
const isNull = (value) => value === null || value === undefined;
const count = (value) => wholeNumber.format(value);
const amount = (value) => (isNull(value) ? "\u2013" : signed(hundredths.format(value)));
const roundAmount = (value) => {
  if (isNull(value)) return "\u2013";
  const text = wholeNumber.format(value);
  return signed(text === "-0" ? "0" : text);
};
const longAmount = (value) =>
  signed(new Intl.NumberFormat("en-US", {
    notation: "compact",
    maximumFractionDigits: 2,
  }).format(value));
const shortAmount = (value) => signed(short.format(value));
const score = (value) => (isNull(value) ? "\u2013" : signed(value.toFixed(2)));
const share = (value) => (value > 0 && value < 0.005 ? "< 1 %" : `${Math.round(value * 100)} %`);

const iso = (seconds) => new Date(Math.floor(seconds * 1000)).toISOString();
const day = (seconds) => iso(seconds).slice(0, 10);
const minute = (seconds) =>
  (isNull(seconds) ? "\u2013" : iso(seconds).slice(0, 16).replace("T", " "));
const clock = (seconds) => iso(seconds).slice(11, 16);

function length(seconds) {
  if (isNull(seconds)) return "\u2013";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) {
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
  }
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

const plural = (number, what) => `${count(number)} ${what}${number === 1 ? "" : "s"}`;

// Elements with text nodes, attributes and children: the only way in which this page makes HTML.
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && !isNull(value)) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => !isNull(child)));
  return made;
}
