// A pad to draw on with the mouse or a finger, and beside it the picture that the network is given.

const version = new URL(import.meta.url).search;
const { Atlas } = await import(`./heat.js${version}`);

const GAP = 14;
const CLOSE = 0.004; // of the pad: a point nearer to the last one tells nothing new

export class Pen {
  constructor() {
    this.atlas = new Atlas();
    this.strokes = []; // each a list of [x, y] in [0, 1], y up
    this.ink = null; // the stroke that is being drawn
    this.pannable = false;
    this.legend = [];
    this.cursor = "crosshair";
  }

  // What was drawn here counts, until the server says otherwise by a new revision: undo, clear, another page.
  update(spec, arrays, theme) {
    if (spec.revision !== this.revision) this.strokes = spec.strokes;
    this.revision = spec.revision;
    this.spec = spec;
    this.atlas.update(arrays[spec.values], spec.palette, theme, false);
  }

  layout(width, height, theme) {
    const caption = this.spec.caption.length * theme.size(17) + 8;
    const side = Math.max(20, Math.min(height - 2, (width - GAP) * 0.67));
    const small = Math.max(20, Math.min(side - caption, width - side - GAP - 2));
    const left = Math.max(1, (width - side - GAP - small) / 2);
    this.pad = { x: left, y: 1, side };
    this.picture = { x: left + side + GAP, y: 1, side: small };
  }

  draw(context, width, height, theme) {
    this.layout(width, height, theme);
    const { pad, picture, spec } = this;
    const stops = theme.palette.maps[spec.palette][theme.mode];
    context.save();
    context.beginPath();
    context.roundRect(pad.x, pad.y, pad.side, pad.side, 8);
    context.fillStyle = stops[0];
    context.fill();
    context.clip();
    context.strokeStyle = stops.at(-1);
    context.lineWidth = spec.width * pad.side;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.ink ? [...this.strokes, this.ink] : this.strokes) this.line(context, stroke);
    context.restore();
    context.strokeStyle = theme.colour("neutral");
    context.lineWidth = 1;
    context.beginPath();
    context.roundRect(pad.x, pad.y, pad.side, pad.side, 8);
    context.stroke();
    context.imageSmoothingEnabled = false;
    this.atlas.draw(context, 0, picture.x, picture.y, picture.side, picture.side, theme);
    context.strokeRect(picture.x, picture.y, picture.side, picture.side);
    context.font = theme.fontOf(13);
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillStyle = theme.text;
    spec.caption.forEach((text, i) =>
      context.fillText(text, picture.x + picture.side / 2, picture.y + picture.side + 6 + i * theme.size(17), picture.side + GAP));
  }

  // A smooth curve: the points steer it, and it passes through the middle between each two.
  line(context, stroke) {
    const at = stroke.map(([x, y]) => [this.pad.x + x * this.pad.side, this.pad.y + (1 - y) * this.pad.side]);
    context.beginPath();
    context.moveTo(...at[0]);
    for (let i = 1; i < at.length - 1; i++)
      context.quadraticCurveTo(...at[i], (at[i][0] + at[i + 1][0]) / 2, (at[i][1] + at[i + 1][1]) / 2);
    context.lineTo(at.at(-1)[0] + 0.01, at.at(-1)[1]); // a dot has a length too
    context.stroke();
  }

  toX(px) {
    return Math.min(1, Math.max(0, (px - this.pad.x) / this.pad.side));
  }

  toY(py) {
    return Math.min(1, Math.max(0, 1 - (py - this.pad.y) / this.pad.side));
  }

  inside(px, py) {
    const { x, y, side } = this.pad;
    return px >= x && px <= x + side && py >= y && py <= y + side;
  }

  // All strokes with the newest: if a message is lost, the next one makes up for it.
  finish() {
    const rounded = this.ink.map((point) => point.map((v) => Math.round(v * 1000) / 1000));
    const far = ([x, y], [u, v]) => Math.hypot(x - u, y - v) > CLOSE;
    this.strokes = [...this.strokes, rounded.filter((p, i) => i === 0 || i === rounded.length - 1 || far(p, rounded[i - 1]))];
    return { strokes: this.strokes, revision: this.revision };
  }

  describe() {
    return null;
  }

  click() {
    return null;
  }
}
