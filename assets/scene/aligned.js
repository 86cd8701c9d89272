// Two sentences and what joins them: a matrix of weights with the source above, or ribbons from one to the other.

const version = new URL(import.meta.url).search;
const { css, STEPS } = await import(`./theme.js${version}`);
const { halo } = await import(`./marks.js${version}`);

const SIGNS = { positive: "✓", gradient: "✗" };
const TURN = -Math.PI / 4.5; // of words that are too long for their column
const UPRIGHT = -Math.PI / 2; // and of those that would lie over each other all the same
const PACE = 400; // milliseconds from word to word of a sentence that is written
const percent = (value) => `${Math.round(100 * value)} %`;

export class Aligned {
  constructor() {
    this.pannable = false;
    this.legend = [];
    this.row = null; // chosen with the arrow keys
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  remove() {
    clearInterval(this.timer);
  }

  // A click writes the words one by one; if they change on the way, as in training, it goes on with those.
  write() {
    if (!this.spec.ribbons || this.still.matches || this.timer) return;
    this.written = 0;
    this.timer = setInterval(() => {
      if (document.hidden) return;
      if (++this.written >= this.spec.target.length) this.timer = clearInterval(this.timer);
      this.redraw();
    }, PACE);
  }

  get count() {
    return this.timer ? Math.min(this.written, this.spec.target.length) : this.spec.target.length;
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.lut = theme.lut(spec.palette);
    this.weights = spec.weights === null ? null : arrays[spec.weights].data;
    this.cursor = (this.weights && !spec.ribbons) || (spec.ribbons && !this.still.matches) ? "pointer" : "default";
    this.legend = spec.boxes.length && spec.ends[1] ? [{ kind: "path", name: spec.ends[1], colour: spec.ribbons ? "positive" : "negative" }] : [];
    if (this.row !== null && this.row >= spec.target.length) this.row = null;
    this.said = this.weights ? spec.target.map((word, j) => `${word}: ${this.most(j, 1)}`).join("; ") : spec.target.join(" ");
  }

  at(row, column) {
    return this.weights ? this.weights[row * this.spec.source.length + column] / STEPS : 0;
  }

  // The `count` source words with the largest weights of a row.
  most(row, count) {
    const order = this.spec.source.map((_, i) => i).sort((a, b) => this.at(row, b) - this.at(row, a));
    return order.slice(0, count).map((i) => `${this.spec.source[i]} ${percent(this.at(row, i))}`).join(", ");
  }

  signed(word, row) {
    return `${word} ${SIGNS[this.spec.marks[row]?.[1]] ?? ""}`.trim();
  }

  isBox(row, column) {
    return this.spec.boxes.some(([r, c]) => r === row && c === column);
  }

  // The largest type in which `words` are at most `room` wide, in pixels.
  fit(context, theme, words, room, largest, weight = 400) {
    let size = largest;
    for (; size > 9; size -= 0.5) {
      context.font = theme.fontOf(size, weight);
      if (Math.max(0, ...words.map((word) => context.measureText(word).width)) <= room) break;
    }
    return size;
  }

  draw(context, width, height, theme, state) {
    this.over = state.pointer ? this.find(state.pointer.x, state.pointer.y) : null;
    this.lit = this.over?.row ?? this.row;
    this.theme = theme;
    const boxes = !state.hidden.has(this.spec.ends[1]);
    if (this.spec.ribbons) this.drawRibbons(context, width, height, theme, boxes);
    else this.drawMatrix(context, width, height, theme, boxes);
  }

  layout(context, width, height, theme) {
    const { source, target, marks } = this.spec, S = source.length, T = Math.max(1, target.length);
    context.font = theme.fontOf(13);
    const edge = theme.size(20);
    const side = this.fit(context, theme, target, 0.2 * width, 19);
    const left = edge + Math.max(0, ...target.map((word) => context.measureText(word).width)) + 10;
    const end = marks.length ? this.fit(context, theme, marks.map(([word]) => `${word} ✓`), 0.22 * width, 18) : 0;
    const right = marks.length ? Math.max(context.measureText("✓").width, ...marks.map(([word]) => context.measureText(`${word} ✓`).width)) + 14 : 4;
    const cell = Math.max(4, (width - left - right) / Math.max(1, S));
    let top = this.fit(context, theme, source, cell - 4, 18);
    this.turned = top < 13;
    if (this.turned) {
      const apart = (angle) => (cell / theme.size(1)) * Math.abs(Math.sin(angle)); // two lines of words
      this.angle = apart(TURN) < 10 ? UPRIGHT : TURN;
      top = Math.min(height < theme.size(90 + 14 * T) ? 11 : 17, Math.max(9, apart(this.angle))); // low: rows need the height
    }
    context.font = theme.fontOf(top);
    const longest = Math.max(0, ...source.map((word) => context.measureText(word).width));
    const head = edge + (this.turned ? longest * Math.abs(Math.sin(this.angle)) + theme.size(top) : theme.size(top) + 8);
    const tall = Math.max(4, Math.min((height - head - 4) / T, 1.3 * cell, theme.size(64)));
    const type = Math.min(side, (0.8 * tall) / theme.size(1));
    Object.assign(this, { left, head, cell, tall, edge, top, side: type, end: Math.min(end, type) });
  }

  drawMatrix(context, width, height, theme, boxes) {
    const { source, target, marks, axes, ends } = this.spec;
    this.layout(context, width, height, theme);
    const { left, head, cell, tall, edge } = this;
    const across = cell * source.length, down = tall * target.length;
    context.textBaseline = "middle";
    context.fillStyle = theme.colour("neutral");
    context.font = theme.fontOf(13);
    context.textAlign = "left";
    context.fillText(`${axes[0]} →`, left, edge / 2, across);
    if (marks.length) context.fillText(ends[0], left + across + 8, edge / 2, width - left - across - 8);
    context.save();
    context.translate(edge / 2, head + down / 2);
    context.rotate(UPRIGHT);
    context.textAlign = "center";
    context.fillText(`← ${axes[1]}`, 0, 0, Math.max(down, 60));
    context.restore();
    source.forEach((word, i) => {
      const lit = this.lit !== null && this.at(this.lit, i) > 0.2;
      context.save();
      context.font = theme.fontOf(this.top, lit ? 700 : 400);
      context.fillStyle = theme.text;
      context.translate(left + (i + (this.turned && this.angle === TURN ? 0.35 : 0.5)) * cell, head - (this.turned ? 4 : theme.size(this.top) / 2 + 4));
      if (this.turned) context.rotate(this.angle);
      context.textAlign = this.turned ? "left" : "center";
      context.fillText(word, 0, 0);
      context.restore();
    });
    target.forEach((word, j) => {
      const y = head + j * tall, apart = this.lit !== null && this.lit !== j;
      context.globalAlpha = apart ? 0.45 : 1;
      for (let i = 0; i < source.length; i++) {
        context.fillStyle = this.weights ? css(this.lut[this.weights[j * source.length + i]]) : theme.colour("grid");
        context.globalAlpha = (apart ? 0.45 : 1) * (this.weights ? 1 : 0.35);
        context.fillRect(left + i * cell, y, cell, tall);
      }
      context.globalAlpha = apart ? 0.45 : 1;
      context.font = theme.fontOf(this.side, this.lit === j ? 700 : 400);
      context.fillStyle = theme.text;
      context.textAlign = "right";
      context.fillText(word, left - 8, y + tall / 2);
      if (marks[j]) {
        context.font = theme.fontOf(this.end, 600);
        context.fillStyle = theme.colour(marks[j][1]);
        context.textAlign = "left";
        context.fillText(`${SIGNS[marks[j][1]] ?? ""} ${marks[j][0]}`.trim(), left + across + 8, y + tall / 2);
      }
    });
    context.globalAlpha = 1;
    context.strokeStyle = theme.colour("grid");
    context.lineWidth = 1;
    context.beginPath();
    for (let i = 0; i <= source.length; i++) context.rect(left + i * cell, head, 0, down);
    for (let j = 0; j <= target.length; j++) context.rect(left, head + j * tall, across, 0);
    context.stroke();
    if (boxes)
      for (const [j, i] of this.spec.boxes) {
        context.beginPath();
        context.roundRect(left + i * cell + 1.5, head + j * tall + 1.5, cell - 3, tall - 3, 3);
        halo(context, theme, 3, theme.colour("negative"));
      }
    for (const [j, i] of this.spec.forced) {
      context.beginPath();
      context.arc(left + (i + 0.5) * cell, head + (j + 0.5) * tall, Math.min(cell, tall) / 5, 0, 7);
      context.fillStyle = theme.colour("step");
      context.fill();
      halo(context, theme, 2, theme.text);
    }
  }

  drawRibbons(context, width, height, theme, boxes) {
    const { source, target, marks, axes } = this.spec, S = source.length, T = target.length, count = this.count;
    const wide = width / Math.max(S, T, 1) - 8, written = target.map((word, j) => this.signed(word, j));
    let size = Math.min(this.fit(context, theme, source, width / S - 8, 20, 700), this.fit(context, theme, written, wide, 20, 700));
    const upright = size < 12; // one word would lie over the next
    if (upright) size = Math.max(9, Math.min(14, wide / theme.size(1)));
    context.font = theme.fontOf(size, 700);
    const longest = Math.max(0, ...[...source, ...written].map((word) => context.measureText(word).width));
    const high = upright ? longest + 12 : theme.size(size) * 1.5, label = theme.size(18);
    const upper = label + high, lower = height - label - high;
    const x = (n, among) => ((n + 0.5) * width) / among;
    Object.assign(this, { upper, lower, width, x });
    context.textBaseline = "middle";
    context.font = theme.fontOf(13);
    context.fillStyle = theme.colour("neutral");
    context.textAlign = "left";
    context.fillText(axes[0], 4, label / 2);
    context.fillText(axes[1], 4, height - label / 2);
    const widest = Math.min(26, width / Math.max(S, T, 1) / 2);
    context.lineCap = "round";
    for (let j = 0; this.weights && j < count; j++) {
      const shown = this.lit === null ? j === count - 1 : this.lit === j;
      for (let i = 0; i < S; i++) {
        const value = this.at(j, i);
        if (value < 0.03) continue;
        context.globalAlpha = shown ? 0.9 : this.lit === null ? 0.3 : 0.08;
        context.strokeStyle = theme.colour(boxes && this.isBox(j, i) ? "positive" : "neutral");
        context.lineWidth = Math.max(1, widest * value);
        context.beginPath();
        const from = x(j, Math.max(S, T)), to = x(i, S), middle = (upper + lower) / 2;
        context.moveTo(from, lower);
        context.bezierCurveTo(from, middle, to, middle, to, upper);
        context.stroke();
        if (!shown || value < 0.1) continue;
        context.globalAlpha = 1;
        context.font = theme.fontOf(14, 600);
        context.fillStyle = theme.text;
        context.textAlign = "center";
        context.fillText(percent(value), to, upper + theme.size(12));
      }
    }
    context.globalAlpha = 1;
    context.textAlign = "center";
    const write = (word, across, down) => {
      context.save();
      context.translate(across, down);
      if (upright) context.rotate(UPRIGHT);
      context.fillText(word, 0, 0);
      context.restore();
    };
    source.forEach((word, i) => {
      context.font = theme.fontOf(size, this.lit !== null && this.at(this.lit, i) > 0.2 ? 700 : 400);
      context.fillStyle = theme.text;
      write(word, x(i, S), label + high / 2);
    });
    target.slice(0, count).forEach((word, j) => {
      context.font = theme.fontOf(size, (this.lit ?? count - 1) === j ? 700 : 400);
      context.fillStyle = marks[j] ? theme.colour(marks[j][1]) : theme.text;
      write(this.signed(word, j), x(j, Math.max(S, T)), height - label - high / 2);
    });
  }

  find(px, py) {
    const { source, target, ribbons } = this.spec;
    if (ribbons) {
      if (!this.x || py < this.lower) return null;
      const row = Math.floor((px / this.width) * Math.max(source.length, target.length));
      return row < this.count ? { row, column: null } : null;
    }
    if (this.head === undefined || py < this.head) return null;
    const row = Math.floor((py - this.head) / this.tall), column = Math.floor((px - this.left) / this.cell);
    return row < target.length ? { row, column: column >= 0 && column < source.length ? column : null } : null;
  }

  describe(px, py) {
    const over = this.find(px, py);
    if (!over) return null;
    const { source, target, marks, ends } = this.spec, { row, column } = over;
    const rows = column !== null && this.weights ? [[`at “${source[column]}”`, percent(this.at(row, column))]] : [];
    if (this.weights) rows.push(["looks most at", this.most(row, 3)]);
    const box = this.spec.boxes.find(([r]) => r === row);
    if (box && ends[1]) rows.push([ends[1], source[box[1]]]);
    if (marks[row] && ends[0]) rows.push([ends[0], marks[row][0]]);
    return { title: `“${target[row]}”`, rows };
  }

  click(px, py) {
    if (this.spec.ribbons) return this.write(), null;
    const over = this.find(px, py);
    return over && over.column !== null && this.weights ? { kind: "cell", row: over.row, column: over.column } : null;
  }

  // Up and down, or left and right, go from word to word of the translation.
  key(name) {
    const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[name];
    if (name === "Escape" && this.row !== null) return (this.row = null), true;
    if (!way || !this.spec.target.length) return false;
    const count = this.spec.target.length;
    this.row = this.row === null ? (way > 0 ? 0 : count - 1) : (this.row + way + count) % count;
    return true;
  }
}
