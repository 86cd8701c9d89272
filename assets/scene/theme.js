// Colours and type: the palette by meaning, in the light or dark variant that fits Streamlit's theme, and numbers as text.

export const NOT_A_NUMBER = 255; // this cell has no value
export const STEPS = 254;

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const packed = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0; // one little-endian pixel
const mix = (a, b, t) => a.map((v, i) => Math.round(v + (b[i] - v) * t));

export class Theme {
  constructor(palette) {
    this.palette = palette;
    this.version = 0; // grows when colours change, so that cached pictures are made again
    this.signature = "";
  }

  // Cheap enough for every frame: one computed style, nothing else happens while it stays the same.
  read(element) {
    const style = getComputedStyle(element);
    const value = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
    const background = value("--st-background-color", "#ffffff");
    const text = value("--st-text-color", "#1f2937");
    const font = value("--st-font", "system-ui, sans-serif");
    const base = parseFloat(value("--st-base-font-size", "16px")) || 16;
    const signature = [background, text, font, base].join("|");
    if (signature === this.signature) return;
    Object.assign(this, { signature, background, text, font, base });
    this.backgroundRgb = rgb(background);
    const [r, g, b] = this.backgroundRgb;
    this.dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
    this.mode = this.dark ? "dark" : "light";
    this.luts = new Map();
    this.version++;
    element.style.setProperty("--grid", this.colour("grid"));
    element.style.setProperty("--quiet", this.colour("neutral"));
  }

  colour(token) {
    if (token === "text") return this.text;
    const entry = this.palette.colours[token];
    return entry ? entry[this.mode] : this.text;
  }

  classColour(index) {
    return this.colour(`class_${index % 10}`);
  }

  // Class colours, by class and by confidence: pale where unsure.
  classPixel(index, confidence) {
    return packed(mix(this.backgroundRgb, channels(this.classColour(index)), 0.12 + 0.58 * confidence));
  }

  size(pixels) {
    return (pixels * this.base) / 16;
  }

  fontOf(pixels, weight = 400) {
    return `${weight} ${this.size(pixels)}px ${this.font}`;
  }

  // 256 pixels from the lowest to the highest value; the last one is transparent.
  lut(name) {
    let lut = this.luts.get(name);
    if (!lut) {
      const stops = this.palette.maps[name][this.mode].map(channels);
      lut = new Uint32Array(256);
      for (let i = 0; i <= STEPS; i++) {
        const at = (i / STEPS) * (stops.length - 1);
        const k = Math.min(stops.length - 2, Math.floor(at));
        lut[i] = packed(mix(stops[k], stops[k + 1], at - k));
      }
      this.luts.set(name, lut);
    }
    return lut;
  }

  gradient(name) {
    return `linear-gradient(90deg, ${this.palette.maps[name][this.mode].join(",")})`;
  }
}

export function css(pixel) {
  return `rgb(${pixel & 255},${(pixel >> 8) & 255},${(pixel >> 16) & 255})`;
}

function rgb(colour) {
  if (colour.startsWith("#")) {
    const full = colour.length === 4 ? "#" + [...colour.slice(1)].map((c) => c + c).join("") : colour;
    return channels(full);
  }
  return (colour.match(/[\d.]+/g) || [255, 255, 255]).slice(0, 3).map(Number);
}

// Four digits, and no more than so many `decimals`.
export function format(value, decimals = Infinity) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 10 ** (3 - decimals)) {
    const fixed = value.toFixed(decimals), round = Number(fixed);
    return (round ? String(round) : fixed.replace("-", "")).replace("-", "−");
  }
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(2).replace("e+", "e") : String(Number(value.toPrecision(4)));
  return text.replace(/-/g, "−");
}

// About `count` round numbers from low to high.
export function ticks(low, high, count) {
  const [a, b] = low < high ? [low, high] : [high, low];
  const rough = (b - a) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(a / step - 1e-9); k * step <= b + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

// Ticks of a logarithmic axis from 10^low to 10^high, at most `count`: 1, 2 and 5 of each decade if there is room.
export function decades(low, high, count) {
  const [a, b] = low < high ? [low, high] : [high, low];
  const digits = [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].find((list) => list.length * (b - a) <= count) || [1];
  const every = Math.ceil((b - a) / count);
  const found = [];
  for (let k = Math.floor(a); k <= b; k++) {
    if (((k % every) + every) % every) continue;
    for (const digit of digits) {
      const at = k + Math.log10(digit);
      if (at >= a - 1e-9 && at <= b + 1e-9) found.push({ at, text: k > 3 || k < -3 ? power(digit, k) : format(digit * 10 ** k) });
    }
  }
  return found;
}

const power = (digit, k) => (digit > 1 ? `${digit}·` : "") + "10" + String(k).replace("-", "⁻").replace(/[0-9]/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
