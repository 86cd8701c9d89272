// Which of two pictures was attacked?  Told once one is clicked; the count lives here, and nothing is sent.

const version = new URL(import.meta.url).search;
const { Atlas } = await import(`./heat.js${version}`);

const GAP = 14;

export class Duel {
  constructor() {
    this.atlas = new Atlas();
    this.pannable = false;
    this.legend = [];
    this.cursor = "pointer";
    Object.assign(this, { round: 0, chosen: null, right: 0, tried: 0, fooled: 0 });
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.atlas.update(arrays[spec.values], "grey", theme, false);
    this.round %= spec.left.length;
    this.tell();
  }

  // Where the attacked one stands: 0 is left.
  get attacked() {
    return this.spec.left[this.round] ? 0 : 1;
  }

  tell() {
    const { round, spec } = this;
    if (this.chosen === null) this.said = `Round ${round + 1}. Which of the two pictures was attacked: left or right?`;
    else this.said = `${this.verdict()} The network reads ${spec.before[round]}, and under attack ${spec.after[round]}. ${this.count()}`;
  }

  verdict() {
    return this.chosen === this.attacked ? "Yes, that one." : `No, the ${this.attacked ? "right" : "left"} one.`;
  }

  count() {
    return `You: ${this.right} of ${this.tried}. The network was fooled ${this.fooled} of ${this.tried} times.`;
  }

  layout(width, height, theme) {
    const line = theme.size(19), side = Math.max(30, Math.min((width - GAP) / 2, height - 5.6 * line));
    const left = (width - 2 * side - GAP) / 2;
    this.line = line;
    this.boxes = [0, 1].map((k) => ({ x: left + k * (side + GAP), y: line + 6, side }));
  }

  draw(context, width, height, theme, { pointer }) {
    this.layout(width, height, theme);
    const { round, chosen, attacked, spec, line } = this, over = pointer && this.find(pointer.x, pointer.y);
    context.textAlign = "center";
    context.textBaseline = "top";
    context.font = theme.fontOf(14);
    context.fillStyle = theme.text;
    const write = (text, row, { bold = false, colour = theme.text } = {}) => {
      context.font = theme.fontOf(14, bold ? 700 : 400);
      context.fillStyle = colour;
      context.fillText(text, width / 2, this.boxes[0].y + this.boxes[0].side + 6 + row * line, width);
    };
    context.fillText(chosen === null ? "Click the one that was attacked" : this.verdict(), width / 2, 0, width);
    this.boxes.forEach(({ x, y, side }, k) => {
      context.imageSmoothingEnabled = false;
      this.atlas.draw(context, 2 * round + (k === attacked ? 1 : 0), x, y, side, side, theme);
      const told = chosen !== null && k === attacked;
      context.strokeStyle = told ? theme.colour("negative") : chosen === null && (over === k || this.focus === k) ? theme.text : theme.colour("grid");
      context.lineWidth = told ? 5 : over === k ? 2.5 : 1;
      context.strokeRect(x, y, side, side);
      if (chosen === null) return;
      context.font = theme.fontOf(14, told ? 700 : 400);
      context.fillStyle = told ? theme.colour("negative") : theme.text;
      context.fillText(told ? "attacked" : "as it was", x + side / 2, y + side + 6, side);
      context.fillText(`reads ${told ? spec.after[round] : spec.before[round]}`, x + side / 2, y + side + 6 + line, side + GAP - 4);
    });
    if (chosen === null) write(`pair ${round + 1} of ${spec.left.length}`, 0, { colour: theme.colour("neutral") });
    else {
      write(`You ${this.right} of ${this.tried}, network fooled ${this.fooled} of ${this.tried}`, 2.1);
      write("click for the next pair", 3.1, { colour: theme.colour("neutral") });
    }
  }

  find(px, py) {
    const k = this.boxes.findIndex(({ x, y, side }) => px >= x && px < x + side && py >= y && py < y + side);
    return k < 0 ? null : k;
  }

  choose(k) {
    this.chosen = k;
    this.tried += 1;
    if (k === this.attacked) this.right += 1;
    if (this.spec.fooled[this.round]) this.fooled += 1;
    this.tell();
  }

  next() {
    this.chosen = this.focus = null;
    this.round = (this.round + 1) % this.spec.left.length;
    this.tell();
  }

  click(px, py) {
    if (this.chosen !== null) this.next();
    else if (this.find(px, py) !== null) this.choose(this.find(px, py));
    return null;
  }

  key(name) {
    const side = { ArrowLeft: 0, ArrowRight: 1 }[name];
    if (this.chosen === null && side !== undefined) this.focus = side;
    else if (name === "Enter" && this.chosen !== null) this.next();
    else if (name === "Enter" && this.focus !== null && this.focus !== undefined) this.choose(this.focus);
    else return false;
    return true;
  }

  describe() {
    return null;
  }
}
