// A sheet of small pictures with captions: filters, feature maps, digits.

const version = new URL(import.meta.url).search;
const { css, format, STEPS } = await import(`./theme.js${version}`);
const { Atlas } = await import(`./heat.js${version}`);

const GAP = 8;
const FRAME = 3.5; // width of a frame that says something

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
    const caption = this.spec.captions.length ? theme.size(13) + 6 : 0;
    const fit = (across) => {
      const down = Math.ceil(count / across);
      return Math.min((width - 4 - GAP * (across - 1)) / across / columns, (height - 4 - (GAP + caption) * down) / down / rows);
    };
    let across = this.spec.columns || 1;
    if (!this.spec.columns) for (let n = 2; n <= count; n++) if (fit(n) > fit(across)) across = n;
    const scale = Math.max(0.2, fit(across));
    const w = scale * columns, h = scale * rows;
    const left = (width - across * w - (across - 1) * GAP) / 2;
    const top = Math.max(2, (height - Math.ceil(count / across) * (h + GAP + caption) + GAP) / 2);
    this.cells = Array.from({ length: count }, (_, i) => ({
      x: left + (i % across) * (w + GAP), y: top + Math.floor(i / across) * (h + GAP + caption), w, h,
    }));
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
      if (this.spec.captions[i]) context.fillText(this.spec.captions[i], x + w / 2, y + h + 4, w + GAP);
    });
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
    const unit = 1 / Math.max(atlas.rows, atlas.columns);
    const picture = (context, size, theme) =>
      atlas.draw(context, index, 0, 0, size * unit * atlas.columns, size * unit * atlas.rows, theme);
    return {
      title: this.spec.captions[index] || `Picture ${index}`,
      rows: [["column", String(column)], ["row", String(row)], ["value", format(value)], ...said],
      picture,
      discrete: this.spec.discrete,
    };
  }

  click(px, py) {
    const over = this.find(px, py);
    return over && { kind: "node", index: over.index, x: over.column, y: over.row };
  }
}
