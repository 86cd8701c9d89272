// The arithmetic of a sliding kernel: what it sees at a place, and the way of one number from there to the class.
// `slide` is a Slide: spec, place, row, column, and the arrays as {data, shape}.

const version = new URL(import.meta.url).search;
const { format } = await import(`./theme.js${version}`);

export const POOL = 2;

// What the kernel sees at its place: for each weight of the map that is shown the cell under it, and their sums.
export function taps(slide) {
  const { stride, padding, dilation, source } = slide.spec;
  const [inputs, h, w] = slide.inputs.shape, k = slide.kernel.shape[1];
  const found = [];
  let rest = 0;
  for (let i = 0; i < inputs; i++) {
    for (let a = 0; a < k; a++) {
      for (let b = 0; b < k; b++) {
        const r = slide.row * stride - padding + a * dilation, c = slide.column * stride - padding + b * dilation;
        const inside = r >= 0 && r < h && c >= 0 && c < w;
        const value = inside ? slide.inputs.data[(i * h + r) * w + c] : 0;
        const weight = slide.kernel.data[(i * k + a) * k + b];
        if (i === source) found.push({ r, c, a, b, inside, value, weight, product: value * weight });
        else rest += value * weight;
      }
    }
  }
  return { taps: found, rest, own: found.reduce((sum, tap) => sum + tap.product, 0) };
}

// What happens between the sum and relu, in words; nothing if nothing does.
export function between(spec) {
  return [spec.norm === "none" ? "" : `${spec.norm} norm`, spec.skips ? "skip" : ""].filter(Boolean).join(", ");
}

// The way of one number as one line of text.
export function story(slide, { taps, own, rest }) {
  const { spec } = slide, [inputs] = slide.inputs.shape, i = slide.place;
  const parts = [[`${taps.length} product${taps.length > 1 ? "s" : ""}`, own]];
  if (inputs > 1) parts.push([`+ ${inputs - 1} other map${inputs > 2 ? "s" : ""}`, rest]);
  parts.push(["+ bias", spec.bias], ["= sum", own + rest + spec.bias]);
  if (between(spec)) parts.push([`→ ${between(spec)}`, slide.normed.data[i]]);
  parts.push(["→ relu", slide.active.data[i]]);
  let at = i;
  if (spec.pool !== "none") {
    const [rows, columns] = slide.pooled.shape;
    const r = Math.floor(slide.row / POOL), c = Math.floor(slide.column / POOL);
    if (r >= rows || c >= columns) return [...parts, ["→ cut off by the pooling", null]];
    at = r * columns + c;
    parts.push([`→ ${spec.pool === "max" ? "max" : "mean"} of four`, slide.pooled.data[at]]);
  }
  const slope = slide.towards.data[at];
  parts.push([spec.last ? "→ × weight" : "→ × slope", slope], [`= for “${spec.classes[spec.answer]}”`, slope * slide.pooled.data[at]]);
  return parts;
}

// Of the four cells behind a pooled one, the largest.
export function strongest(slide, { r, c }) {
  let best = null;
  for (let i = 0; i < POOL * POOL; i++) {
    const at = { r: r * POOL + Math.floor(i / POOL), c: c * POOL + (i % POOL) };
    if (!best || slide.active.data[at.r * slide.columns + at.c] > slide.active.data[best.r * slide.columns + best.c]) best = at;
  }
  return best;
}

// The lowest and highest value of a colour map for these numbers.
export function bounds(values, palette) {
  let reach = 1e-9;
  for (const value of values) if (Math.abs(value) > reach) reach = Math.abs(value);
  return palette === "diverging" ? [-reach, reach] : [0, reach];
}

// Two decimals are enough to follow a sum by eye; small numbers keep their size.
export function short(value) {
  if (!Number.isFinite(value)) return format(value);
  const size = Math.abs(value);
  const text = size !== 0 && size < 0.005 ? value.toExponential(0).replace("e-", "e−") : value.toFixed(size >= 100 ? 0 : 2);
  return text.replace(/^-/, "−").replace(/^−(0(\.0+)?)$/, "$1");
}
