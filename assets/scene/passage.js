// A text, each character on the colour of its class; the pointer picks one class out.

const version = new URL(import.meta.url).search;
const { line } = await import(`./marks.js${version}`);

export class Passage {
  constructor() {
    this.pannable = false;
    this.legend = [];
    this.cursor = "default";
  }

  update(spec, arrays) {
    this.spec = spec;
    this.group = arrays[spec.group].data;
    this.strength = arrays[spec.strength].data;
    this.crossed = arrays[spec.crossed].data;
    this.characters = Array.from(spec.text);
    // Colours repeat after ten: more groups have their names under the pointer only.
    this.legend = spec.names.length > 10 ? [] : spec.names.map((name, k) => ({ kind: "path", name, colour: `class_${k}` }));
  }

  // The largest type in which all characters fit.
  layout(width, height, theme) {
    const count = Math.max(1, this.characters.length);
    let high = theme.size(30);
    for (; high > 9; high -= 0.5) {
      const across = Math.floor((width - 8) / (high * 0.62));
      if (Math.ceil(count / across) * high <= height - 8) break;
    }
    this.high = high;
    this.wide = high * 0.62;
    this.across = Math.max(1, Math.floor((width - 8) / this.wide));
  }

  place(i) {
    return [4 + (i % this.across) * this.wide, 4 + Math.floor(i / this.across) * this.high];
  }

  draw(context, width, height, theme, { pointer, hidden }) {
    this.layout(width, height, theme);
    const over = pointer ? this.find(pointer.x, pointer.y) : null;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `500 ${this.high * 0.7}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace`;
    this.characters.forEach((character, i) => {
      const [x, y] = this.place(i);
      const apart = over !== null && this.group[i] !== this.group[over];
      const plain = hidden.has(this.spec.names[this.group[i]]); // taken out by its name in the legend
      context.globalAlpha = (apart ? 0.12 : 1) * (0.2 + (0.4 * this.strength[i]) / 254);
      context.fillStyle = theme.classColour(this.group[i]);
      if (!plain) context.fillRect(x, y + 1, this.wide, this.high - 2);
      context.globalAlpha = apart ? 0.35 : 1;
      context.fillStyle = theme.text;
      context.fillText(character, x + this.wide / 2, y + this.high / 2);
      if (!this.crossed[i]) return;
      context.beginPath();
      line(context, x + 1, y + this.high - 3, x + this.wide - 1, y + 3);
      context.strokeStyle = theme.colour("gradient");
      context.lineWidth = 2;
      context.stroke();
    });
    context.globalAlpha = 1;
  }

  find(px, py) {
    const column = Math.floor((px - 4) / this.wide), row = Math.floor((py - 4) / this.high);
    const i = row * this.across + column;
    return column >= 0 && column < this.across && row >= 0 && i < this.characters.length ? i : null;
  }

  describe(px, py) {
    const i = this.find(px, py);
    if (i === null) return null;
    const rows = [[this.spec.label, `${Math.round((100 * this.strength[i]) / 254)} %`]];
    if (this.crossed[i]) rows.push([this.spec.crossing, ""]);
    return { title: `“${this.characters[i]}”: ${this.spec.names[this.group[i]]}`, rows };
  }

  click() {
    return null;
  }
}
