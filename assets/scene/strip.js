// A whole network as one strip: the picture with a pad below it, the maps of each layer, and the classes.  A map is
// entered by a click, or by Enter where the arrow keys have led.

const version = new URL(import.meta.url).search;
const { format } = await import(`./theme.js${version}`);
const { Atlas } = await import(`./heat.js${version}`);
const { colourKey } = await import(`./colour_key.js${version}`);
const { bars } = await import(`./bars.js${version}`);

const GAP = 4, BETWEEN = 32; // pixels between maps, and between layers
const NARROW = 560; // below this width the layers stand below each other
const CLOSE = 0.004; // of the pad: a point nearer to the last one tells nothing new
const PEN = 0.085; // width of a stroke, as a share of the pad

export class Strip {
  constructor() {
    this.picture = new Atlas();
    this.kernels = new Atlas();
    this.atlases = [];
    this.strokes = []; // each a list of [x, y] in [0, 1], y up
    this.ink = null; // the stroke that is being drawn
    this.pannable = false;
    this.legend = [];
    this.cursor = "pointer";
    this.focus = null; // the map that the arrow keys have led to
  }

  attach(panel) {
    this.panel = panel;
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    if (!spec.drawn && !this.ink) this.strokes = []; // another picture is looked at
    this.picture.update(arrays[spec.picture.values], "sequential", theme, false);
    if (spec.kernels.values !== undefined) this.kernels.update(arrays[spec.kernels.values], "diverging", theme, false);
    this.atlases = spec.stages.map(({ values }, i) => {
      const atlas = this.atlases[i] || new Atlas();
      atlas.update(arrays[values], "sequential", theme, false);
      return atlas;
    });
    this.highs = spec.stages.map(({ high }) => arrays[high].data[0]);
    this.probabilities = arrays[spec.probabilities].data;
    if (this.focus && !(this.focus.index < this.atlases[this.focus.stage]?.count)) this.focus = null;
  }

  // ---------------------------------------------------------------- where things stand

  layout(width, height, theme) {
    const cap = theme.size(13) + 8, foot = theme.size(13) + 6, scale = theme.size(13) + 14;
    this.cap = cap;
    const tall = height - scale, counts = this.atlases.map(({ count }) => count);
    this.keyAt = tall + 4;
    this.cells = [];
    if (width < NARROW) {
      const side = Math.min((width - 16) / 2, tall * 0.26);
      this.boxes = { picture: { x: 0, y: cap, side }, pad: { x: width - side, y: cap, side } };
      const classes = cap + this.spec.classes.length * theme.size(16), from = cap + side + foot;
      const each = (tall - classes - from) / this.atlases.length;
      counts.forEach((count, i) => {
        const { tile, across } = fitted(count, width, each - cap - 6);
        this.place(i, { x: 0, y: from + i * each + cap, tile, across });
      });
      this.boxes.classes = { x: 0, y: tall - classes + cap, w: width, h: classes - cap };
      return;
    }
    const side = Math.min((tall - 2 * cap - foot - 6) / 2, width * 0.2), room = Math.max(112, Math.min(160, width * 0.15));
    this.boxes = { picture: { x: 0, y: cap, side }, pad: { x: 0, y: 2 * cap + side + foot, side } };
    this.boxes.classes = { x: width - room, y: cap, w: room, h: tall - cap - foot };
    const free = width - side - room - BETWEEN * (counts.length + 1), down = tall - cap - foot;
    // Rows of maps: the same for all layers, as many as make the maps largest.
    let best = { tile: 0, rows: 1 };
    for (let rows = 1; rows <= Math.max(...counts); rows++) {
      const across = counts.reduce((sum, count) => sum + Math.ceil(count / rows), 0);
      const tile = Math.min(down / rows - GAP, (free - GAP * (across - counts.length)) / across);
      if (tile > best.tile) best = { tile, rows };
    }
    const wide = counts.map((count) => Math.ceil(count / best.rows) * (best.tile + GAP) - GAP);
    const between = (width - side - room - wide.reduce((a, b) => a + b, 0)) / (counts.length + 1);
    let x = side + between;
    counts.forEach((count, i) => {
      const rows = Math.ceil(count / Math.ceil(count / best.rows));
      const y = cap + (down - rows * (best.tile + GAP) + GAP) / 2;
      this.place(i, { x, y, tile: best.tile, across: Math.ceil(count / best.rows) });
      x += wide[i] + between;
    });
  }

  place(stage, { x, y, tile, across }) {
    const { count } = this.atlases[stage];
    const maps = Array.from({ length: count }, (_, index) => ({
      stage, index, x: x + (index % across) * (tile + GAP), y: y + Math.floor(index / across) * (tile + GAP), side: tile,
    }));
    this.cells.push({ x, y, across, w: Math.min(count, across) * (tile + GAP) - GAP, h: Math.ceil(count / across) * (tile + GAP) - GAP, maps });
  }

  // ---------------------------------------------------------------- drawing

  draw(context, width, height, theme, { pointer }) {
    this.layout(width, height, theme);
    const { spec, boxes } = this;
    const over = (pointer && this.find(pointer.x, pointer.y)) || (this.panel?.canvas.matches(":focus-visible") ? this.focus : null);
    const [layer, map] = spec.chosen, at = spec.stages.findIndex((stage) => stage.layer === layer);
    if (width >= NARROW) this.drawWays(context, theme, at, map);
    this.label(context, theme, boxes.picture, `picture, ${this.picture.rows} × ${this.picture.columns}`);
    context.imageSmoothingEnabled = false;
    this.picture.draw(context, 0, boxes.picture.x, boxes.picture.y, boxes.picture.side, boxes.picture.side, theme);
    this.outline(context, theme, boxes.picture, false);
    this.drawPad(context, theme);
    let named = { x: -Infinity, y: -Infinity }; // where the last name ends: of many narrow layers not each has room for one
    this.cells.forEach((column, i) => {
      const stage = spec.stages[i], atlas = this.atlases[i];
      if (Math.abs(column.y - named.y) > theme.size(16) || column.x > named.x) {
        this.label(context, theme, { ...column, side: column.w + 20 }, stage.title);
        named = { x: column.x + Math.min(context.measureText(stage.title).width, Math.max(40, column.w + 20)), y: column.y };
      }
      if (width >= NARROW) this.label(context, theme, { ...column, y: column.y + column.h + this.cap + 3, side: column.w + 20 }, stage.caption);
      for (const cell of column.maps) {
        context.imageSmoothingEnabled = false;
        atlas.draw(context, cell.index, cell.x, cell.y, cell.side, cell.side, theme);
        const mine = over?.stage === i && over.index === cell.index;
        if (i === at && spec.kernels.values !== undefined && cell.index < this.kernels.count) this.drawKernel(context, theme, cell);
        this.outline(context, theme, cell, mine || (i === at && cell.index === map));
      }
    });
    this.label(context, theme, { ...boxes.classes, side: boxes.classes.w }, "class, probability");
    bars(context, theme, { ...boxes.classes, classes: spec.classes, probabilities: this.probabilities, answer: spec.answer, truth: spec.truth });
    this.drawKey(context, theme, width);
  }

  label(context, theme, box, text) {
    context.font = theme.fontOf(13);
    context.fillStyle = theme.colour("neutral");
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    const room = Math.max(40, box.side);
    Object.assign(context, { strokeStyle: theme.background, lineWidth: 5, lineJoin: "round" }); // what flows past does not cross it
    context.strokeText(text, box.x, box.y - 6, room);
    context.fillText(text, box.x, box.y - 6, room);
  }

  outline(context, theme, { x, y, side }, strong) {
    context.strokeStyle = strong ? theme.text : theme.colour("grid");
    context.lineWidth = strong ? 2.5 : 1;
    context.strokeRect(x, y, side, side);
  }

  // What flows into the chosen map, and on to the classes.
  drawWays(context, theme, at, map) {
    const to = this.cells[at]?.maps[map], { picture, classes } = this.boxes;
    if (!to) return; // more maps than are drawn
    const way = (x0, y0, x1, y1) => {
      context.beginPath();
      context.moveTo(x0, y0);
      context.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1);
      context.stroke();
    };
    context.strokeStyle = theme.colour("neutral");
    context.lineWidth = 1.2;
    context.globalAlpha = 0.7;
    const middle = to.y + to.side / 2;
    if (at === 0) way(picture.x + picture.side, picture.y + picture.side / 2, to.x, middle);
    else for (const from of this.cells[at - 1].maps.filter((_, i, all) => i % this.cells[at - 1].across === this.cells[at - 1].across - 1 || i === all.length - 1))
      way(from.x + from.side, from.y + from.side / 2, to.x, middle);
    const next = this.cells[at + 1];
    if (next) for (const row of next.maps.filter((_, i) => i % next.across === 0)) way(to.x + to.side, middle, row.x, row.y + row.side / 2);
    else way(to.x + to.side, middle, classes.x - 4, classes.y + ((this.spec.answer + 0.5) * classes.h) / this.spec.classes.length);
    context.globalAlpha = 1;
  }

  drawKernel(context, theme, { x, y, side, index }) {
    const small = Math.max(9, Math.min(30, side * 0.34));
    this.kernels.draw(context, index, x + 1, y + 1, small, small, theme);
    context.strokeStyle = theme.background;
    context.lineWidth = 1.5;
    context.strokeRect(x + 1, y + 1, small, small);
  }

  drawPad(context, theme) {
    const { x, y, side } = this.boxes.pad, stops = theme.palette.maps.sequential[theme.mode], lines = this.ink ? [...this.strokes, this.ink] : this.strokes;
    this.label(context, theme, this.boxes.pad, "draw a digit here");
    context.save();
    context.beginPath();
    context.rect(x, y, side, side);
    context.fillStyle = stops[0];
    context.fill();
    context.clip();
    context.strokeStyle = stops.at(-1);
    context.lineWidth = PEN * side;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of lines) {
      context.beginPath();
      stroke.forEach(([u, v]) => context.lineTo(x + u * side, y + (1 - v) * side));
      context.lineTo(x + stroke.at(-1)[0] * side + 0.01, y + (1 - stroke.at(-1)[1]) * side); // a dot has a length too
      context.stroke();
    }
    context.restore();
    context.strokeStyle = theme.colour("neutral");
    context.lineWidth = 1.5;
    context.setLineDash(lines.length ? [] : [5, 4]);
    context.strokeRect(x, y, side, side);
    context.setLineDash([]);
  }

  // What the colours say: of the kernels in the corners of maps, and of maps.
  drawKey(context, theme, width) {
    const short = width < NARROW;
    const kernels = short ? ["weight −", "diverging", "+"] : ["kernel: takes away", "diverging", "adds"];
    const maps = short ? ["map: 0", "sequential", "much"] : ["map: not found here", "sequential", "found"];
    colourKey(context, theme, 0, this.keyAt, this.spec.kernels.values === undefined ? [maps] : [kernels, maps]);
    if (short) return;
    context.fillStyle = theme.text;
    context.textAlign = "right";
    context.fillText("click a map to go inside", width, this.keyAt + theme.size(13) / 2);
  }

  // ---------------------------------------------------------------- pointer and keys

  find(px, py) {
    for (const { maps } of this.cells)
      for (const map of maps) if (px >= map.x && px < map.x + map.side && py >= map.y && py < map.y + map.side) return map;
    return null;
  }

  inside(px, py) {
    const { x, y, side } = this.boxes.pad;
    return px >= x && px <= x + side && py >= y && py <= y + side;
  }

  toX(px) {
    return Math.min(1, Math.max(0, (px - this.boxes.pad.x) / this.boxes.pad.side));
  }

  toY(py) {
    return Math.min(1, Math.max(0, 1 - (py - this.boxes.pad.y) / this.boxes.pad.side));
  }

  // All strokes with the newest: if a message is lost, the next one makes up for it.
  finish() {
    const rounded = this.ink.map((point) => point.map((v) => Math.round(v * 1000) / 1000));
    const far = ([x, y], [u, v]) => Math.hypot(x - u, y - v) > CLOSE;
    this.strokes = [...this.strokes, rounded.filter((p, i) => i === 0 || i === rounded.length - 1 || far(p, rounded[i - 1]))];
    this.spec = { ...this.spec, drawn: true };
    return { strokes: this.strokes, points: [] };
  }

  describe(px, py) {
    const map = this.find(px, py);
    if (!map) return null;
    const atlas = this.atlases[map.stage], stage = this.spec.stages[map.stage];
    const column = Math.floor(((px - map.x) / map.side) * atlas.columns), row = Math.floor(((py - map.y) / map.side) * atlas.rows);
    const picture = (context, size, theme) => atlas.draw(context, map.index, 0, 0, size, size, theme);
    const value = ["answer here", format(atlas.at(map.index, row, column, 0, this.highs[map.stage]))];
    return { title: `Layer ${stage.layer + 1}, map ${map.index + 1}: click to go inside`, rows: [value], picture, discrete: true };
  }

  click(px, py) {
    const map = this.find(px, py);
    return map && { kind: "node", layer: this.spec.stages[map.stage].layer, index: map.index };
  }

  key(name) {
    if (name === "Enter" && this.focus) {
      this.panel.scene.send({ panel: this.panel.key, kind: "node", layer: this.spec.stages[this.focus.stage].layer, index: this.focus.index });
      return true;
    }
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[name];
    if (!step) return false;
    const all = this.cells.flatMap(({ maps }) => maps), from = this.focus || all[0];
    const now = all.find((map) => map.stage === from.stage && map.index === from.index) || all[0];
    const ahead = (map) => (map.x - now.x) * step[0] + (map.y - now.y) * step[1];
    const apart = (map) => ahead(map) + 3 * Math.abs((map.x - now.x) * step[1] + (map.y - now.y) * step[0]);
    const next = this.focus ? all.filter((map) => ahead(map) > 1).sort((a, b) => apart(a) - apart(b))[0] : now;
    if (next) this.focus = { stage: next.stage, index: next.index };
    return true;
  }
}

// How large square tiles can be, and how many stand in a row.
function fitted(count, width, height) {
  let best = { tile: 0, across: count };
  for (let across = 1; across <= count; across++) {
    const tile = Math.min((width + GAP) / across - GAP, (height + GAP) / Math.ceil(count / across) - GAP);
    if (tile > best.tile) best = { tile, across };
  }
  return best;
}
