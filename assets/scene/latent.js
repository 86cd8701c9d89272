// A latent plane: codes as points, and beside it the picture that the place under the pointer is decoded to.
//
// A sheet of decoded pictures comes with every frame.  Between its four nearest pictures this module interpolates, so a
// drag needs no server; what it is told of, it decodes exactly, and sends that picture with `at`: all the way where that
// is live, and in any case where the code is let go.  Below stands a film strip of the way from one place to another:
// the walk that came, or the line that was dragged last.

const version = new URL(import.meta.url).search;
const { Atlas } = await import(`./heat.js${version}`);
const { STEPS } = await import(`./theme.js${version}`);
const { drawMarker, halo } = await import(`./marks.js${version}`);
const { Plane } = await import(`./plane.js${version}`);

const GAP = 16;
const GRASP = 10; // pixels around the code that count as on it
const ROOMY = 440; // pixels of height from which on the strip is as wide as the panel
const FRAMES = 9; // pictures of a strip along a dragged line
const NAME = [14, 0.075, 28]; // size of the names of classes: at least, as a share of the plane, at most
const PLACES = [[0, 0], [0, -1], [0, 1], [1, 0], [-1, 0], [1, -1], [-1, -1], [1, 1], [-1, 1], [0, -2], [0, 2]]; // to which a name may go
const STRIDE = 0.04; // of half the plane, for an arrow key
const PATIENCE = 150; // milliseconds without a key until the code counts as let go
const LATE = 2000; // milliseconds after a drag in which pictures of its way may still come
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Latent extends Plane {
  constructor() {
    super();
    this.pannable = false; // a drag moves the code
    this.atlas = new Atlas();
    this.strip = new Atlas();
    this.at = [0, 0];
    this.own = null; // a line of the visitor's own, from one code to another
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
    this.walked = arrays[spec.walked];
    const walk = JSON.stringify([spec.called]);
    if (this.walk !== undefined && this.walk !== walk) this.own = null; // other ends were chosen
    this.walk = walk;
  }

  // The way that the strip shows: while it is dragged, afterwards, or null for the walk that came.
  get way() {
    if (!this.ink) return this.own;
    const [from, to] = [this.bounded(this.ink[0]), this.bounded(this.ink.at(-1))];
    return this.far(from, to) ? [from, to] : this.own;
  }

  far([x0, y0], [x1, y1]) {
    return Math.hypot(this.X(x1) - this.X(x0), this.Y(y1) - this.Y(y0)) > 2 * GRASP;
  }

  get pictures() {
    return this.sheet.data.length > 0;
  }

  // Numbers of the picture decoded at (x, y), as steps between its darkest and its brightest: {data, shape, exact}.
  decoded(x, y) {
    if ([x, y].join() === this.spec.at.join()) return { data: this.exact.data, shape: this.exact.shape, exact: true };
    return this.mixed(x, y);
  }

  mixed(x, y) {
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
    const places = seen ? this.places(width, height, theme) : { plane: [width, height] }, way = this.way;
    const hidden = way ? new Set([...state.hidden, "Walk"]) : state.hidden;
    super.draw(context, ...places.plane, theme, { ...state, hidden, pointer: this.ink ? null : pointer });
    const here = this.ink ? this.bounded(this.ink.at(-1)) : this.at;
    this.drawNames(context, theme);
    if (way) this.drawLine(context, theme, way);
    this.drawCode(context, theme, here);
    if (seen) this.drawStrip(context, theme, way, places.strip);
    const over = !this.ink && pointer && this.inside(pointer.x, pointer.y);
    const under = over && Math.hypot(pointer.x - this.X(here[0]), pointer.y - this.Y(here[1])) > GRASP;
    const [x, y] = under ? [this.toX(pointer.x), this.toY(pointer.y)] : here;
    if (seen) this.drawPicture(context, theme, x, y, { ...places.picture, under });
    else this.said = `The code is at ${told(x)}, ${told(y)}.`;
  }

  // Beside the plane what it is decoded to, and under that the strip; where there is no room beside it, below.
  places(width, height, theme) {
    const line = theme.size(18) + 6, left = theme.size(14) * 3.1 + theme.size(14) + 6; // of the numbers along the axis
    const plane = Math.min(height - 2 * line + left, 0.6 * width), room = width - plane - GAP;
    if (height > ROOMY && width > height) { // the strip is as wide as the panel
      const strip = Math.min(width / FRAMES, height * 0.17) + line + 8, tall = height - strip, plane = Math.min(tall - 2 * line + left, 0.6 * width);
      const side = Math.min(width - plane - GAP - 4, tall - 2 * line - 12);
      return {
        plane: [plane, tall], picture: { x: plane + GAP, y: 8, side, room: side, below: true },
        strip: { x: (width - FRAMES * (strip - line)) / 2, y: tall, width: FRAMES * (strip - line), height: strip, line },
      };
    }
    if (width > 1.25 * height) {
      const strip = Math.min(room / FRAMES, height * 0.3) + line + 4, words = theme.size(170);
      const below = room < height - strip + words && height - strip - 2 * line > room - words; // where its lines stand
      const side = below ? Math.min(room - 4, height - strip - 2 * line - 14) : Math.min(room - words, height - strip - 16);
      return {
        plane: [plane, height], picture: { x: plane + GAP, y: 8, side: Math.max(40, side), room: below ? side : room - side - 12, below },
        strip: { x: plane + GAP, y: height - strip, width: room, height: strip, line },
      };
    }
    const strip = Math.min(width / FRAMES, height * 0.2) + line + 4, side = Math.max(60, (height - strip) * 0.24), tall = height - strip - side - GAP;
    return {
      plane: [width, tall], picture: { x: 2, y: tall + GAP - 6, side, room: width - side - 18, below: false },
      strip: { x: 0, y: height - strip, width, height: strip, line },
    };
  }

  drawCode(context, theme, [x, y]) {
    context.save();
    context.beginPath();
    context.rect(this.box.x, this.box.y, this.box.w, this.box.h);
    context.clip();
    drawMarker(context, "circle", 9, [0], () => this.X(x), () => this.Y(y), theme.colour("gradient"), theme, 3);
    context.restore();
  }

  // Names of classes, large, each near where it belongs; one that has no room is left out.
  drawNames(context, theme) {
    const [least, share, most] = NAME, pixels = Math.max(least, Math.min(most, share * this.box.w)), size = theme.size(pixels), taken = [];
    context.save();
    context.font = theme.fontOf(pixels, 700);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const [x, y, text] of this.spec.names) {
      const w = context.measureText(text).width;
      for (const [right, down] of PLACES) {
        const px = this.X(x) + right * (w + 6), py = this.Y(y) + down * size;
        if (!this.inside(px - w / 2, py - size / 2) || !this.inside(px + w / 2, py + size / 2)) continue;
        if (taken.some((other) => Math.abs(other.px - px) < (other.w + w) / 2 + 4 && Math.abs(other.py - py) < size)) continue;
        taken.push({ px, py, w });
        context.strokeStyle = theme.background;
        context.lineWidth = 5;
        context.strokeText(text, px, py);
        context.fillStyle = theme.text;
        context.fillText(text, px, py);
        break;
      }
    }
    context.restore();
  }

  drawLine(context, theme, [from, to]) {
    context.save();
    context.beginPath();
    context.moveTo(this.X(from[0]), this.Y(from[1]));
    context.lineTo(this.X(to[0]), this.Y(to[1]));
    context.lineCap = "round";
    halo(context, theme, 4, theme.colour("gradient"));
    context.restore();
    drawMarker(context, "circle", 6, [0], () => this.X(from[0]), () => this.Y(from[1]), theme.colour("gradient"), theme, 2);
  }

  // The way as a film strip, as wide as the panel.
  drawStrip(context, theme, way, { x, y, width, height, line }) {
    const { data, shape } = way ? this.along(way) : this.walked;
    const [count] = shape, tile = Math.min((width - 4) / count, height - line), left = x;
    this.strip.update({ data, shape }, this.spec.palette, theme, false);
    context.imageSmoothingEnabled = false;
    for (let i = 0; i < count; i++) {
      this.strip.draw(context, i, left + i * tile + 1.5, y + line, tile - 3, tile - 3, theme);
      context.strokeStyle = theme.colour("grid");
      context.lineWidth = 1;
      context.strokeRect(left + i * tile + 1.5, y + line, tile - 3, tile - 3);
    }
    context.font = theme.fontOf(14, 600);
    context.fillStyle = theme.text;
    context.textAlign = "left";
    context.textBaseline = "middle";
    const words = way ? "along your line, from the sheet" : `straight ${this.spec.called}, decoded exactly`;
    context.fillText(words, left + 2, y + line / 2, width - 4);
    this.walking = way ? `along a line from ${way[0].map(told).join(", ")} to ${way[1].map(told).join(", ")}` : this.spec.called;
  }

  along([from, to]) {
    const [, , h, w] = this.sheet.shape, data = new Uint8Array(FRAMES * h * w);
    for (let i = 0; i < FRAMES; i++) {
      const t = i / (FRAMES - 1);
      data.set(this.mixed(from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])).data, i * h * w);
    }
    return { data, shape: [FRAMES, h, w] };
  }

  drawPicture(context, theme, x, y, { x: left, y: top, side, room, under, below }) {
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
    lines.forEach((line, i) => context.fillText(line, at, from + i * theme.size(18), room));
    const mean = data.reduce((sum, step) => sum + step, 0) / data.length / STEPS;
    this.said = `At ${told(x)}, ${told(y)}: ${lines[1]}, mean brightness ${mean.toFixed(4)}. The strip leads ${this.walking}.`;
  }

  drawInk() {} // what is dragged is drawn as the code

  // What is sent on the way of a drag.
  grasped() {
    const [x, y] = this.bounded(this.ink.at(-1));
    return { kind: "latent", x, y, points: [] };
  }

  // The drag is over: this is sent with it.
  finish() {
    this.own = this.way;
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
