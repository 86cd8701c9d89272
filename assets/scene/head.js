// One attention head taken apart: q kᵀ, scaled, masked, softmax, times V.  The pair under the pointer is told in numbers.

const version = new URL(import.meta.url).search;
const { css, format } = await import(`./theme.js${version}`);
const { Atlas } = await import(`./heat.js${version}`);

const GAP = 12;
const STAGES = ["q kᵀ", "÷ √", "masked", "softmax", "× V"];

export class Head {
  constructor() {
    this.squares = new Atlas(); // the first three stages, (T, T)
    this.shares = new Atlas(); // the softmax, (T, T)
    this.result = new Atlas(); // what was found, (T, D)
    this.pannable = false;
    this.legend = [];
    this.cursor = "crosshair";
    this.query = this.key_ = null; // until the visitor points somewhere: the last token, and where it looks most
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    const get = (name) => arrays[spec[name]];
    for (const name of ["queries", "keys", "values", "scores", "bias", "seen", "weights", "found"]) this[name] = get(name).data;
    [this.count, this.depth] = get("queries").shape;
    this.squares.update(get("stages"), "diverging", theme, false);
    this.shares.update(get("shares"), "sequential", theme, false);
    this.result.update(get("results"), "diverging", theme, false);
    if (this.query >= this.count) this.query = null;
    if (this.key_ >= this.count) this.key_ = null;
  }

  // The pair that is told about: (row, column).
  pair() {
    const i = this.query ?? this.count - 1;
    if (this.key_ !== null) return [i, this.key_];
    const row = this.weights.subarray(i * this.count, (i + 1) * this.count);
    return [i, row.indexOf(Math.max(...row))];
  }

  layout(width, height, theme) {
    const line = theme.size(20), narrow = width < 560;
    const across = narrow ? 3 : 5, down = narrow ? 2 : 1;
    this.strip = { h: theme.size(30), y: height - theme.size(30) - 2, w: width - 4, x: 2 };
    const told = (narrow ? 5 : 3) * line + 8;
    const room = this.strip.y - told - down * (line + GAP);
    const side = Math.max(20, Math.min(room / down, (width - 4 - GAP * (across - 1)) / across));
    const gap = across > 1 ? Math.min(40, (width - 4 - side * across) / (across - 1)) : 0;
    const left = (width - side * across - gap * (across - 1)) / 2;
    this.cells = STAGES.map((name, n) => ({
      name: n === 1 ? `÷ √${this.depth}` : name, x: left + (n % across) * (side + gap),
      y: line + Math.floor(n / across) * (side + line + GAP), w: side, h: side,
    }));
    this.told = { y: line + down * side + (down - 1) * (line + GAP) + 10, line, narrow };
  }

  // What is under the pointer becomes the pair.
  point({ x, y }) {
    const { strip, cells, count } = this;
    if (y >= strip.y - 4 && x >= strip.x && x < strip.x + strip.w) {
      this.query = Math.min(count - 1, Math.floor(((x - strip.x) / strip.w) * count));
      this.key_ = null;
      return;
    }
    const cell = cells.find((c) => x >= c.x && x < c.x + c.w && y >= c.y && y < c.y + c.h);
    if (!cell) return;
    this.query = Math.floor(((y - cell.y) / cell.h) * count);
    this.key_ = cell.name === STAGES[4] ? null : Math.floor(((x - cell.x) / cell.w) * count);
  }

  draw(context, width, height, theme, { pointer }) {
    this.layout(width, height, theme);
    if (pointer && (pointer.x !== this.last?.x || pointer.y !== this.last?.y)) this.point(pointer);
    this.last = pointer && { ...pointer };
    const [i, j] = this.pair();
    context.imageSmoothingEnabled = false;
    this.cells.forEach((cell, n) => this.drawStage(context, theme, cell, n, i, j));
    this.tell(context, width, theme, i, j);
    this.drawStrip(context, theme, i, j);
  }

  drawStage(context, theme, { name, x, y, w, h }, n, i, j) {
    context.font = theme.fontOf(14, 600);
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillStyle = theme.text;
    context.fillText(name, x, y - 5);
    if (n < 3) this.squares.draw(context, n, x, y, w, h, theme);
    else if (n === 3) this.shares.draw(context, 0, x, y, w, h, theme);
    else this.result.draw(context, 0, x, y, w, h, theme);
    context.strokeStyle = theme.colour("grid");
    context.lineWidth = 1;
    context.strokeRect(x, y, w, h);
    const cell = h / this.count;
    context.strokeStyle = theme.text;
    context.lineWidth = 1.5;
    if (n === 4) context.strokeRect(x - 1, y + i * cell - 1, w + 2, cell + 2);
    else {
      context.globalAlpha = 0.35;
      context.strokeRect(x, y + i * cell, w, cell);
      context.globalAlpha = 1;
      context.strokeRect(x + j * cell - 1, y + i * cell - 1, cell + 2, cell + 2);
    }
  }

  tell(context, width, theme, i, j) {
    const { count, depth, spec, told } = this;
    const at = i * count + j, raw = this.scores[at], scaled = raw / Math.sqrt(depth), bias = this.bias[at];
    const names = [spec.tokens[i], spec.tokens[j]];
    const hidden = !this.seen[at];
    const first = `“${names[0]}” at ${i} asks “${names[1]}” at ${j}:  q·k = ${format(raw)},  ÷ √${depth} = ${format(scaled)}`
      + (bias ? `,  ${format(bias)} for the distance` : "") + (hidden ? ",  masked: it may not look there." : ",");
    const share = this.weights[at];
    const found = (data, row) => Array.from(data.subarray(row * depth, row * depth + 3), (v) => format(Number(v.toFixed(2)))).join(", ");
    const second = hidden ? "softmax = 0: nothing comes from there." : `softmax = ${share.toFixed(3)}: it takes ${(share * 100).toFixed(0)} % of v = (${found(this.values, j)}, …)`;
    const third = `${spec.on ? "All that it found" : "Switched off, so lost"}: (${found(this.found, i)}, …)`;
    context.font = theme.fontOf(15);
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillStyle = theme.text;
    const lines = [first, second, third];
    const room = told.narrow ? width - 4 : width * 0.62;
    let y = told.y;
    for (const text of lines) for (const part of wrap(context, text, room)) {
      context.fillText(part, 2, y);
      y += told.line;
    }
    this.said = lines.join(" ");
    if (!told.narrow) this.drawProducts(context, width, theme, i, j);
  }

  // q·k is a sum: one bar for each number of the query times that of the key.
  drawProducts(context, width, theme, i, j) {
    const { depth, told } = this;
    const x = width * 0.66, w = width - x - 2, y = told.y, h = told.line * 3;
    const terms = Array.from({ length: depth }, (_, d) => this.queries[i * depth + d] * this.keys[j * depth + d]);
    const reach = Math.max(1e-6, ...terms.map(Math.abs)), middle = y + h / 2;
    context.font = theme.fontOf(14);
    context.fillStyle = theme.colour("neutral");
    context.textBaseline = "middle";
    context.textAlign = "right";
    context.fillText("q·k, term by term", x - 8, middle);
    terms.forEach((term, d) => {
      context.fillStyle = theme.colour(term < 0 ? "negative" : "positive");
      const height = (term / reach) * (h / 2 - 2);
      context.fillRect(x + (d * w) / depth, Math.min(middle, middle - height), Math.max(1, w / depth - 1), Math.abs(height));
    });
  }

  // The sequence: each token as strongly coloured as the query looks at it.
  drawStrip(context, theme, i, j) {
    const { strip, count, spec } = this;
    const w = strip.w / count, lut = theme.lut("sequential");
    context.font = theme.fontOf(Math.min(17, Math.max(10, w * 0.75)), 600);
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let t = 0; t < count; t++) {
      const share = this.weights[i * count + t], x = strip.x + t * w;
      context.fillStyle = css(lut[Math.round(share * 254)]);
      context.fillRect(x, strip.y, w - 1, strip.h);
      context.fillStyle = share > 0.5 ? (theme.dark ? "#0b0f18" : "#ffffff") : theme.text;
      context.globalAlpha = this.seen[i * count + t] ? 1 : 0.45;
      context.fillText(spec.tokens[t], x + w / 2 - 0.5, strip.y + strip.h / 2, w);
      context.globalAlpha = 1;
      if (t !== i && t !== j) continue;
      context.strokeStyle = theme.colour(t === i ? "negative" : "positive");
      context.lineWidth = 2.5;
      context.strokeRect(x + 1, strip.y + 1, w - 3, strip.h - 2);
    }
  }

  key(name) {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[name];
    if (!move) return false;
    const [i, j] = this.pair().map((at, axis) => Math.max(0, Math.min(this.count - 1, at + move[axis])));
    Object.assign(this, { query: i, key_: j });
    return true;
  }

  describe() {
    return null; // it is written below the maps, where it hides nothing
  }

  click() {
    return null;
  }
}

function wrap(context, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (context.measureText(longer).width <= width || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
