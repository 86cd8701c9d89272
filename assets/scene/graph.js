// A network as a graph: columns of nodes with their heatmaps, and weights as coloured, weighted curves.

const version = new URL(import.meta.url).search;
const { format } = await import(`./theme.js${version}`);
const { Atlas } = await import(`./heat.js${version}`);

const WIDTHS = 8; // edges are drawn in so many widths, each one path
const SMALL = 16; // pixels below which a node has no round frame and no label

export class Graph {
  constructor() {
    this.atlases = [];
    this.pannable = false;
    this.legend = [
      { name: "Negative weight", kind: "line", colour: "negative" },
      { name: "Positive weight", kind: "line", colour: "positive" },
    ];
    this.cursor = "default";
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.arrays = arrays;
    this.source = arrays[spec.source].data;
    this.target = arrays[spec.target].data;
    this.weights = arrays[spec.weights].data;
    this.dense = this.weights.length > 600;
    this.strongest = this.weights.length ? Math.abs(this.weights[this.weights.length - 1]) || 1 : 1; // weakest first
    spec.columns.forEach((column, c) => {
      if (column.values === undefined) return;
      this.atlases[c] ??= new Atlas();
      this.atlases[c].update(arrays[column.values], column.palette, theme, true);
    });
  }

  layout(width, height, theme, context) {
    const { columns } = this.spec;
    const head = columns.some((column) => column.title) ? theme.size(14) + 14 : 6;
    const room = height - head - 8;
    context.font = theme.fontOf(14);
    const measure = (labels) => Math.min(90, Math.max(0, ...labels.map((label) => context.measureText(label).width)) + 10);
    const left = measure(columns[0].labels), right = columns.length > 1 ? measure(columns.at(-1).labels) : 0;
    const pitch = (width - left - right - 8) / columns.length;
    this.nodes = [];
    columns.forEach((column, c) => {
      const count = column.labels.length;
      const slot = Math.min(room / count, 128);
      const size = Math.max(3, Math.min(slot * 0.82, pitch * 0.5, 92));
      const x = left + 4 + pitch * (c + 0.5);
      const top = head + (room - slot * count) / 2;
      column.labels.forEach((label, index) => this.nodes.push({ c, index, label, x, y: top + slot * (index + 0.5), size }));
    });
    this.head = head;
    this.pitch = pitch;
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
    context.fillStyle = theme.colour("neutral");
    context.textAlign = "center";
    context.textBaseline = "top";
    // Where columns stand close, "Layer 3" is written "3".
    const close = this.spec.columns.some(({ title }) => title && context.measureText(title).width > this.pitch - 6);
    let first = 0;
    for (const column of this.spec.columns) {
      const title = close ? column.title?.split(" ").at(-1) : column.title;
      if (title) context.fillText(title, this.nodes[first].x, 2);
      first += column.labels.length;
    }
  }

  drawEdges(context, theme) {
    const { dense } = this;
    const touching = this.hover && this.hover.node !== undefined ? this.hover.node : -1;
    const paths = [[], []].map(() => Array.from({ length: WIDTHS }, () => new Path2D()));
    const bright = [new Path2D(), new Path2D()];
    for (let e = 0; e < this.weights.length; e++) {
      const sign = this.weights[e] < 0 ? 0 : 1;
      if (!this.signs[sign]) continue;
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

  ends(e) {
    const a = this.nodes[this.source[e]], b = this.nodes[this.target[e]];
    return [a.x + a.size / 2, a.y, b.x - b.size / 2, b.y];
  }

  curve(path, e) {
    const [x0, y0, x1, y1] = this.ends(e);
    const middle = (x0 + x1) / 2;
    path.moveTo(x0, y0);
    if (this.dense) path.lineTo(x1, y1); // thousands of curves would cost too many frames
    else path.bezierCurveTo(middle, y0, middle, y1, x1, y1);
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
      return;
    }
    context.save();
    context.beginPath();
    context.roundRect(left, top, size, size, Math.min(8, size / 5));
    context.fillStyle = theme.background;
    context.fill();
    context.clip();
    if (atlas) atlas.draw(context, node.index, left, top, size, size, theme);
    context.restore();
    context.lineWidth = chosen ? 3 : 1.5;
    context.strokeStyle = chosen ? theme.text : theme.colour("neutral");
    context.stroke();
    context.font = theme.fontOf(14);
    context.fillStyle = theme.text;
    const last = node.c === this.spec.columns.length - 1 && node.c > 0;
    if (node.c === 0 || last) {
      context.textAlign = last ? "left" : "right";
      context.fillText(node.label, last ? x + size / 2 + 7 : left - 7, y, 90);
    }
  }

  // The node or edge under the pointer.
  find(px, py) {
    for (let i = 0; i < this.nodes.length; i++) {
      const { x, y, size } = this.nodes[i];
      const half = size / 2 + 2;
      if (Math.abs(px - x) <= half && Math.abs(py - y) <= half) return { node: i };
    }
    let found = null, closest = 7;
    for (let e = this.weights.length - 1; e >= 0; e--) {
      if (!this.signs[this.weights[e] < 0 ? 0 : 1]) continue;
      const [x0, y0, x1, y1] = this.ends(e);
      if (px < x0 || px > x1) continue;
      const [rise, slope] = this.dense ? [(px - x0) / (x1 - x0), 1] : curveAt((px - x0) / (x1 - x0));
      const distance = Math.abs(y0 + (y1 - y0) * rise - py) / Math.hypot(1, (slope * (y1 - y0)) / (x1 - x0));
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
