// A network as a graph: columns of nodes with their heatmaps, and weights as coloured, weighted curves.

const version = new URL(import.meta.url).search;
const { format } = await import(`./theme.js${version}`);
const { Atlas } = await import(`./heat.js${version}`);
const { layout } = await import(`./graph_layout.js${version}`);
const { Steppers } = await import(`./steppers.js${version}`);

const WIDTHS = 8; // edges are drawn in so many widths, each one path
const SMALL = 16; // pixels below which a node has no round frame and no label
const FEW = 8; // so many small nodes of a column stand far enough apart for their names
const DOTS = 60; // pixels from which a node shows the points too

export class Graph {
  constructor() {
    this.atlases = [];
    this.pannable = false;
    this.legend = [
      { name: "Weight < 0", kind: "line", colour: "negative" },
      { name: "Weight > 0", kind: "line", colour: "positive" },
    ];
    this.cursor = "default";
  }

  attach(panel) {
    this.panel = panel;
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.arrays = arrays;
    this.source = arrays[spec.source].data;
    this.target = arrays[spec.target].data;
    this.weights = arrays[spec.weights].data;
    this.dense = this.weights.length > 600;
    this.strongest = this.weights.length ? Math.abs(this.weights[this.weights.length - 1]) || 1 : 1; // weakest first
    if (spec.steppers) (this.steppers ??= new Steppers(this.panel)).update(spec.steppers, Boolean(this.panel.scene.component.holds));
    spec.columns.forEach((column, c) => {
      if (column.values === undefined) return;
      this.atlases[c] ??= new Atlas();
      this.atlases[c].update(arrays[column.values], column.palette, theme, true);
    });
  }

  layout(width, height, theme, context) {
    context.font = theme.fontOf(14, 600);
    const settings = { measure: (text) => context.measureText(text).width, size: (pixels) => theme.size(pixels), buttons: Boolean(this.steppers?.mayTurn) };
    Object.assign(this, layout(this.spec.columns, width, height, settings));
    this.steppers?.place(this.spots);
    // A single picture at the end leaves room below itself for what the colours mean.
    this.panel?.frame.classList.toggle("aside", Boolean(this.steppers) && this.single);
  }

  draw(context, width, height, theme, { hidden, pointer }) {
    this.signs = this.legend.map((sign) => !hidden.has(sign.name)); // which of negative and positive are shown
    this.layout(width, height, theme, context);
    this.hover = pointer ? this.find(pointer.x, pointer.y) : null;
    this.cursor = this.hover ? "pointer" : "default";
    this.drawEdges(context, theme);
    context.textBaseline = "middle";
    for (let i = 0; i < this.nodes.length; i++) this.drawNode(context, theme, i);
    context.font = theme.fontOf(14, 600);
    context.textBaseline = "top";
    context.lineJoin = "round";
    for (const title of this.titles) if (title) this.drawTitle(context, theme, title);
  }

  drawTitle(context, theme, { text, x, y, align }) {
    context.textAlign = align;
    if (this.down) { // weights run behind it
      context.strokeStyle = theme.background;
      context.lineWidth = 8;
      context.strokeText(text, x, y);
    }
    context.fillStyle = theme.colour("neutral");
    context.fillText(text, x, y);
  }

  drawEdges(context, theme) {
    const { dense } = this;
    const touching = this.hover && this.hover.node !== undefined ? this.hover.node : -1;
    const paths = [[], []].map(() => Array.from({ length: WIDTHS }, () => new Path2D()));
    const bright = [new Path2D(), new Path2D()];
    for (let e = 0; e < this.weights.length; e++) {
      const sign = this.weights[e] < 0 ? 0 : 1;
      if (!this.signs[sign] || this.weights[e] === 0) continue; // a weight of zero carries nothing
      if (this.source[e] === touching || this.target[e] === touching) this.curve(bright[sign], e);
      else {
        const bucket = Math.min(WIDTHS - 1, Math.floor((Math.abs(this.weights[e]) / this.strongest) * WIDTHS));
        this.curve(paths[sign][bucket], e);
      }
    }
    const colours = [theme.colour("negative"), theme.colour("positive")];
    context.lineCap = "butt";
    for (let bucket = 0; bucket < WIDTHS; bucket++) {
      const share = (bucket + 0.5) / WIDTHS;
      for (const sign of [0, 1]) {
        context.strokeStyle = colours[sign];
        context.lineWidth = dense ? 1 : 0.6 + 6.5 * share; // one pixel is drawn several times faster than more
        context.globalAlpha = (dense ? 0.05 + 0.75 * share * share : 0.25 + 0.65 * share) * (touching < 0 ? 1 : 0.35);
        context.stroke(paths[sign][bucket]);
      }
    }
    context.globalAlpha = 1;
    for (const sign of [0, 1]) {
      context.strokeStyle = colours[sign];
      context.lineWidth = dense ? 1.5 : 3;
      context.stroke(bright[sign]);
    }
    if (this.hover && this.hover.edge !== undefined) {
      const path = new Path2D();
      this.curve(path, this.hover.edge);
      context.strokeStyle = theme.text;
      context.lineWidth = 7;
      context.stroke(path);
      context.strokeStyle = colours[this.weights[this.hover.edge] < 0 ? 0 : 1];
      context.lineWidth = 4;
      context.stroke(path);
    }
  }

  // Where an edge begins and ends: along the network, and across it.
  ends(e) {
    const a = this.nodes[this.source[e]], b = this.nodes[this.target[e]];
    return [a.u + a.size / 2, a.v, b.u - b.size / 2, b.v];
  }

  curve(path, e) {
    const [u0, v0, u1, v1] = this.ends(e);
    const middle = (u0 + u1) / 2, at = this.down ? (u, v) => [v, u] : (u, v) => [u, v];
    path.moveTo(...at(u0, v0));
    if (this.dense) path.lineTo(...at(u1, v1)); // thousands of curves would cost too many frames
    else path.bezierCurveTo(...at(middle, v0), ...at(middle, v1), ...at(u1, v1));
  }

  drawNode(context, theme, i) {
    const node = this.nodes[i];
    const { x, y, size } = node;
    const left = x - size / 2, top = y - size / 2;
    const atlas = this.spec.columns[node.c].values === undefined ? null : this.atlases[node.c];
    const chosen = this.hover && this.hover.node === i;
    if (size < SMALL) {
      context.fillStyle = context.strokeStyle = chosen ? theme.text : theme.colour("neutral");
      if (atlas) atlas.draw(context, node.index, left, top, size, size, theme);
      else context.fillRect(left, top, size, size);
      context.lineWidth = chosen ? 3 : 0.5;
      context.strokeRect(left, top, size, size);
      if (this.spec.columns[node.c].labels.length <= FEW) this.drawLabel(context, theme, node);
      return;
    }
    const frame = new Path2D();
    frame.roundRect(left, top, size, size, Math.min(8, size / 5));
    context.save();
    context.fillStyle = theme.background;
    context.fill(frame);
    context.clip(frame);
    if (atlas) atlas.draw(context, node.index, left, top, size, size, theme);
    if (size >= DOTS) this.drawDots(context, theme, node);
    context.restore();
    context.lineWidth = chosen ? 3 : 1.5;
    context.strokeStyle = chosen ? theme.text : theme.colour("neutral");
    context.stroke(frame);
    this.drawLabel(context, theme, node);
  }

  // The points that are learned from, over what the network makes of their plane.
  drawDots(context, theme, { c, x, y, size }) {
    const { dots } = this.spec.columns[c];
    if (!dots) return;
    const { data } = this.arrays[dots.xy], group = this.arrays[dots.group].data, radius = Math.max(1.2, size / 70);
    const inside = (place) => (place / 255 - 0.5) * size;
    for (const k of new Set(group)) {
      context.beginPath();
      for (let i = 0; i < group.length; i++) {
        if (group[i] !== k) continue;
        const px = x + inside(data[2 * i]), py = y - inside(data[2 * i + 1]);
        context.moveTo(px + radius, py);
        context.arc(px, py, radius, 0, 2 * Math.PI);
      }
      context.fillStyle = theme.classColour(k);
      context.fill();
    }
  }

  // The names of inputs and outputs.
  drawLabel(context, theme, { c, label, x, y, size }) {
    context.font = theme.fontOf(14);
    context.fillStyle = theme.text;
    const last = c === this.spec.columns.length - 1 && c > 0;
    if (c > 0 && !last) return;
    if (this.down) {
      context.textAlign = "center";
      context.fillText(label, x, last ? y + size / 2 + 11 : y - size / 2 - 11, size * 1.3);
      return;
    }
    context.textAlign = last ? "left" : "right";
    context.fillText(label, last ? x + size / 2 + 7 : x - size / 2 - 7, y, 90);
  }

  // The node or edge under the pointer.
  find(px, py) {
    for (let i = 0; i < this.nodes.length; i++) {
      const { x, y, size } = this.nodes[i];
      const half = size / 2 + 2;
      if (Math.abs(px - x) <= half && Math.abs(py - y) <= half) return { node: i };
    }
    const [u, v] = this.down ? [py, px] : [px, py];
    let found = null, closest = 7;
    for (let e = this.weights.length - 1; e >= 0; e--) {
      if (!this.signs[this.weights[e] < 0 ? 0 : 1]) continue;
      const [u0, v0, u1, v1] = this.ends(e);
      if (u < u0 || u > u1) continue;
      const [rise, slope] = this.dense ? [(u - u0) / (u1 - u0), 1] : curveAt((u - u0) / (u1 - u0));
      const distance = Math.abs(v0 + (v1 - v0) * rise - v) / Math.hypot(1, (slope * (v1 - v0)) / (u1 - u0));
      if (distance < closest) {
        closest = distance;
        found = { edge: e };
      }
    }
    return found;
  }

  describe(px, py) {
    const found = this.find(px, py);
    if (!found) return null;
    if (found.edge !== undefined) {
      const from = this.nodes[this.source[found.edge]], to = this.nodes[this.target[found.edge]];
      return { title: `${this.label(from)} → ${this.label(to)}`, rows: [["weight", format(this.weights[found.edge])]] };
    }
    const node = this.nodes[found.node];
    const column = this.spec.columns[node.c];
    const rows = [];
    if (column.bias !== undefined) rows.push(["bias", format(this.arrays[column.bias].data[node.index])]);
    if (column.values === undefined) return { title: this.label(node), rows };
    const low = this.arrays[column.low].data[node.index], high = this.arrays[column.high].data[node.index];
    rows.push(["colours", `${format(low)} to ${format(high)}`]);
    const picture = (context, size, theme) => this.atlases[node.c].draw(context, node.index, 0, 0, size, size, theme);
    return { title: this.label(node), rows, picture };
  }

  label(node) {
    const column = this.spec.columns[node.c];
    return [column.title, node.label].filter(Boolean).join(" · ") || `Node ${node.index}`;
  }

  click(px, py) {
    const found = this.find(px, py);
    if (!found) return null;
    if (found.node !== undefined) {
      const { c, index } = this.nodes[found.node];
      return { kind: "node", layer: c, index };
    }
    const from = this.nodes[this.source[found.edge]], to = this.nodes[this.target[found.edge]];
    const pick = { kind: "edge", layer: from.c, source: from.index, target: to.index, weight: this.weights[found.edge] };
    return this.spec.editable ? { ...pick, edit: `${this.label(from)} → ${this.label(to)}` } : pick;
  }
}

// How far the curve has risen, and how steeply it rises, where it has gone this share of its way across.
function curveAt(share) {
  let low = 0, high = 1;
  for (let i = 0; i < 14; i++) {
    const t = (low + high) / 2, s = 1 - t;
    if (1.5 * t * s * s + 1.5 * t * t * s + t * t * t < share) low = t; // x(t) of the Bézier curve
    else high = t;
  }
  const t = (low + high) / 2;
  return [t * t * (3 - 2 * t), (6 * t * (1 - t)) / (1.5 - 3 * t + 3 * t * t)];
}
