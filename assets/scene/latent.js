// A latent plane: codes as points, and beside it the picture that the place under the pointer is decoded to.
//
// A sheet of decoded pictures comes with every frame.  Between its four nearest pictures this module interpolates, so a
// drag needs no server; what it is told of, it decodes exactly, and sends that picture with `at`: all the way where that
// is live, and in any case where the code is let go.

const version = new URL(import.meta.url).search;
const { Atlas } = await import(`./heat.js${version}`);
const { STEPS } = await import(`./theme.js${version}`);
const { drawMarker } = await import(`./marks.js${version}`);
const { Plane } = await import(`./plane.js${version}`);

const GAP = 16;
const GRASP = 10; // pixels around the code that count as on it
const NARROW = 420; // pixels: below, the picture stands under the plane, with its lines beside it
const STRIDE = 0.04; // of half the plane, for an arrow key
const PATIENCE = 150; // milliseconds without a key until the code counts as let go
const LATE = 2000; // milliseconds after a drag in which pictures of its way may still come
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Latent extends Plane {
  constructor() {
    super();
    this.pannable = false; // a drag moves the code
    this.atlas = new Atlas();
    this.at = [0, 0];
    this.late = 0; // until then pictures of the way may come
  }

  attach(panel) {
    this.panel = panel;
  }

  remove() {
    clearTimeout(this.waiting);
  }

  get cursor() {
    return "crosshair";
  }

  update(spec, arrays, theme) {
    super.update(spec, arrays, theme);
    const asked = spec.at.join();
    if (asked === this.at.join()) this.late = 0;
    // A link, a lesson, the timeline; but no place on the way of a drag that is over.
    if (asked !== this.asked && !this.ink && !this.waiting && performance.now() > this.late) this.at = spec.at;
    this.asked = asked;
    this.sheet = arrays[spec.sheet];
    this.exact = arrays[spec.exact];
  }

  get pictures() {
    return this.sheet.data.length > 0;
  }

  // Numbers of the picture decoded at (x, y), as steps between its darkest and its brightest: {data, shape, exact}.
  decoded(x, y) {
    if ([x, y].join() === this.spec.at.join()) return { data: this.exact.data, shape: this.exact.shape, exact: true };
    const { data, shape: [rows, columns, h, w] } = this.sheet;
    const place = (v, [low, high], count) => Math.max(0, Math.min(count - 1, ((v - low) / (high - low)) * (count - 1)));
    const c = place(x, this.spec.x, columns), r = place(y, this.spec.y, rows);
    const c0 = Math.min(columns - 2, Math.floor(c)), r0 = Math.min(rows - 2, Math.floor(r));
    const u = c - c0, v = r - r0, size = h * w;
    const corners = [[r0, c0, (1 - v) * (1 - u)], [r0, c0 + 1, (1 - v) * u], [r0 + 1, c0, v * (1 - u)], [r0 + 1, c0 + 1, v * u]];
    const mixed = new Float32Array(size);
    for (const [row, column, share] of corners) {
      const start = (row * columns + column) * size;
      for (let i = 0; i < size; i++) mixed[i] += share * data[start + i];
    }
    return { data: Uint8Array.from(mixed, Math.round), shape: [h, w], exact: false };
  }

  draw(context, width, height, theme, state) {
    const { pointer } = state, seen = this.pictures;
    const caption = 2 * theme.size(18) + 8;
    const narrow = seen && width < NARROW;
    const side = seen ? Math.max(60, narrow ? height * 0.24 : Math.min(height - caption - 4, width * 0.3)) : 0;
    const taken = seen ? side + GAP : 0;
    super.draw(context, narrow ? width : width - taken, narrow ? height - taken : height, theme, { ...state, pointer: this.ink ? null : pointer });
    const here = this.ink ? this.bounded(this.ink.at(-1)) : this.at;
    this.drawCode(context, theme, here);
    const over = !this.ink && pointer && this.inside(pointer.x, pointer.y);
    const under = over && Math.hypot(pointer.x - this.X(here[0]), pointer.y - this.Y(here[1])) > GRASP;
    const [x, y] = under ? [this.toX(pointer.x), this.toY(pointer.y)] : here;
    const place = narrow ? { x: this.box.x, y: height - side - 3, below: false } : { x: width - side - 2, y: 8, below: true };
    if (seen) this.drawPicture(context, theme, x, y, { ...place, side, under });
    else this.said = `The code is at ${told(x)}, ${told(y)}.`;
  }

  drawCode(context, theme, [x, y]) {
    context.save();
    context.beginPath();
    context.rect(this.box.x, this.box.y, this.box.w, this.box.h);
    context.clip();
    drawMarker(context, "circle", 9, [0], () => this.X(x), () => this.Y(y), theme.colour("gradient"), theme, 3);
    context.restore();
  }

  drawPicture(context, theme, x, y, { x: left, y: top, side, under, below }) {
    const { data, shape: [h, w], exact } = this.decoded(x, y);
    this.atlas.update({ data, shape: [1, h, w] }, this.spec.palette, theme, false);
    context.imageSmoothingEnabled = false;
    this.atlas.draw(context, 0, left, top, side, side, theme);
    context.strokeStyle = exact ? theme.colour("gradient") : theme.colour("neutral");
    context.lineWidth = exact ? 2.5 : 1;
    context.strokeRect(left, top, side, side);
    const lines = [`${under ? "under the pointer" : "at the red point"}:`, exact ? "decoded exactly" : "between four of the sheet"];
    context.textAlign = "left";
    context.textBaseline = "top";
    context.font = theme.fontOf(14);
    context.fillStyle = theme.text;
    const [at, from] = below ? [left, top + side + 8] : [left + side + 12, top + 4];
    lines.forEach((line, i) => context.fillText(line, at, from + i * theme.size(18), below ? side : undefined));
    const mean = data.reduce((sum, step) => sum + step, 0) / data.length / STEPS;
    this.said = `At ${told(x)}, ${told(y)}: ${lines[1]}, mean brightness ${mean.toFixed(4)}.`;
  }

  drawInk() {} // what is dragged is drawn as the code

  // What is sent on the way of a drag.
  grasped() {
    const [x, y] = this.bounded(this.ink.at(-1));
    return { kind: "latent", x, y, points: [] };
  }

  // The drag is over: this is sent with it.
  finish() {
    this.at = this.bounded(this.ink.at(-1));
    this.late = performance.now() + LATE;
    return this.grasped();
  }

  bounded([x, y]) {
    const within = (v, [low, high]) => Math.round(Math.max(low, Math.min(high, v)) * 1000) / 1000;
    return [within(x, this.spec.x), within(y, this.spec.y)];
  }

  key(name) {
    const way = KEYS[name];
    if (!way) return false;
    const unit = STRIDE * (this.spec.x[1] - this.spec.x[0]) / 2;
    this.at = this.bounded([this.at[0] + way[0] * unit, this.at[1] + way[1] * unit]);
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.waiting = undefined;
      this.panel.scene.send({ panel: this.panel.key, kind: "latent", x: this.at[0], y: this.at[1] });
    }, PATIENCE);
    return true;
  }

  describe(px, py) {
    return this.ink ? null : super.describe(px, py);
  }

  click() {
    return null;
  }
}

const told = (value) => value.toFixed(3).replace("-", "−");
