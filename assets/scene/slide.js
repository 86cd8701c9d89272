// One number followed through a convolution: the kernel over the input, product by product, to the sum, the activation,
// the pooling and the class.  The kernel slides by itself, under the pointer, and by the arrow keys; the place where it
// stands is kept here, so it survives new frames.  All sums are made here from the numbers that came.

const version = new URL(import.meta.url).search;
const { css, format, STEPS } = await import(`./theme.js${version}`);
const { hatching } = await import(`./marks.js${version}`);
const { colourKey } = await import(`./colour_key.js${version}`);
const { bars } = await import(`./bars.js${version}`);
const { POOL, between, bounds, short, story, strongest, taps } = await import(`./kernel.js${version}`);

const PACE = 170; // milliseconds from place to place
const SWEEP = 110; // places in one sweep, at most: larger maps are crossed in larger steps
const GAP = 18;

export class Slide {
  constructor() {
    this.legend = [];
    this.cursor = "crosshair";
    this.pannable = false;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.timer = setInterval(() => this.tick(), PACE);
    this.said = "";
  }

  remove() {
    clearInterval(this.timer);
  }

  update(spec, arrays) {
    this.spec = spec;
    for (const name of ["picture", "inputs", "kernel", "sums", "normed", "active", "pooled", "towards", "probabilities"]) {
      this[name] = { data: arrays[spec[name]].data, shape: arrays[spec[name]].shape };
    }
    [this.rows, this.columns] = this.sums.shape;
    const last = this.rows * this.columns;
    if (this.place === undefined) this.place = this.still.matches ? Math.floor(this.rows / 2) * this.columns + Math.floor(this.columns / 2) : 0;
    if (this.place >= last) this.place = last - 1;
  }

  get row() {
    return Math.floor(this.place / this.columns);
  }

  get column() {
    return this.place % this.columns;
  }

  get sliding() {
    return !this.still.matches && !this.pinned && !this.over;
  }

  tick() {
    if (!this.sums || !this.sliding || document.hidden) return;
    const count = this.rows * this.columns;
    this.place = (this.place + Math.max(1, Math.round(count / SWEEP))) % count;
    this.redraw();
  }

  // ---------------------------------------------------------------- where things stand

  layout(width, height, theme) {
    const caption = theme.size(13) + 8, line = theme.size(16) + 8, narrow = width < 620;
    const band = narrow ? 5 * line : 2 * line;
    const deep = this.spec.deep;
    const tall = height - band - line - 4;
    const place = (x, y, side) => ({ x, y: y + caption, side });
    this.caption = caption;
    this.boxes = {};
    if (narrow) {
      const below = deep ? ["picture", "sums", "active", "pooled"] : ["sums", "active", "pooled"];
      const big = Math.min((width - GAP) / 2, (tall - 3 * caption) * 0.42);
      const step = (width + GAP) / below.length;
      const small = Math.min(step - GAP, (tall - big - 3 * caption) * 0.4);
      this.boxes.inputs = place(0, 0, big);
      this.boxes.products = place(big + GAP, 0, big);
      const y = big + caption + 6;
      below.forEach((name, i) => (this.boxes[name] = place(i * step, y, small)));
      const bars = y + small + caption + 6;
      this.boxes.classes = { x: 0, y: bars + caption, w: width, h: tall - bars - caption };
    } else {
      const small = Math.max(40, Math.min((tall - 2 * caption - 10) / 2, width * 0.15));
      const classes = Math.max(120, width * 0.17);
      const wide = (beside) => Math.min(tall - caption, (width - classes - 2 * small - beside - 4 * GAP) / 2);
      const below = tall - wide(0) - 2 * caption - 10; // what is left below the input, where the picture may stand
      const stacked = deep && below >= 80, big = wide(deep && !stacked ? small + GAP : 0);
      let x = 0;
      if (stacked) this.boxes.picture = place(0, big + caption + 10, Math.min(big, below));
      else if (deep) [this.boxes.picture, x] = [place(0, 0, small), small + GAP];
      this.boxes.inputs = place(x, 0, big);
      this.boxes.products = place(x + big + GAP, 0, big);
      x += 2 * (big + GAP);
      this.boxes.sums = place(x, 0, small);
      this.boxes.active = place(x, small + caption + 10, small);
      this.boxes.pooled = place(x + small + GAP, (small + caption + 10) / 2, small);
      x += 2 * (small + GAP);
      this.boxes.classes = { x, y: caption, w: width - x, h: tall - caption };
    }
    this.bandAt = { y: tall + 6, line, width };
    this.keyAt = tall + 6 + band + 4;
  }

  cell(box, rows, columns, r, c) {
    const unit = box.side / Math.max(rows, columns);
    return { x: box.x + c * unit, y: box.y + r * unit, unit };
  }

  // The cell of a square drawing under the pointer.
  under(box, rows, columns, px, py) {
    if (!box) return null;
    const unit = box.side / Math.max(rows, columns);
    const c = Math.floor((px - box.x) / unit), r = Math.floor((py - box.y) / unit);
    return c >= 0 && r >= 0 && c < columns && r < rows ? { r, c } : null;
  }

  // ---------------------------------------------------------------- drawing

  draw(context, width, height, theme, { pointer }) {
    this.layout(width, height, theme);
    this.over = pointer ? this.aim(pointer.x, pointer.y) : null;
    if (this.over && !this.pinned) this.place = this.over.r * this.columns + this.over.c;
    const { spec } = this;
    const at = taps(this);
    if (this.boxes.picture) this.drawPicture(context, theme);
    this.drawInputs(context, theme, at.taps);
    this.drawProducts(context, theme, at.taps);
    const filled = this.sliding ? this.place : Infinity;
    this.drawMap(context, theme, "sums", `sums (${this.rows} × ${this.columns})`, "diverging", filled);
    this.drawMap(context, theme, "active", spec.norm === "none" && !spec.skips ? "relu" : `${between(spec)}, relu`, "sequential", filled);
    if (spec.pool !== "none") this.drawPooled(context, theme, filled);
    else this.drawMap(context, theme, "pooled", "no pooling: goes on", "sequential", filled);
    this.drawClasses(context, theme);
    this.drawBand(context, theme, at);
    const short = width < 620;
    colourKey(context, theme, 0, this.keyAt, short ? [["−", "diverging", "+"], ["0", "sequential", "much"]]
      : [["product or sum: takes away", "diverging", "adds"], ["map: not found here", "sequential", "found"]]);
  }

  label(context, theme, box, text) {
    context.font = theme.fontOf(13);
    context.fillStyle = theme.colour("neutral");
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillText(text, box.x, box.y - 6, Math.max(box.side || box.w, 60) + GAP - 4);
  }

  cells(context, theme, box, values, rows, columns, { palette, low, high, filled = Infinity, offset = 0 }) {
    const lut = theme.lut(palette), unit = box.side / Math.max(rows, columns);
    const scale = STEPS / (high - low || 1);
    context.fillStyle = hatching(context, theme);
    if (filled !== Infinity) context.fillRect(box.x, box.y, unit * columns, unit * rows);
    for (let i = 0, n = rows * columns; i < n && i <= filled; i++) {
      const value = values[offset + i];
      const step = value === value ? Math.max(0, Math.min(STEPS, Math.round((value - low) * scale))) : 255;
      context.fillStyle = css(lut[step]);
      context.fillRect(box.x + (i % columns) * unit, box.y + Math.floor(i / columns) * unit, unit + 0.4, unit + 0.4);
    }
    context.strokeStyle = theme.colour("grid");
    context.lineWidth = 1;
    context.strokeRect(box.x, box.y, unit * columns, unit * rows);
  }

  frameCell(context, theme, box, rows, columns, r, c, span = 1, colour = theme.text) {
    const { x, y, unit } = this.cell(box, rows, columns, r, c);
    context.strokeStyle = colour;
    context.lineWidth = 2.5;
    context.strokeRect(x, y, unit * span, unit * span);
  }

  // The whole picture, and what this one unit can see of it at all.
  drawPicture(context, theme) {
    const box = this.boxes.picture, [h, w] = this.picture.shape;
    const { sees } = this.spec;
    this.label(context, theme, box, `sees ${sees} × ${sees}`);
    this.cells(context, theme, box, this.picture.data, h, w, { palette: "sequential", low: 0, high: 1 });
    this.drawField(context, theme, box, h);
  }

  drawField(context, theme, box, side) {
    const { sees, jump, start } = this.spec;
    const unit = box.side / side;
    const clip = (v) => Math.max(0, Math.min(side, v));
    const edge = (index) => [clip(start + index * jump), clip(start + index * jump + sees)];
    const [x0, x1] = edge(this.column), [y0, y1] = edge(this.row);
    context.strokeStyle = theme.colour("negative");
    context.lineWidth = 2.5;
    context.strokeRect(box.x + x0 * unit, box.y + y0 * unit, (x1 - x0) * unit, (y1 - y0) * unit);
  }

  // The padded input with the window over it.
  drawInputs(context, theme, taps) {
    const { padding, source, deep } = this.spec, [inputs, h, w] = this.inputs.shape;
    const box = this.boxes.inputs, side = h + 2 * padding, unit = box.side / side;
    const inner = { x: box.x + padding * unit, y: box.y + padding * unit, side: h * unit };
    this.label(context, theme, box, deep ? `map ${source + 1} of ${inputs}, ${h} × ${w}` : `picture, ${h} × ${w}` + (padding ? `, padding ${padding}` : ""));
    context.fillStyle = theme.colour("grid");
    context.fillRect(box.x, box.y, box.side, box.side);
    let high = deep ? 1e-6 : 1;
    const start = source * h * w;
    if (deep) for (let i = 0; i < h * w; i++) high = Math.max(high, this.inputs.data[start + i]);
    this.inputsHigh = high;
    this.cells(context, theme, inner, this.inputs.data, h, w, { palette: "sequential", low: 0, high, offset: start });
    context.lineWidth = 1.2;
    context.strokeStyle = theme.colour("negative");
    for (const tap of taps) context.strokeRect(inner.x + tap.c * unit + 0.5, inner.y + tap.r * unit + 0.5, unit - 1, unit - 1);
    const first = taps[0], last = taps[taps.length - 1];
    context.lineWidth = 3;
    context.strokeRect(inner.x + first.c * unit, inner.y + first.r * unit, (last.c - first.c + 1) * unit, (last.r - first.r + 1) * unit);
  }

  // pixel × weight = product, one cell for each weight of the kernel.
  drawProducts(context, theme, taps) {
    const box = this.boxes.products, k = this.kernel.shape[1], unit = box.side / k;
    this.label(context, theme, box, unit > 54 ? "pixel × weight = product" : "product = pixel × weight");
    const reach = Math.max(1e-9, ...this.kernel.data.map(Math.abs)) * Math.max(this.inputsHigh, 1e-9);
    const lut = theme.lut("diverging");
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const tap of taps) {
      const x = box.x + tap.b * unit, y = box.y + tap.a * unit;
      context.fillStyle = css(lut[Math.max(0, Math.min(STEPS, Math.round((tap.product / reach + 1) * (STEPS / 2))))]);
      context.fillRect(x, y, unit, unit);
      context.strokeStyle = theme.colour("grid");
      context.lineWidth = 1;
      context.strokeRect(x, y, unit, unit);
      context.fillStyle = theme.text;
      const middle = x + unit / 2, room = unit - 4;
      if (unit > 54) {
        const size = Math.min(15, unit / 4.6);
        context.font = theme.fontOf(size);
        context.fillText(tap.inside ? short(tap.value) : "0 (pad)", middle, y + unit * 0.22, room);
        context.fillText(`× ${short(tap.weight)}`, middle, y + unit * 0.48, room);
        context.font = theme.fontOf(size, 600);
        context.fillText(`= ${short(tap.product)}`, middle, y + unit * 0.76, room);
      } else if (unit > 21) {
        context.font = theme.fontOf(Math.min(13, unit / 2.6));
        context.fillText(short(tap.product), middle, y + unit / 2, room + 2);
      }
    }
    context.strokeStyle = theme.colour("negative");
    context.lineWidth = 3;
    context.strokeRect(box.x, box.y, box.side, box.side);
  }

  drawMap(context, theme, name, title, palette, filled) {
    const box = this.boxes[name], { data, shape: [rows, columns] } = this[name];
    const [low, high] = bounds(data, palette);
    this.label(context, theme, box, title);
    this.cells(context, theme, box, data, rows, columns, { palette, low, high, filled });
    this.frameCell(context, theme, box, rows, columns, this.row, this.column);
  }

  drawPooled(context, theme, filled) {
    const box = this.boxes.pooled, { data, shape: [rows, columns] } = this.pooled;
    const [low, high] = bounds(data, "sequential");
    this.label(context, theme, box, `${this.spec.pool === "max" ? "max" : "mean"} of 2 × 2`);
    // A pooled cell is known once the last of its four is.
    const seen = Math.floor((Math.floor(filled / this.columns) + 1) / POOL) * columns - 1;
    this.cells(context, theme, box, data, rows, columns, { palette: "sequential", low, high, filled: filled === Infinity ? filled : seen });
    const r = Math.floor(this.row / POOL), c = Math.floor(this.column / POOL);
    const four = r < rows && c < columns;
    if (four) this.frameCell(context, theme, box, rows, columns, r, c);
    if (four) this.frameCell(context, theme, this.boxes.active, this.rows, this.columns, r * POOL, c * POOL, POOL, theme.colour("neutral"));
  }

  drawClasses(context, theme) {
    const { classes, answer, truth } = this.spec;
    this.label(context, theme, this.boxes.classes, "class, probability");
    bars(context, theme, { ...this.boxes.classes, classes, probabilities: this.probabilities.data, answer, truth });
  }

  drawBand(context, theme, at) {
    const parts = story(this, at);
    this.said = `Row ${this.row + 1}, column ${this.column + 1}: ` + parts.map(([text, value]) => (value === null ? text : `${text} ${short(value)}`)).join(" ");
    let x = 0, y = this.bandAt.y + this.bandAt.line / 2;
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const [text, value] of parts) {
      context.font = theme.fontOf(16);
      const number = value === null ? "" : short(value);
      const w = context.measureText(text).width + 6, whole = w + context.measureText(number).width + 12;
      if (x + whole > this.bandAt.width && x > 0) [x, y] = [0, y + this.bandAt.line];
      context.fillStyle = theme.colour("neutral");
      context.fillText(text, x, y);
      context.font = theme.fontOf(16, 700);
      context.fillStyle = value === null || value === 0 ? theme.text : theme.colour(value < 0 ? "negative" : "positive");
      context.fillText(number, x + w, y);
      x += whole;
    }
    if (this.pinned) {
      context.font = theme.fontOf(13);
      context.fillStyle = theme.text;
      context.textAlign = "right";
      context.fillText("held here: click to let go", this.bandAt.width, this.boxes.classes.y - this.caption / 2 - 4);
    }
  }

  // ---------------------------------------------------------------- pointer and keys

  // The place of the kernel that the pointer asks for, or null.
  aim(px, py) {
    const { stride, padding, dilation, pool } = this.spec, [, h] = this.inputs.shape, k = this.kernel.shape[1];
    const side = h + 2 * padding;
    const on = this.under(this.boxes.inputs, side, side, px, py);
    const fit = (cell, count) => Math.max(0, Math.min(count - 1, Math.round((cell - (dilation * (k - 1)) / 2) / stride)));
    if (on) return { r: fit(on.r, this.rows), c: fit(on.c, this.columns) };
    for (const name of ["sums", "active"]) {
      const found = this.under(this.boxes[name], this.rows, this.columns, px, py);
      if (found) return found;
    }
    const [rows, columns] = this.pooled.shape;
    const pooled = this.under(this.boxes.pooled, rows, columns, px, py);
    if (!pooled) return null;
    return pool === "none" ? pooled : strongest(this, pooled);
  }

  describe(px, py) {
    const k = this.kernel.shape[1], on = this.under(this.boxes.products, k, k, px, py);
    if (!on) return null;
    const tap = taps(this).taps[on.r * k + on.c];
    const rows = [["pixel", tap.inside ? format(tap.value) : "0 (padding)"], ["weight", format(tap.weight)], ["product", format(tap.product)]];
    return { title: `Row ${on.r + 1}, column ${on.c + 1} of the kernel`, rows };
  }

  // A click holds the kernel where it is, or lets it go.
  click(px, py) {
    const at = this.aim(px, py);
    if (this.pinned) this.pinned = false;
    else if (at) this.pinned = true;
    if (at) this.place = at.r * this.columns + at.c;
    return null;
  }

  key(name) {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[name];
    if (name === "Enter") this.pinned = !this.pinned;
    else if (move) {
      const count = this.rows * this.columns;
      [this.pinned, this.place] = [true, (this.place + move + count) % count];
    } else return false;
    return true;
  }
}
