// A recurrent cell as a machine at work: on the left what every gate does at every step, as heatmaps over the sequence;
// on the right the step under the cursor, one number of the state with its equations.  The cursor walks by itself,
// stands where the pointer is, and is moved by the arrow keys.  Brushing the tokens sends the span.

const version = new URL(import.meta.url).search;
const { css, format, STEPS } = await import(`./theme.js${version}`);
const { fine } = await import(`./decode.js${version}`);

const PACE = 240; // milliseconds from step to step
const MIN_BAND = 18; // pixels of a heatmap

// What each gate is called, and how its number comes about, in the symbols of the papers.
const MACHINES = {
  lstm: {
    gates: { i: "input gate", f: "forget gate", g: "candidate", o: "output gate", c: "cell", h: "state" },
    sums: { i: "σ", f: "σ", g: "tanh", o: "σ" },
    rest: (v) => [
      ["c", `f · c₋₁ + i · g = ${n(v.f)} · ${n(v.c_)} + ${n(v.i)} · ${n(v.g)}`, v.c],
      ["h", `o · tanh c = ${n(v.o)} · ${n(Math.tanh(v.c))}`, v.h],
    ],
  },
  gru: {
    gates: { r: "reset gate", z: "update gate", n: "candidate", u: "U h₋₁ + b′", h: "state" },
    sums: { r: "σ", z: "σ", n: "tanh" },
    rest: (v) => [["h", `(1 − z) · n + z · h₋₁ = ${n(1 - v.z)} · ${n(v.n)} + ${n(v.z)} · ${n(v.h_)}`, v.h]],
  },
  rnn: { gates: { h: "state" }, sums: { h: "tanh" }, rest: () => [] },
};

export class Cell {
  constructor() {
    this.legend = [];
    this.cursor = "crosshair";
    this.pannable = false;
    this.brush = true; // the panel lets the pointer draw where `inside` says so
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.timer = setInterval(() => this.tick(), PACE);
    this.pictures = [];
    this.said = "";
  }

  remove() {
    clearInterval(this.timer);
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.machine = MACHINES[spec.cell];
    for (const name of ["gates", "from_input", "from_state", "bias"]) this[name] = fine(arrays[spec[name]], spec.scales[name]);
    [, this.steps, this.units] = arrays[spec.gates].shape;
    this.t = Math.min(this.t ?? (this.still.matches ? this.steps - 1 : 0), this.steps - 1);
    this.chosen = this.chosen === undefined ? undefined : Math.min(this.chosen, this.units - 1);
    this.paint(theme);
  }

  get unit() {
    return this.chosen ?? this.spec.unit;
  }

  tick() {
    if (!this.gates || this.still.matches || this.pinned || this.over || this.ink || document.hidden) return;
    this.t = (this.t + 1) % this.steps;
    this.redraw();
  }

  at(name, t = this.t, unit = this.unit) {
    const place = this.spec.names.indexOf(name);
    return place < 0 || t < 0 ? 0 : this.gates[(place * this.steps + t) * this.units + unit];
  }

  part(name, place) {
    return this[name][(place * this.steps + this.t) * this.units + this.unit];
  }

  // Gates lie in 0 to 1; what can be negative is coloured around zero.
  range(name) {
    if (this.machine.sums[name] === "σ") return [0, 1, "sequential"];
    const reach = this.spec.reach[this.spec.names.indexOf(name)];
    return [-reach, reach, "diverging"];
  }

  pixel(name, value, theme) {
    const [low, high, palette] = this.range(name);
    return theme.lut(palette)[Math.max(0, Math.min(STEPS, Math.round(((value - low) / (high - low)) * STEPS)))];
  }

  paint(theme) {
    this.spec.names.forEach((name, k) => {
      const canvas = (this.pictures[k] ??= document.createElement("canvas"));
      if (canvas.width !== this.steps || canvas.height !== this.units) Object.assign(canvas, { width: this.steps, height: this.units });
      const context = canvas.getContext("2d"), image = context.createImageData(this.steps, this.units);
      const words = new Uint32Array(image.data.buffer);
      for (let t = 0; t < this.steps; t++) {
        for (let u = 0; u < this.units; u++) words[u * this.steps + t] = this.pixel(name, this.gates[(k * this.steps + t) * this.units + u], theme);
      }
      context.putImageData(image, 0, 0);
    });
    this.painted = theme.version;
  }

  // ---------------------------------------------------------------- where things stand

  layout(width, height, theme) {
    const line = theme.size(14) + 9, narrow = width < 680;
    const names = theme.size(96), count = this.spec.names.length;
    const left = narrow ? width : width * 0.54;
    const tall = narrow ? height * 0.46 : height;
    this.line = line;
    this.strip = { x: names, y: 0, w: left - names - 4, h: line };
    this.tokens = { x: names, y: line + 2, w: left - names - 4, h: line };
    const room = (tall - 2 * line - 8) / count;
    const band = Math.max(MIN_BAND, room - 6);
    this.bands = this.spec.names.map((name, k) => ({ name, x: names, y: 2 * line + 6 + k * room, w: left - names - 4, h: band }));
    this.desk = narrow ? { x: 1, y: tall + 8, w: width - 2, h: height - tall - 8 } : { x: left + 22, y: 0, w: width - left - 23, h: height - 1 };
  }

  column(t) {
    const { x, w } = this.tokens, unit = w / this.steps;
    return { x: x + t * unit, w: unit };
  }

  toX(px) {
    return Math.max(0, Math.min(this.steps - 1, Math.floor(((px - this.tokens.x) / this.tokens.w) * this.steps)));
  }

  toY() {
    return 0;
  }

  // Where the pointer brushes.
  inside(px, py) {
    const { x, y, w, h } = this.tokens;
    return px >= x && px < x + w && py >= y && py < y + h;
  }

  finish() {
    const steps = this.ink.map(([t]) => t);
    const start = Math.min(...steps), stop = Math.max(...steps) + 1;
    this.t = start;
    return { kind: "span", points: [], start, stop: stop - start > 1 ? stop : start };
  }

  // The step and the number in the state under the pointer.
  aim(px, py) {
    const { x, w } = this.tokens;
    if (px < x || px >= x + w) return null;
    const t = this.toX(px);
    if (py >= this.strip.y && py < this.tokens.y + this.tokens.h) return { t };
    const band = this.bands.find(({ y, h }) => py >= y && py < y + h);
    if (!band) return null;
    return { t, name: band.name, unit: Math.max(0, Math.min(this.units - 1, Math.floor(((py - band.y) / band.h) * this.units))) };
  }

  // ---------------------------------------------------------------- drawing

  draw(context, width, height, theme, { pointer }) {
    if (this.painted !== theme.version) this.paint(theme);
    this.layout(width, height, theme);
    this.over = pointer ? this.aim(pointer.x, pointer.y) : null;
    if (this.over && !this.pinned) {
      this.t = this.over.t;
      if (this.over.unit !== undefined) this.chosen = this.over.unit;
    }
    this.drawTokens(context, theme);
    this.drawBands(context, theme);
    this.drawCursor(context, theme);
    const desk = this.drawHead(context, theme);
    const values = this.values();
    this.drawMachine(context, theme, desk, values);
    this.drawEquations(context, theme, desk, values);
  }

  values() {
    const v = {};
    for (const name of this.spec.names) v[name] = this.at(name);
    return { ...v, c_: this.at("c", this.t - 1), h_: this.at("h", this.t - 1) };
  }

  drawTokens(context, theme) {
    const { strip, tokens, spec } = this;
    const span = this.ink ? [Math.min(...this.ink.map(([t]) => t)), Math.max(...this.ink.map(([t]) => t)) + 1] : spec.span;
    context.textBaseline = "middle";
    context.textAlign = "right";
    context.font = theme.fontOf(13);
    context.fillStyle = theme.colour("neutral");
    context.fillText("reads", tokens.x - 10, tokens.y + tokens.h / 2);
    if (span[1] > span[0]) {
      context.globalAlpha = 0.28;
      context.fillStyle = theme.colour("negative");
      context.fillRect(this.column(span[0]).x, tokens.y, this.column(span[1]).x - this.column(span[0]).x, tokens.h);
      context.globalAlpha = 1;
    }
    context.strokeStyle = theme.colour("grid");
    context.lineWidth = 1;
    context.strokeRect(tokens.x, tokens.y, tokens.w, tokens.h);
    context.textAlign = "center";
    const unit = tokens.w / this.steps;
    context.font = theme.fontOf(Math.min(15, Math.max(9, unit * 1.35)), 500);
    context.fillStyle = theme.text;
    spec.short.forEach((token, t) => token && context.fillText(token, this.column(t).x + unit / 2, tokens.y + tokens.h / 2));
    // The steps, a number every ten, and the token under the cursor in full.
    context.font = theme.fontOf(12);
    context.fillStyle = theme.colour("neutral");
    const here = this.column(this.t).x + unit / 2;
    const number = (text, x) => {
      const half = context.measureText(text).width / 2; // the last one stays within the strip
      context.fillText(text, Math.min(x, strip.x + strip.w - half), strip.y + strip.h / 2);
    };
    for (let t = 9; t < this.steps; t += 10) {
      const x = this.column(t).x + unit / 2;
      if (Math.abs(x - here) > 34) number(String(t + 1), x);
    }
    context.textAlign = "right";
    context.fillText("step", strip.x - 10, strip.y + strip.h / 2);
    context.textAlign = "center";
    context.font = theme.fontOf(13, 700);
    context.fillStyle = theme.text;
    number(String(this.t + 1), here);
  }

  drawBands(context, theme) {
    context.imageSmoothingEnabled = false;
    context.textBaseline = "middle";
    this.bands.forEach(({ name, x, y, w, h }, k) => {
      context.drawImage(this.pictures[k], x, y, w, h);
      context.strokeStyle = theme.colour("grid");
      context.lineWidth = 1;
      context.strokeRect(x, y, w, h);
      context.textAlign = "right";
      context.font = theme.fontOf(17, 700);
      context.fillStyle = theme.text;
      const two = h > theme.size(38);
      context.fillText(name, x - 10, y + h / 2 - (two ? theme.size(8) : 0));
      if (!two) return;
      context.font = theme.fontOf(12);
      context.fillStyle = theme.colour("neutral");
      context.fillText(this.machine.gates[name], x - 10, y + h / 2 + theme.size(10), x - 12);
    });
  }

  drawCursor(context, theme) {
    const { x, w } = this.column(this.t), last = this.bands[this.bands.length - 1];
    context.strokeStyle = theme.text;
    context.lineWidth = 2;
    context.strokeRect(x - 1, this.tokens.y - 1, w + 2, last.y + last.h - this.tokens.y + 2);
    context.lineWidth = 1.5;
    for (const { y, h } of this.bands) {
      const row = h / this.units;
      context.strokeRect(x - 3, y + this.unit * row - 1, w + 6, Math.max(3, row + 2));
    }
  }

  // What is read and answered at this step.  Returns the room that is left.
  drawHead(context, theme) {
    const { desk, spec, t, line } = this;
    const asked = t >= spec.asked, right = spec.wanted[t];
    context.textAlign = "left";
    context.textBaseline = "middle";
    let x = desk.x;
    const write = (text, font, colour) => {
      context.font = font;
      context.fillStyle = colour;
      context.fillText(text, x, desk.y + line / 2);
      x += context.measureText(text).width;
    };
    const quiet = theme.colour("neutral"), plain = theme.fontOf(14), bold = theme.fontOf(16, 700);
    write("reads ", plain, quiet);
    write(spec.tokens[t], bold, theme.text);
    write("   answers ", plain, quiet);
    write(asked ? spec.said[t] : "not asked yet", asked ? bold : plain, asked ? theme.text : quiet);
    if (asked && right) {
      write("   right: ", plain, quiet);
      write(right, bold, theme.text);
    }
    context.font = theme.fontOf(12);
    context.fillStyle = quiet;
    context.fillText(`number ${this.unit + 1} of ${this.spec.units} in the state${this.pinned ? ", held: click to let go" : ""}`, desk.x, desk.y + line * 1.35, desk.w);
    return { x: desk.x, y: desk.y + line * 1.9, w: desk.w, h: desk.h - line * 1.9 };
  }

  // The machine: values as boxes coloured like the heatmaps, and the ways between them.
  drawMachine(context, theme, desk, v) {
    const rows = Object.keys(this.machine.sums).length + this.machine.rest(v).length;
    const equations = rows * (this.line + 3) + 6;
    const h = Math.max(90, Math.min(desk.h - equations, 230)), { x, y, w } = desk;
    this.equationsAt = y + h + 8;
    const box = { w: Math.min(60, w / 6.9), h: Math.min(44, h / 4) };
    const X = (part) => x + box.w / 2 + part * (w - box.w), Y = (part) => y + box.h / 2 + part * (h - box.h);
    const line = (...points) => {
      context.strokeStyle = theme.colour("neutral");
      context.lineWidth = 2;
      context.beginPath();
      points.forEach(([a, b], i) => (i ? context.lineTo(X(a), Y(b)) : context.moveTo(X(a), Y(b))));
      context.stroke();
      const [[a0, b0], [a1, b1]] = points.slice(-2);
      const angle = Math.atan2(Y(b1) - Y(b0), X(a1) - X(a0));
      context.save();
      context.translate((X(a0) + X(a1)) / 2, (Y(b0) + Y(b1)) / 2);
      context.rotate(angle);
      context.fillStyle = theme.colour("neutral");
      context.beginPath();
      context.moveTo(6, 0);
      context.lineTo(-4, -5);
      context.lineTo(-4, 5);
      context.fill();
      context.restore();
    };
    const value = (a, b, name, label, number) => {
      context.fillStyle = css(this.pixel(name, number, theme));
      context.strokeStyle = theme.colour("neutral");
      context.lineWidth = 1.5;
      context.beginPath();
      context.roundRect(X(a) - box.w / 2, Y(b) - box.h / 2, box.w, box.h, 8);
      context.fill();
      context.stroke();
      const [low, high, palette] = this.range(name), share = (number - low) / (high - low);
      const strong = palette === "sequential" && share > 0.45;
      context.fillStyle = strong !== theme.dark ? (strong ? "#ffffff" : theme.text) : strong ? "#10151c" : theme.text;
      context.textAlign = "center";
      context.textBaseline = "middle";
      const size = (most) => Math.min(most, (box.h * 0.4) / (theme.size(14) / 14)); // two lines, one above the other
      context.font = theme.fontOf(size(13), 600);
      context.fillText(label, X(a), Y(b) - box.h * 0.22, box.w - 6);
      context.font = theme.fontOf(size(14), 700);
      context.fillText(n(number), X(a), Y(b) + box.h * 0.24, box.w - 6);
    };
    const act = (a, b, sign) => {
      context.fillStyle = theme.background;
      context.strokeStyle = theme.colour("neutral");
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(X(a), Y(b), 11, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
      context.fillStyle = theme.text;
      context.font = theme.fontOf(16, 700);
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(sign, X(a), Y(b) + 1);
    };
    if (this.spec.cell === "lstm") {
      line([0, 0], [0.2, 0]), line([0.2, 0], [0.5, 0]), line([0.5, 0], [1, 0]);
      line([0.2, 1], [0.2, 0]), line([0.5, 0.5], [0.5, 0]), line([0.4, 1], [0.5, 0.5]), line([0.6, 1], [0.5, 0.5]);
      line([0.8, 1], [0.8, 0.5]), line([1, 0], [0.93, 0], [0.93, 0.5], [0.8, 0.5]), line([0.8, 0.5], [1, 1]);
      act(0.2, 0, "×"), act(0.5, 0, "+"), act(0.5, 0.5, "×"), act(0.8, 0.5, "×");
      value(0, 0, "c", "c₋₁", v.c_), value(1, 0, "c", "c", v.c), value(0.2, 1, "f", "f", v.f), value(0.4, 1, "i", "i", v.i);
      value(0.6, 1, "g", "g", v.g), value(0.8, 1, "o", "o", v.o), value(1, 1, "h", "h", v.h), value(0, 1, "h", "h₋₁", v.h_);
    } else if (this.spec.cell === "gru") {
      line([0, 0], [0.4, 0]), line([0.4, 0], [0.72, 0]), line([0.72, 0], [1, 0]), line([0.4, 1], [0.4, 0]);
      line([0.72, 0.5], [0.72, 0]), line([0.72, 1], [0.72, 0.5]), line([0.4, 1], [0.56, 0.5], [0.72, 0.5]), line([0.2, 1], [0.4, 1]);
      act(0.4, 0, "×"), act(0.72, 0, "+"), act(0.72, 0.5, "×");
      value(0, 0, "h", "h₋₁", v.h_), value(1, 0, "h", "h", v.h), value(0.4, 1, "z", "z", v.z), value(0.72, 1, "n", "n", v.n);
      value(0.15, 1, "r", "r", v.r);
      context.fillStyle = theme.colour("neutral");
      context.font = theme.fontOf(13);
      context.textAlign = "left";
      context.fillText("1 − z", X(0.47), Y(0.62));
    } else {
      const [Wx, Uh, b] = [this.part("from_input", 0), this.part("from_state", 0), this.bias[this.unit]];
      line([0, 0], [0.45, 0.5]), line([0, 1], [0.45, 0.5]), line([0.45, 1], [0.45, 0.5]), line([0.45, 0.5], [1, 0.5]);
      act(0.45, 0.5, "+");
      value(0, 0, "h", "U h₋₁", Uh), value(0, 1, "h", "W x", Wx), value(0.45, 1, "h", "b", b), value(1, 0.5, "h", "h", v.h);
      context.fillStyle = theme.colour("neutral");
      context.font = theme.fontOf(14);
      context.textAlign = "center";
      context.fillText("tanh", X(0.72), Y(0.5) - 16);
    }
  }

  drawEquations(context, theme, desk, v) {
    const lines = Object.entries(this.machine.sums).map(([name, squash], place) => {
      const [Wx, Uh, b] = [this.part("from_input", place), this.part("from_state", place), this.bias[place * this.units + this.unit]];
      const gru = this.spec.cell === "gru" && name === "n"; // torch resets after the product
      const symbols = gru ? "Wx + r · u + b" : "Wx + Uh₋₁ + b";
      const numbers = gru ? `${n(Wx)} + ${n(v.r)} · ${n(v.u)} + ${n(b)}` : `${n(Wx)} + ${n(Uh)} + ${n(b)}`;
      return [name, `${squash}(${symbols}) = ${squash}(${numbers.replaceAll("+ −", "− ")})`, v[name]];
    });
    lines.push(...this.machine.rest(v).map(([name, text, value]) => [name, text.replaceAll("+ −", "− "), value]));
    const step = Math.min(this.line + 6, (desk.y + desk.h - this.equationsAt) / lines.length);
    context.textBaseline = "middle";
    context.textAlign = "left";
    lines.forEach(([name, text, value], k) => {
      const y = this.equationsAt + (k + 0.5) * step, result = ` = ${n(value)}`;
      context.font = theme.fontOf(15, 700);
      const end = context.measureText(result).width, start = context.measureText("m ").width;
      context.fillStyle = theme.text;
      context.fillText(name, desk.x, y);
      context.font = theme.fontOf(15);
      const w = Math.min(context.measureText(`= ${text}`).width, desk.w - end - start);
      context.fillText(`= ${text}`, desk.x + start, y, desk.w - end - start);
      context.font = theme.fontOf(15, 700);
      context.fillText(result, desk.x + start + w, y);
    });
    this.said = `Step ${this.t + 1} reads ${this.spec.tokens[this.t]}. ` + lines.map(([name, text, value]) => `${name} = ${text} = ${n(value)}`).join("; ");
  }

  // ---------------------------------------------------------------- pointer and keys

  describe(px, py) {
    const at = this.aim(px, py);
    if (!at) return null;
    const rows = [["reads", this.spec.tokens[at.t]]];
    if (at.name) rows.push([`${at.name}, ${this.machine.gates[at.name]}`, format(this.at(at.name, at.t, at.unit), this.spec.scales.gates?.[2])]);
    return { title: at.name ? `Step ${at.t + 1}, number ${at.unit + 1}` : `Step ${at.t + 1}`, rows };
  }

  // A click holds the cursor where it is, or lets it go.
  click(px, py) {
    const at = this.aim(px, py);
    if (this.pinned) this.pinned = false;
    else if (at) this.pinned = true;
    if (at) this.t = at.t;
    return null;
  }

  key(name) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[name], other = { ArrowUp: -1, ArrowDown: 1 }[name];
    if (name === "Enter") this.pinned = !this.pinned;
    else if (move) [this.pinned, this.t] = [true, (this.t + move + this.steps) % this.steps];
    else if (other) [this.pinned, this.chosen] = [true, (this.unit + other + this.units) % this.units];
    else return false;
    return true;
  }
}

// Two decimals are enough to follow a sum by eye.
function n(value) {
  return value.toFixed(Math.abs(value) >= 100 ? 0 : 2).replace(/^-/, "−").replace(/^−(0\.00)$/, "$1");
}
