// A sheet of small pictures on their way from data to noise and back, with the way of one of them below its slider.

const version = new URL(import.meta.url).search;
const { css } = await import(`./theme.js${version}`);
const { Grid } = await import(`./grid.js${version}`);
const { Reel, SVG } = await import(`./reel.js${version}`);

export class Film extends Grid {
  constructor() {
    super();
    this.cursor = "default";
  }

  attach(panel) {
    this.reel = new Reel(panel, () => this.redraw(), { stills: true });
  }

  remove() {
    this.reel.stop();
  }

  update(spec, arrays) {
    this.spec = spec;
    const [, count, rows, columns] = arrays[spec.forward].shape;
    this.shape = [count, rows, columns];
    this.reel.strip.hidden = spec.followed < 0;
    this.low = new Float32Array(count).fill(spec.low);
    this.high = new Float32Array(count).fill(spec.high);
    const moving = (name) => ({ times: spec[`${name}_times`], data: arrays[spec[name]].data });
    this.reel.update({ forward: moving("forward"), back: moving("back"), count: count * rows * columns });
  }

  // The names of the columns stand above them, if there are any.
  layout(width, height, theme) {
    const head = this.spec.heads.length ? theme.size(15) + 3 : 0;
    super.layout(width, height - head, theme);
    for (const cell of this.cells) cell.y += head;
  }

  draw(context, width, height, theme, state) {
    const data = Uint8Array.from(this.reel.now, Math.round);
    this.atlas.update({ data, shape: this.shape }, this.spec.palette, theme, false);
    super.draw(context, width, height, theme, state);
    context.font = theme.fontOf(15, 600);
    context.textBaseline = "bottom";
    context.fillStyle = theme.text;
    this.spec.heads.forEach((head, i) => context.fillText(head, this.cells[i].x + this.cells[i].w / 2, this.cells[i].y - 2));
    this.drawStills(theme);
    this.said = `${this.shape[0]} pictures, ${this.reel.said}`;
  }

  // The picture `spec.followed`, if that is one, at equal distances of time, once for all that has come.
  drawStills(theme) {
    if (this.spec.followed < 0) return;
    const { forward, back, stills } = this.reel, made = [forward.data, back.data, theme.version];
    if (made.every((each, i) => each === this.made?.[i])) return;
    this.made = made;
    const [, rows, columns] = this.shape, lut = theme.lut(this.spec.palette), first = this.spec.followed * rows * columns;
    stills.forEach((still, i) => {
      const values = this.reel.valuesAt((2 * i) / (stills.length - 1)).subarray(first, first + rows * columns);
      still.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
      still.replaceChildren(...Array.from(values, (value, k) => cell(k % columns, Math.floor(k / columns), css(lut[Math.round(value)]))));
    });
  }

  click() {
    return null;
  }
}

function cell(x, y, fill) {
  const made = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width: 1.02, height: 1.02, fill })) made.setAttribute(name, value); // no gaps between cells
  return made;
}
