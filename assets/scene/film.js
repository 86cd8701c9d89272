// A sheet of small pictures on their way from data to noise and back.

const version = new URL(import.meta.url).search;
const { Grid } = await import(`./grid.js${version}`);
const { Reel } = await import(`./reel.js${version}`);

export class Film extends Grid {
  constructor() {
    super();
    this.cursor = "default";
  }

  attach(panel) {
    this.reel = new Reel(panel, () => this.redraw());
  }

  remove() {
    this.reel.stop();
  }

  update(spec, arrays) {
    this.spec = spec;
    const [, count, rows, columns] = arrays[spec.forward].shape;
    this.shape = [count, rows, columns];
    this.low = new Float32Array(count).fill(spec.low);
    this.high = new Float32Array(count).fill(spec.high);
    const moving = (name) => ({ times: spec[`${name}_times`], data: arrays[spec[name]].data });
    this.reel.update({ forward: moving("forward"), back: moving("back"), count: count * rows * columns });
  }

  draw(context, width, height, theme, state) {
    const data = Uint8Array.from(this.reel.now, Math.round);
    this.atlas.update({ data, shape: this.shape }, this.spec.palette, theme, false);
    super.draw(context, width, height, theme, state);
    this.said = `${this.shape[0]} pictures, ${this.reel.said}`;
  }

  click() {
    return null;
  }
}
