// A sheet of small pictures with captions: filters, feature maps, digits.

const version = new URL(import.meta.url).search;
const { css, format, STEPS } = await import(`./theme.js${version}`);
const { Atlas } = await import(`./heat.js${version}`);
const { halo } = await import(`./marks.js${version}`);

const GAP = 8;
const FRAME = 3.5; // width of a frame that says something
const LARGE = 10.5; // pixels of a cell from which its name is as large as other text
const LEGIBLE = 5.2; // pixels of a cell from which its name can stand beside it
const LANES = 2; // in turn nearer and farther, names of small cells have twice the room

export class Grid {
  constructor() {
    this.atlas = new Atlas();
    this.pannable = false;
    this.legend = [];
    this.cursor = "pointer";
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.low = arrays[spec.low].data;
    this.high = arrays[spec.high].data;
    this.atlas.update(arrays[spec.values], spec.palette, theme, false);
    this.frames = spec.frames && { ...spec.frames, steps: arrays[spec.frames.values].data };
    this.legend = this.frames ? [{ kind: "heatmap", name: this.frames.name, palette: this.frames.palette }] : [];
  }

  // As many columns as make the pictures largest.
  layout(width, height, theme) {
    const { count, rows, columns } = this.atlas;
    const lines = Math.max(0, ...this.spec.captions.map((text) => text.split("\n").length));
    const caption = lines ? theme.size(13) + 6 + (lines - 1) * theme.size(16) : 0;
    const bracket = this.spec.groups?.length ? theme.size(13) + 10 : 0;
    const fit = (across, margin) => {
      const down = Math.ceil(count / across);
      const w = (width - 4 - GAP * (across - 1) - margin * across) / across;
      return Math.min(w / columns, (height - 4 - (GAP + caption + bracket + margin) * down) / down / rows);
    };
    const edge = this.spec.axes?.length ? theme.size(13) + 6 : 0; // what rows and columns are
    let across = this.spec.columns || 1, margin = (this.spec.names ? theme.size(10) + 4 : 0) + edge;
    if (!this.spec.columns) for (let n = 2; n <= count; n++) if (fit(n, margin) > fit(across, margin)) across = n;
    const longest = Math.max(0, ...(this.spec.names ?? []).map((name) => name.length));
    this.lanes = longest === 1 && fit(across, margin) <= LARGE ? LANES : 1;
    if (this.lanes > 1) margin = LANES * theme.size(11) + 3 + edge;
    else if (fit(across, margin) > LARGE) margin += this.spec.names ? theme.size(5) : 0; // names are as large as other text
    else if (longest > 1) margin += (longest - 1) * theme.size(7);
    if (fit(across, margin) < LEGIBLE) margin = edge;
    const scale = Math.max(0.2, fit(across, margin));
    const w = scale * columns, h = scale * rows, wide = margin + w + GAP, tall = bracket + margin + h + GAP + caption;
    const left = (width - across * wide + GAP) / 2 + margin;
    const top = Math.max(2, (height - Math.ceil(count / across) * tall + GAP) / 2) + bracket + margin;
    this.cells = Array.from({ length: count }, (_, i) => ({
      x: left + (i % across) * wide, y: top + Math.floor(i / across) * tall, w, h,
    }));
    this.edge = edge;
    Object.assign(this, { across, margin });
  }

  // The names of columns and rows, at the top and on the left.
  drawNames(context, { x, y }, scale, theme) {
    context.save();
    const { lanes } = this, margin = this.margin - this.edge, pitch = scale * lanes, lane = (margin - 3) / lanes;
    const size = scale > LARGE ? Math.min(17, scale * 1.25) : lanes > 1 ? Math.max(8, Math.min(13, pitch * 1.05)) : theme.size(11);
    context.font = theme.fontOf(size / theme.size(1));
    context.textBaseline = "middle";
    const widest = Math.max(...this.spec.names.map((name) => context.measureText(name).width));
    // Of names that have no room beside each other only some stand there.
    const every = (needed) => Math.max(1, Math.ceil(needed / (1.6 * pitch)));
    const across = every(widest), down = every(size);
    this.spec.names.forEach((name, i) => {
      const turn = Math.floor(i / lanes), far = 3 + lane * (0.5 + (i % lanes));
      context.textAlign = "center";
      if (turn % across === 0) context.fillText(name, x + (i + 0.5) * scale, y - far);
      if (turn % down) return;
      if (lanes === 1) context.textAlign = "right";
      context.fillText(name, lanes > 1 ? x - far : x - 3, y + (i + 0.5) * scale, lane + 1);
    });
    context.restore();
  }

  // What columns and rows are, further out.
  drawAxes(context, { x, y, w, h }, theme) {
    const [rows, columns] = this.spec.axes, far = this.margin - this.edge / 2;
    context.save();
    context.font = theme.fontOf(13);
    context.fillStyle = theme.colour("neutral");
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(`${columns} →`, x + w / 2, y - far, w);
    context.translate(x - far, y + h / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(`← ${rows}`, 0, 0, h);
    context.restore();
  }

  // A line around cells on a diagonal, for each that is told.
  drawOutlines(context, scale, theme) {
    for (const [n, c0, r0, c1, r1, colour] of this.spec.outlines) {
      const { x, y } = this.cells[n], far = scale * Math.hypot(c1 - c0, r1 - r0), half = Math.max(4, scale);
      context.save();
      context.translate(x + (c0 + 0.5) * scale, y + (r0 + 0.5) * scale);
      context.rotate(Math.atan2(r1 - r0, c1 - c0));
      context.beginPath();
      context.roundRect(-half, -half, far + 2 * half, 2 * half, half);
      halo(context, theme, 2.2, theme.colour(colour));
      context.restore();
    }
  }

  // What pictures that stand side by side have in common, above each row of them.
  drawGroups(context, theme) {
    for (let row = 0; row < this.cells.length; row += this.across)
      for (const [first, last, words] of this.spec.groups) {
        const from = this.cells[row + first], to = this.cells[Math.min(row + last, this.cells.length - 1)];
        const y = from.y - this.margin - 3, end = to.x + to.w;
        context.fillStyle = context.strokeStyle = theme.text;
        context.lineWidth = 1.5;
        context.beginPath();
        for (const [x, at] of [[from.x, y], [from.x, y - 4], [end, y - 4], [end, y]]) context.lineTo(x, at);
        context.stroke();
        context.fillText(words, (from.x + end) / 2, y - theme.size(13) - 6, end - from.x);
      }
  }

  draw(context, width, height, theme, { pointer, hidden }) {
    this.layout(width, height, theme);
    const over = pointer ? this.find(pointer.x, pointer.y) : null;
    context.imageSmoothingEnabled = !this.spec.discrete;
    context.font = theme.fontOf(13);
    context.textAlign = "center";
    context.textBaseline = "top";
    const framed = this.frames && !hidden.has(this.frames.name);
    this.cells.forEach(({ x, y, w, h }, i) => {
      this.atlas.draw(context, i, x, y, w, h, theme);
      const chosen = (over && over.index === i) || this.spec.chosen === i;
      context.strokeStyle = chosen ? theme.text : theme.colour("grid");
      context.lineWidth = chosen ? 2.5 : 1;
      context.strokeRect(x, y, w, h);
      if (framed) {
        context.strokeStyle = css(theme.lut(this.frames.palette)[this.frames.steps[i]]);
        context.lineWidth = FRAME;
        context.strokeRect(x - FRAME / 2, y - FRAME / 2, w + FRAME, h + FRAME);
      }
      context.fillStyle = theme.text;
      if (this.margin > this.edge) this.drawNames(context, { x, y }, w / this.atlas.columns, theme);
      if (this.edge) this.drawAxes(context, { x, y, w, h }, theme);
      const room = w + (this.margin ? GAP + this.margin - 4 : 0);
      this.spec.captions[i]?.split("\n").forEach((text, n) => {
        if (this.edge) context.font = theme.fontOf(13, n ? 400 : 600); // the first line says what it is
        context.fillText(text, x + (w - this.margin) / 2, y + h + 4 + n * theme.size(16), room);
      });
    });
    if (this.spec.groups) this.drawGroups(context, theme);
    if (this.spec.outlines?.length) this.drawOutlines(context, this.cells[0].w / this.atlas.columns, theme);
  }

  find(px, py) {
    const index = this.cells.findIndex(({ x, y, w, h }) => px >= x && px < x + w && py >= y && py < y + h);
    if (index < 0) return null;
    const { x, y, w, h } = this.cells[index];
    const column = Math.floor(((px - x) / w) * this.atlas.columns), row = Math.floor(((py - y) / h) * this.atlas.rows);
    return { index, column, row };
  }

  describe(px, py) {
    const over = this.find(px, py);
    if (!over) return null;
    const { index, column, row } = over;
    const value = this.atlas.at(index, row, column, this.low[index], this.high[index]);
    const { atlas, frames } = this;
    const said = frames ? [[frames.name, format(frames.low + (frames.steps[index] / STEPS) * (frames.high - frames.low))]] : [];
    const named = (n) => (this.spec.names ? `“${this.spec.names[n]}” at ${n}` : String(n));
    const unit = 1 / Math.max(atlas.rows, atlas.columns);
    const picture = (context, size, theme) =>
      atlas.draw(context, index, 0, 0, size * unit * atlas.columns, size * unit * atlas.rows, theme);
    return {
      title: this.spec.captions[index]?.replaceAll("\n", ", ") || `Picture ${index}`,
      rows: [["column", named(column)], ["row", named(row)], ["value", format(value)], ...said],
      picture,
      discrete: this.spec.discrete,
    };
  }

  click(px, py) {
    const over = this.find(px, py);
    return over && { kind: "node", index: over.index, x: over.column, y: over.row };
  }
}
