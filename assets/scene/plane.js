// A plane with axes, and the layers on it.

const version = new URL(import.meta.url).search;
const { decades, format, ticks } = await import(`./theme.js${version}`);
const { Heat, same } = await import(`./heat.js${version}`);
const { fitted, halo, hatching, line } = await import(`./marks.js${version}`);
const { DRAW, drawHead } = await import(`./layers.js${version}`);

const NEAR = 14; // pixels within which the pointer finds a point or a path
const [TYPE, LEAST] = [14, 11]; // of letters, and where there is little room
const SMALL = 200; // pixels of a plane, below which what is written on it is smaller

export class Plane {
  constructor() {
    this.heats = new Map();
    this.crowds = new Map(); // pictures of layers of many points
    this.view = null; // {x, y} while the visitor has zoomed or panned
    this.ink = null; // what is being drawn by hand, in data units
    this.pannable = true;
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.arrays = arrays;
    spec.layers.forEach((layer, i) => {
      if (layer.kind !== "heatmap" && layer.kind !== "classes") return;
      const key = `${i} ${layer.name}`;
      if (!this.heats.has(key)) this.heats.set(key, new Heat());
      layer.heat = this.heats.get(key);
      layer.heat.update(layer, arrays, theme);
    });
  }

  get legend() {
    const named = this.spec.layers.filter((layer) => layer.name); // of layers at several stops, one stands for all
    return named.filter((layer, i) => layer.stop === undefined || named.findIndex((other) => other.name === layer.name) === i);
  }

  get cursor() {
    return this.spec.draw || this.spec.pick ? "crosshair" : "grab";
  }

  layout(width, height, theme, context) {
    const { spec } = this;
    const line = theme.size(14) + 6;
    context.font = theme.fontOf(14);
    const widest = (texts) => Math.max(0, ...texts.map((text) => context.measureText(text).width));
    this.box = { h: height - 8 - line - (spec.x_label ? line : 0) };
    const named = widest(spec.y_names.length ? spec.y_names : this.ticksOf("y").map(({ text }) => text)) + 10;
    const left = (spec.y_names.length ? named : Math.max(named, theme.size(14) * 3.1)) + (spec.y_label ? line : 0);
    const room = { x: left, y: 8, w: Math.max(20, width - left - 14), h: Math.max(20, this.box.h) };
    this.lines = 1; // of names below the x axis, in turn: those that do not fit beside each other
    this.column = widest(spec.x_names) + 6;
    const span = Math.abs((this.view ?? spec).x[1] - (this.view ?? spec).x[0]);
    if (spec.x_names.length && !spec.equal && (this.column * span) / room.w > 1) [this.lines, room.h] = [2, Math.max(20, room.h - line)];
    this.line = line;
    if (spec.equal) {
      const unit = Math.min(room.w / Math.abs(spec.x[1] - spec.x[0]), room.h / Math.abs(spec.y[1] - spec.y[0]));
      const w = unit * Math.abs(spec.x[1] - spec.x[0]);
      const h = unit * Math.abs(spec.y[1] - spec.y[0]);
      Object.assign(room, { x: room.x + (room.w - w) / 2, y: room.y + (room.h - h) / 2, w, h });
    }
    this.box = room;
    this.type = Math.max(LEAST, Math.min(TYPE, (TYPE * Math.min(room.w, room.h)) / theme.size(SMALL)));
    const [x0, x1] = this.view ? this.view.x : spec.x;
    const [y0, y1] = this.view ? this.view.y : spec.y;
    this.X = (x) => room.x + ((x - x0) / (x1 - x0)) * room.w;
    this.Y = (y) => room.y + room.h - ((y - y0) / (y1 - y0)) * room.h;
    this.toX = (px) => x0 + ((px - room.x) / room.w) * (x1 - x0);
    this.toY = (py) => y0 + ((room.y + room.h - py) / room.h) * (y1 - y0);
  }

  shows(layer) {
    return !this.hidden?.has(layer.name) && (layer.stop === undefined || layer.stop === this.stop);
  }

  inside(px, py) {
    const { x, y, w, h } = this.box;
    return px >= x && px <= x + w && py >= y && py <= y + h;
  }

  draw(context, width, height, theme, { hidden, pointer }) {
    this.layout(width, height, theme, context);
    this.hidden = hidden;
    const { box } = this;
    const shown = this.spec.layers.filter((layer) => this.shows(layer));
    this.words = []; // where texts stand, so that none comes over another
    context.save();
    context.beginPath();
    context.roundRect(box.x, box.y, box.w, box.h, 8);
    context.clip();
    for (const layer of shown) if (layer.heat) this.drawHeat(context, layer, theme);
    this.drawGrid(context, theme, shown.some((layer) => layer.heat));
    for (const layer of shown) {
      if (layer.kind === "points") this.drawPoints(context, layer, theme);
      else if (!layer.heat) DRAW[layer.kind](context, layer, this, theme);
    }
    for (const layer of shown) if (layer.head) drawHead(context, layer, this, theme); // no path may hide another's head
    this.drawInk(context, theme);
    if (pointer && this.inside(pointer.x, pointer.y)) this.drawCrosshair(context, pointer, theme);
    context.restore();
    context.lineWidth = 1;
    context.strokeStyle = theme.colour("grid");
    context.beginPath();
    context.roundRect(box.x, box.y, box.w, box.h, 8);
    context.stroke();
    this.drawAxes(context, width, height, theme);
  }

  // What takes many strokes and seldom changes is kept as a picture, until `serial`, the view or the theme changes.
  keep(holder, serial, context, theme, paint) {
    const { box } = this, ratio = context.getTransform().a;
    const key = [serial, theme.version, ratio, box.x, box.y, box.w, box.h, this.X(0), this.X(1), this.Y(0), this.Y(1)].join();
    if (holder.kept !== key) {
      holder.kept = key;
      holder.picture ??= document.createElement("canvas");
      holder.picture.width = context.canvas.width;
      holder.picture.height = context.canvas.height;
      const onto = holder.picture.getContext("2d");
      onto.scale(ratio, ratio);
      paint(onto);
    }
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(holder.picture, 0, 0);
    context.restore();
  }

  drawHeat(context, layer, theme) {
    const { heat } = layer;
    if ((heat.contours || []).length < 3) this.paintHeat(context, layer, theme);
    else this.keep(heat, heat.serial, context, theme, (onto) => this.paintHeat(onto, layer, theme));
  }

  drawPoints(context, layer, theme) {
    const { data } = this.arrays[layer.xy], group = this.arrays[layer.group].data;
    const values = layer.values === null ? null : this.arrays[layer.values].data;
    if (group.length < 60) return DRAW.points(context, layer, this, theme);
    const place = this.spec.layers.indexOf(layer);
    if (!this.crowds.has(place)) this.crowds.set(place, { serial: 0 });
    const crowd = this.crowds.get(place);
    const look = [layer.size, layer.shape, layer.colours, layer.palette, layer.low, layer.high].join("|");
    if (crowd.look !== look || !same(crowd.data, data) || !same(crowd.group, group) || (values && !same(crowd.values, values)))
      Object.assign(crowd, { look, data: data.slice(), group: group.slice(), values: values && values.slice(), serial: crowd.serial + 1 });
    this.keep(crowd, crowd.serial, context, theme, (onto) => DRAW.points(onto, layer, this, theme));
  }

  paintHeat(context, layer, theme) {
    const { heat } = layer;
    const [x0, x1, y0, y1] = layer.extent;
    const dx = (x1 - x0) / Math.max(1, heat.columns - 1) / 2; // the extent joins cell centres
    const dy = (y1 - y0) / Math.max(1, heat.rows - 1) / 2;
    const left = this.X(x0 - dx), bottom = this.Y(y0 - dy);
    const w = this.X(x1 + dx) - left, h = this.Y(y1 + dy) - bottom;
    if (heat.holes) {
      context.fillStyle = hatching(context, theme);
      context.fillRect(left, bottom, w, h);
    }
    context.save();
    context.translate(left, bottom);
    context.scale(w / heat.columns, h / heat.rows); // negative where an axis runs the other way than the canvas
    context.imageSmoothingEnabled = !layer.discrete;
    context.drawImage(heat.pixels.canvas, 0, 0);
    context.restore();
    if (!heat.contours || !heat.contours.length) return;
    const sx = (this.X(x1) - this.X(x0)) / Math.max(1, heat.columns - 1);
    const sy = (this.Y(y1) - this.Y(y0)) / Math.max(1, heat.rows - 1);
    const ox = this.X(x0), oy = this.Y(y0);
    context.beginPath();
    for (const segments of heat.contours) {
      for (let i = 0; i < segments.length; i += 4) {
        context.moveTo(ox + segments[i] * sx, oy + segments[i + 1] * sy);
        context.lineTo(ox + segments[i + 2] * sx, oy + segments[i + 3] * sy);
      }
    }
    context.strokeStyle = theme.text;
    context.globalAlpha = 0.22;
    context.lineWidth = 1;
    context.stroke();
    context.globalAlpha = 1;
  }

  ticksOf(axis) {
    const { spec, box } = this;
    const [low, high] = this.view ? this.view[axis] : spec[axis];
    const names = spec[`${axis}_names`];
    const length = axis === "x" ? box.w : box.h;
    if (spec[`${axis}_log`]) {
      const found = decades(low, high, length / (axis === "x" ? 60 : 26));
      return axis === "y" && spec.y_least && low === spec.y[0] ? [{ at: low, text: "≈ 0" }, ...found.filter(({ at }) => at > low + 1e-6)] : found;
    }
    if (!names.length) {
      const found = ticks(low, high, length / (axis === "x" ? 75 : 55)); // one alone says nothing of the scale
      return (found.length > 1 || length < 60 ? found : ticks(low, high, 3)).map((at) => ({ at, text: format(at) }));
    }
    const [a, b] = low < high ? [low, high] : [high, low];
    const skip = Math.ceil(((b - a) * (axis === "x" ? this.column / this.lines : 17)) / length);
    return names.map((text, at) => ({ at, text })).filter(({ at }) => at >= a && at <= b && at % skip === 0);
  }

  drawGrid(context, theme, overHeat) {
    if (this.spec.x_names.length || this.spec.y_names.length) return;
    const { box } = this;
    context.beginPath();
    for (const { at } of this.ticksOf("x")) line(context, this.X(at), box.y, this.X(at), box.y + box.h);
    for (const { at } of this.ticksOf("y")) line(context, box.x, this.Y(at), box.x + box.w, this.Y(at));
    context.strokeStyle = overHeat ? theme.text : theme.colour("grid");
    context.globalAlpha = overHeat ? 0.07 : 0.7;
    context.lineWidth = 1;
    context.stroke();
    context.globalAlpha = 1;
  }

  drawAxes(context, width, height, theme) {
    const { box, spec } = this;
    const size = theme.size(14);
    context.font = theme.fontOf(14);
    context.fillStyle = theme.text;
    context.globalAlpha = 0.85;
    context.textAlign = "center";
    context.textBaseline = "top";
    const measure = (text) => context.measureText(text).width, below = this.ticksOf("x");
    below.forEach(({ at, text }, i) => context.fillText(text, this.X(at), box.y + box.h + 5 + (i % this.lines) * this.line));
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const { at, text } of this.ticksOf("y")) context.fillText(text, box.x - 7, Math.max(size / 2, this.Y(at)));
    context.globalAlpha = 1;
    context.font = theme.fontOf(14, 600);
    context.textAlign = "center";
    context.textBaseline = "top";
    if (spec.x_label) {
      const text = this.shrunk(context, theme, spec.x_label, width - 6), half = measure(text) / 2;
      context.fillText(text, Math.max(half + 3, Math.min(width - half - 3, box.x + box.w / 2)), box.y + box.h + size + 9 + (this.lines - 1) * this.line);
    }
    if (spec.y_label) {
      context.save();
      context.font = theme.fontOf(14);
      const widest = Math.max(0, ...this.ticksOf("y").map(({ text }) => context.measureText(text).width));
      const text = this.shrunk(context, theme, spec.y_label, height - 6), half = measure(text) / 2;
      context.translate(box.x - widest - 12, Math.max(half + 3, Math.min(height - half - 3, box.y + box.h / 2)));
      context.rotate(-Math.PI / 2);
      context.textBaseline = "bottom";
      context.fillText(text, 0, 0);
      context.restore();
    }
  }

  // The name of an axis, in letters as large as have room, and if even small ones have none as far as they have.
  shrunk(context, theme, text, room) {
    const measure = (words) => context.measureText(words).width;
    for (let size = TYPE; size >= LEAST; size -= 0.5) {
      context.font = theme.fontOf(size, 600);
      if (measure(text) <= room) break;
    }
    return fitted(text, room, measure);
  }

  drawCrosshair(context, { x, y }, theme) {
    const { box } = this;
    context.beginPath();
    line(context, x, box.y, x, box.y + box.h);
    line(context, box.x, y, box.x + box.w, y);
    context.strokeStyle = theme.text;
    context.globalAlpha = 0.35;
    context.lineWidth = 1;
    context.setLineDash([4, 4]);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  drawInk(context, theme) {
    if (!this.ink) return;
    context.beginPath();
    this.ink.forEach(([x, y], i) => (i ? context.lineTo(this.X(x), this.Y(y)) : context.moveTo(this.X(x), this.Y(y) + 0.01)));
    context.lineTo(this.X(this.ink.at(-1)[0]), this.Y(this.ink.at(-1)[1]));
    context.lineCap = context.lineJoin = "round";
    halo(context, theme, 4, theme.colour("mark"));
  }

  // The nearest point or path vertex to the pointer: {layer, index}, or null.
  nearest(px, py, only) {
    let best = null, closest = NEAR * NEAR;
    for (const layer of this.spec.layers) {
      if (!this.shows(layer) || !(layer.kind === "points" || layer.kind === "path") || (only && !only(layer))) continue;
      const { data } = this.arrays[layer.xy];
      for (let i = 0; i < data.length; i += 2) {
        const dx = this.X(data[i]) - px, dy = this.Y(data[i + 1]) - py;
        const distance = dx * dx + dy * dy;
        if (distance <= closest) {
          closest = distance;
          best = { layer, index: i / 2, x: data[i], y: data[i + 1] };
        }
      }
    }
    return best;
  }

  // What the tooltip says at the pointer: {title, rows}.
  describe(px, py) {
    if (!this.inside(px, py)) return null;
    const { spec } = this;
    const near = this.nearest(px, py);
    const x = near ? near.x : this.toX(px), y = near ? near.y : this.toY(py);
    const least = (axis, value) => (axis === "y" && spec.y_least && value <= spec.y[0] + 1e-6 ? "≤ " : "");
    const named = (axis, value) => spec[`${axis}_names`][Math.round(value)] ?? least(axis, value) + format(spec[`${axis}_log`] ? 10 ** value : value);
    const rows = [[spec.x_label || "x", named("x", x)], [spec.y_label || "y", named("y", y)]];
    for (const layer of spec.layers) {
      if (!layer.heat || !this.shows(layer)) continue;
      const value = layer.heat.at(x, y);
      if (value === undefined) continue;
      if (layer.heat.confidence) rows.push([layer.name || "class", `${layer.names[value.index] ?? value.index} (${Math.round(value.confidence * 100)} %)`]);
      else rows.push([layer.name || "value", layer.missing && Number.isNaN(value) ? layer.missing : format(value, layer.scale?.[2])]);
    }
    return { title: near ? this.nameOf(near) : "", rows };
  }

  nameOf({ layer, index }) {
    if (layer.kind === "path") return `${layer.name || "Path"}, step ${index}`;
    const group = this.arrays[layer.group].data[index];
    const parts = [layer.name, layer.names[group], layer.labels[index]].filter(Boolean);
    if (layer.values !== null) parts.push(format(this.arrays[layer.values].data[index]));
    return parts.join(", ") || `Point ${index}`;
  }

  click(px, py) {
    if (!this.inside(px, py)) return null;
    const near = this.nearest(px, py, (layer) => layer.pickable);
    if (near) return { kind: "point", layer: near.layer.name, index: near.index, x: near.x, y: near.y };
    return this.spec.pick === "plane" ? { kind: "plane", x: this.toX(px), y: this.toY(py) } : null;
  }

  zoom(px, py, factor) {
    const around = (at, [low, high]) => [at + (low - at) * factor, at + (high - at) * factor];
    const { spec } = this;
    const now = this.view || { x: spec.x, y: spec.y };
    const next = { x: around(this.toX(px), now.x), y: around(this.toY(py), now.y) };
    const share = (next.x[1] - next.x[0]) / (spec.x[1] - spec.x[0]);
    if (share > 1e-5 && share < 20) this.view = next;
  }

  pan(dx, dy) {
    const { spec, box } = this;
    const now = this.view || { x: spec.x, y: spec.y };
    const move = ([low, high], by) => [low + by * (high - low), high + by * (high - low)];
    this.view = { x: move(now.x, -dx / box.w), y: move(now.y, dy / box.h) };
  }
}
