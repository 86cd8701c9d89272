// Axes of charts: how values become places, and which of them are named.

const version = new URL(import.meta.url).search;
const { decades, format, ticks } = await import(`./theme.js${version}`);
const { fitted, line } = await import(`./marks.js${version}`);

const superscript = (k) => String(k).replace("-", "⁻").replace(/[0-9]/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
const minus = (text) => text.replace("-", "−");

// A value as a place along its axis; what has none is NaN.  `floor`, `clip` and `linear` are as in engine/scene/curves.py.
export function scale({ scale: kind, floor, clip, linear }) {
  if (kind === "symlog") return (v) => Math.sign(v) * Math.log10(1 + Math.abs(v) / linear);
  if (kind === "linear") return (v) => v;
  if (clip) return (v) => Math.log10(Math.max(v, floor));
  const lowest = Math.max(0, Math.fround(floor)); // values come as float32
  return (v) => (v > lowest ? Math.log10(v) : NaN);
}

// The y axis for places from low to high: its bounds, `named` ticks {at, text} and `faint` places between them.
// `room` are the lines of text that fit below each other.
export function yAxis(spec, low, high, room) {
  if (!(low <= high)) return { low: 0, high: 1, named: [], faint: [] }; // nothing is drawn
  if (spec.scale === "linear") return linearAxis(low, high, Math.max(2, Math.floor(room / 1.5)));
  const pad = Math.max(0.05 * (high - low), high === low ? 0.5 : 0.02);
  [low, high] = [low - pad, high + pad];
  const count = Math.max(2, Math.floor(room / 1.3));
  const found = spec.scale === "log" ? logTicks(low, high, count) : symlogTicks(low, high, count, spec.linear);
  const floor = spec.clip ? Math.log10(spec.floor) : -Infinity;
  if (floor > low && floor < low + 2 * pad) found.named = [{ at: floor, text: "≈ 0" }, ...found.named.filter(({ at }) => at > floor + 1e-6)];
  return { low, high, ...found };
}

function linearAxis(low, high, count) {
  if (high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) {
    const room = Math.abs(low) / 2 || 1;
    [low, high] = low === 0 ? [0, 1] : [low - room, high + room];
  }
  const pad = 0.05 * (high - low); // what lies at 0 or at 1 does not lie on the frame
  [low, high] = [low - pad, high + pad];
  const places = ticks(low, high, count);
  return { low, high, named: named(places, places.length > 1 ? places[1] - places[0] : high - low), faint: [] };
}

// Ticks of whole steps from low to high, `count` at most.
export function stepTicks(low, high, count) {
  const found = ticks(low, high, count).filter((at) => Number.isInteger(at));
  return named(found, found.length > 1 ? found[1] - found[0] : 1);
}

// Ticks of the numbers from low to high on a logarithmic axis, `count` at most, and `faint` ones between them.
export function logSteps(low, high, count) {
  const [from, to] = [Math.log10(low), Math.log10(high)];
  const found = decades(from, to, count).map(({ at }) => logTick(10 ** at));
  const faint = to - from > 6 ? [] : digits(Math.floor(from), to).map((at) => 10 ** at).filter((at) => at > low && at < high);
  if (found.length > 1) return { named: found, faint };
  const between = ticks(low, high, count); // a span so narrow that no two such numbers lie in it
  return { named: named(between, between.length > 1 ? between[1] - between[0] : high - low), faint: [] };
}

function logTick(value) {
  const k = Math.floor(Math.log10(value) + 1e-9), front = Math.round(value / 10 ** k), at = Number(`${front}e${k}`);
  const plain = k >= -4 && k < 6;
  return { at, text: plain ? at.toLocaleString("en", { maximumFractionDigits: 4 }) : `${front > 1 ? `${front}·` : ""}10${superscript(k)}` };
}

// Where 2, 3, … 9 of every decade lie, from the one that begins at `first`.
function digits(first, high) {
  const found = [];
  for (let k = first; k <= high; k++) for (let digit = 2; digit < 10; digit++) found.push(k + Math.log10(digit));
  return found;
}

// A number on the x axis in words: 12,000, or 0.25.
export const spelt = (x) => (Number.isInteger(x) ? x.toLocaleString("en") : format(x));

// Numbers that are multiples of `step`, all written in one way: 12,000, 0.003, or 2·10⁶.
export function named(places, step) {
  const largest = Math.max(0, ...places.map(Math.abs));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)); // of a fraction
  const plain = (at) => at.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const text = (at) => (Math.abs(at) < step / 2 ? "0" : largest >= 1e6 || digits > 5 ? powered(at, step) : plain(at));
  return places.map((at) => ({ at, text: minus(text(at)) }));
}

function powered(value, step) {
  const k = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
  const digits = Math.max(0, k - Math.floor(Math.log10(step) + 1e-9));
  const front = (value / 10 ** k).toFixed(Math.min(digits, 4));
  return `${Number(front) === 1 ? "" : `${front}·`}10${superscript(k)}`.replace(/^-1·/, "-");
}

// Powers of ten are named; what stands between is a hint.  Within one decade other numbers are named too.
function logTicks(low, high, count) {
  const powers = [];
  for (let k = Math.ceil(low); k <= high; k++) powers.push(k);
  if (powers.length < 2) {
    const within = [count, 99].map((most) => decades(low, high, most)).find((found) => found.length > 1);
    if (within) return { named: within, faint: [] };
    const between = ticks(10 ** low, 10 ** high, 8); // a span so narrow that no such number lies in it
    return { named: named(between, between[1] - between[0]).map(({ at, text }) => ({ at: Math.log10(at), text })), faint: [] };
  }
  const every = Math.max(1, Math.ceil(powers.length / count));
  const written = powersAsText(powers);
  const faint = high - low > 6 ? [] : digits(Math.floor(low), high);
  return {
    named: powers.flatMap((at, i) => (at % every ? [] : [{ at, text: written[i] }])),
    faint: faint.filter((at) => at > low && at < high),
  };
}

function powersAsText(powers) {
  const short = powers.every((k) => k >= -3 && k <= 4);
  return powers.map((k) => (short || k === 0 || k === 1 ? (10 ** k).toLocaleString("en", { maximumFractionDigits: 3 }) : `10${superscript(k)}`));
}

function symlogTicks(low, high, count, linear) {
  const start = Math.round(Math.log10(linear)), places = [{ at: 0, text: "0" }];
  const last = Math.ceil(Math.max(high, -low));
  const every = Math.max(1, Math.ceil((high - low) / Math.max(1, count - 1)));
  const powers = Array.from({ length: last + 1 }, (_, i) => start + i);
  const written = powersAsText(powers);
  for (let i = every; i <= last; i += every) {
    const at = Math.log10(1 + 10 ** i);
    places.push({ at, text: written[i] }, { at: -at, text: `−${written[i]}` });
  }
  return { named: places.filter(({ at }) => at >= low && at <= high), faint: [] };
}

// Grid, frame, numbers and names of the axes of a chart {box, axis, steps, hints, spec, type, X}.
export function drawAxes(context, { box, axis, steps, hints, spec, type, X }, width, theme) {
  const { size } = type;
  const grid = (draw, alpha) => {
    context.beginPath();
    draw();
    context.globalAlpha = alpha;
    context.stroke();
    context.globalAlpha = 1;
  };
  const y = (at) => box.y + box.h - ((at - axis.low) / (axis.high - axis.low)) * box.h;
  context.strokeStyle = theme.colour("grid");
  context.lineWidth = 1;
  grid(() => axis.faint.forEach((at) => line(context, box.x, y(at), box.x + box.w, y(at))), 0.4);
  grid(() => hints.forEach((at) => line(context, X(at), box.y, X(at), box.y + box.h)), 0.4);
  grid(() => axis.named.forEach(({ at }) => line(context, box.x, y(at), box.x + box.w, y(at))), 0.9);
  grid(() => steps.forEach(({ at }) => line(context, X(at), box.y, X(at), box.y + box.h)), 0.9);
  grid(() => context.rect(box.x, box.y, box.w, box.h), 1);
  context.font = type.font(400);
  context.fillStyle = theme.text;
  context.textAlign = "right";
  context.textBaseline = "middle";
  let free = Infinity; // no label above the last one may reach below this
  for (const { at, text } of [...axis.named].sort((a, b) => a.at - b.at)) {
    if (y(at) > free) continue;
    context.fillText(text, box.x - 6, y(at));
    free = y(at) - size * 1.15;
  }
  const below = box.y + box.h + 5;
  context.textBaseline = "top";
  context.textAlign = "center";
  const title = spec.log_x ? 0 : context.measureText(spec.x_label).width + size; // below numbers of which each counts
  for (const { at, text } of steps) {
    const half = context.measureText(text).width / 2, middle = Math.max(half, Math.min(width - 3 - half, X(at)));
    if (middle + half < width - 2 - title) context.fillText(text, middle, below); // the title comes first
  }
  context.fillStyle = theme.colour("neutral");
  context.textAlign = "right";
  context.fillText(spec.x_label, width - 2, below + (spec.log_x ? size * 1.3 : 0));
  context.textAlign = "left";
  const measure = (text) => context.measureText(text).width;
  context.fillText(fitted(spec.y_label, width - 4, measure), 3, 3); // off the round corner
}
