// Pictures made of cells: one heatmap with its contour lines, or an atlas of many small ones.
// All of them are remade only when their values or colours change, and reuse their pixels.

const version = new URL(import.meta.url).search;
const { NOT_A_NUMBER, STEPS } = await import(`./theme.js${version}`);
const { fine } = await import(`./decode.js${version}`);
const { hatching } = await import(`./marks.js${version}`);

class Pixels {
  resize(width, height) {
    if (this.canvas && this.canvas.width === width && this.canvas.height === height) return;
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
  }

  show() {
    this.context.putImageData(this.image, 0, 0);
  }
}

export function same(a, b) {
  if (!a || a.length !== b.length || a.constructor !== b.constructor) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && (a[i] === a[i] || b[i] === b[i])) return false;
  return true;
}

export class Heat {
  constructor() {
    this.pixels = new Pixels();
    this.made = "";
    this.serial = 0; // grows when the picture changes
  }

  update(layer, arrays, theme) {
    const { shape } = arrays[layer.values], data = fine(arrays[layer.values], layer.scale);
    const confidence = layer.confidence === undefined ? null : arrays[layer.confidence].data;
    const made = [theme.version, shape, layer.low, layer.high, layer.palette, layer.levels, layer.extent].join("|");
    const unchanged = made === this.made && same(this.data, data) && (!confidence || same(this.confidence, confidence));
    Object.assign(this, { layer, data, confidence, made });
    [this.rows, this.columns] = shape;
    if (unchanged) return;
    this.serial += 1;
    this.pixels.resize(this.columns, this.rows);
    this.paint(theme);
    this.contours = (layer.levels || []).map((level) => contour(data, this.rows, this.columns, level));
  }

  paint(theme) {
    const { data, confidence, layer, pixels } = this;
    const words = pixels.words;
    this.holes = false;
    if (confidence) {
      const known = new Map();
      for (let i = 0; i < data.length; i++) {
        if (data[i] === NOT_A_NUMBER) {
          words[i] = 0;
          this.holes = true;
          continue;
        }
        const key = data[i] * 256 + confidence[i];
        if (!known.has(key)) known.set(key, theme.classPixel(data[i], confidence[i] / STEPS));
        words[i] = known.get(key);
      }
    } else {
      const lut = theme.lut(layer.palette);
      const scale = STEPS / (layer.high - layer.low);
      const quantised = data instanceof Uint8Array;
      for (let i = 0; i < data.length; i++) {
        let step = data[i];
        if (!quantised) step = step === step ? Math.max(0, Math.min(STEPS, Math.round((step - layer.low) * scale))) : NOT_A_NUMBER;
        if (step === NOT_A_NUMBER) this.holes = true;
        words[i] = lut[step];
      }
    }
    pixels.show();
  }

  // The value at a place on the plane, or undefined outside.
  at(x, y) {
    const [x0, x1, y0, y1] = this.layer.extent;
    const column = Math.round(((x - x0) / (x1 - x0)) * (this.columns - 1));
    const row = Math.round(((y - y0) / (y1 - y0)) * (this.rows - 1));
    if (!(column >= 0 && column < this.columns && row >= 0 && row < this.rows)) return undefined;
    const i = row * this.columns + column;
    const value = this.data[i];
    if (this.confidence) return value === NOT_A_NUMBER ? undefined : { index: value, confidence: this.confidence[i] / STEPS };
    const { low, high, log } = this.layer;
    let real = value;
    if (this.data instanceof Uint8Array) real = value === NOT_A_NUMBER ? NaN : low + (value / STEPS) * (high - low);
    return log ? 10 ** real : real;
  }
}

// Marching squares: segments (column, row, column, row) along which the values cross `level`.
function contour(values, rows, columns, level) {
  const segments = [];
  const edge = [0, 0, 0, 0, 0, 0, 0, 0]; // crossing on the bottom, right, top and left edge of the cell
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < columns; c++) {
      const i = r * columns + c;
      const a = values[i], b = values[i + 1], d = values[i + columns], e = values[i + columns + 1];
      const kind = (a > level ? 1 : 0) | (b > level ? 2 : 0) | (e > level ? 4 : 0) | (d > level ? 8 : 0);
      if (kind === 0 || kind === 15 || !(Number.isFinite(a + b + d + e))) continue;
      edge[0] = c + (level - a) / (b - a); edge[1] = r;
      edge[2] = c + 1; edge[3] = r + (level - b) / (e - b);
      edge[4] = c + (level - d) / (e - d); edge[5] = r + 1;
      edge[6] = c; edge[7] = r + (level - a) / (d - a);
      for (const [from, to] of CELLS[kind]) segments.push(edge[from * 2], edge[from * 2 + 1], edge[to * 2], edge[to * 2 + 1]);
    }
  }
  return Float32Array.from(segments);
}

const CELLS = [
  [], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]],
  [[2, 3]], [[0, 2]], [[0, 1], [2, 3]], [[1, 2]], [[1, 3]], [[0, 1]], [[0, 3]], [],
];

// Many small pictures of one size on one canvas.
export class Atlas {
  constructor() {
    this.pixels = new Pixels();
  }

  // `values` (n, H, W) as uint8; `upward`: row 0 is the lowest one.
  update(values, palette, theme, upward) {
    const [count, rows, columns] = values.shape;
    const across = Math.max(1, Math.ceil(Math.sqrt(count)));
    Object.assign(this, { count, rows, columns, across, data: values.data, upward });
    const width = across * columns;
    this.pixels.resize(width, Math.max(1, Math.ceil(count / across)) * rows);
    const lut = theme.lut(palette);
    const words = this.pixels.words;
    let i = 0;
    for (let n = 0; n < count; n++) {
      const corner = Math.floor(n / across) * rows * width + (n % across) * columns;
      for (let r = 0; r < rows; r++) {
        let to = corner + (upward ? rows - 1 - r : r) * width;
        for (let c = 0; c < columns; c++) words[to++] = lut[values.data[i++]];
      }
    }
    this.holes = values.data.includes(NOT_A_NUMBER);
    this.pixels.show();
  }

  draw(context, index, x, y, width, height, theme) {
    if (this.holes) {
      context.fillStyle = hatching(context, theme);
      context.fillRect(x, y, width, height);
    }
    const column = (index % this.across) * this.columns;
    const row = Math.floor(index / this.across) * this.rows;
    context.drawImage(this.pixels.canvas, column, row, this.columns, this.rows, x, y, width, height);
  }

  // The value in cell (row, column) of one picture, counted from the top of the screen.
  at(index, row, column, low, high) {
    const r = this.upward ? this.rows - 1 - row : row;
    const step = this.data[(index * this.rows + r) * this.columns + column];
    return step === NOT_A_NUMBER ? NaN : low + (step / STEPS) * (high - low);
  }
}
