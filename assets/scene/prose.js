// Text made of pieces, set as prose in the largest type that has room; each piece may stand on a colour of its own.

const version = new URL(import.meta.url).search;
const { STEPS } = await import(`./theme.js${version}`);

const LARGEST = 56, SMALLEST = 9; // of type, in pixels
const USUAL = 130 * 0.8; // room for so many characters, in sizes of type squared: what is shorter is set no larger, or type would breathe with the text
const NONE = 255; // the group of a piece that stands on no colour
const LINE = 1.45; // height of a line, in sizes of type
const HARD = /(\n)/;

export class Prose {
  constructor() {
    this.pannable = false;
    this.legend = [];
    this.cursor = "default";
    this.chosen = null; // with the arrow keys
    this.runs = [];
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.strength = spec.strength === null ? null : arrays[spec.strength].data;
    this.group = spec.group === null ? null : arrays[spec.group].data;
    this.torn = this.group !== null && !this.group.includes(NONE); // all pieces have colours of their own
    this.said = spec.before + spec.pieces.join("");
    if (this.chosen !== null && this.chosen >= spec.pieces.length) this.chosen = null;
    this.made = "";
  }

  draw(context, width, height, theme, { pointer }) {
    const head = this.strength && this.spec.scale[0] ? theme.size(22) : 0;
    if (head) this.drawScale(context, theme);
    const made = `${theme.version} ${width} ${height}`;
    if (made !== this.made) {
      this.made = made;
      const usual = Math.sqrt((width * (height - head)) / USUAL) / theme.size(1);
      for (this.type = Math.min(LARGEST, Math.max(18, Math.round(usual))); this.type > SMALLEST; this.type -= 0.5) {
        if (this.set(context, theme, width, head) <= height) break;
      }
      if (this.type <= SMALLEST) this.set(context, theme, width, head);
    }
    const over = pointer ? this.find(pointer.x, pointer.y) : this.chosen;
    const line = (this.line = theme.size(this.type) * LINE);
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.font = theme.fontOf(this.type);
    for (const { piece, x, y, wide } of this.runs) {
      if (piece < 0) continue;
      const lit = piece === over;
      if (this.strength || (this.group && this.group[piece] !== NONE)) {
        context.fillStyle = this.group ? theme.classColour(this.group[piece]) : theme.colour(this.spec.colour);
        context.globalAlpha = this.group ? (lit ? 0.55 : 0.3) : 0.75 * (this.strength[piece] / STEPS);
        context.fillRect(x + (this.group ? 0.5 : 0), y + 2, wide - (this.group ? 1 : 0), line - 4);
        context.globalAlpha = 1;
      }
      if (lit) {
        context.strokeStyle = theme.text;
        context.lineWidth = 1.5;
        context.strokeRect(x, y + 2, wide, line - 4);
      }
    }
    for (const { piece, text, x, y } of this.runs) {
      context.fillStyle = piece < 0 ? theme.colour("neutral") : theme.text;
      context.fillText(text, x, y + line / 2);
    }
  }

  // What the strength of the colour says.
  drawScale(context, theme) {
    const [least, most] = this.spec.scale, high = theme.size(13), bar = theme.size(70);
    context.font = theme.fontOf(13);
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillStyle = theme.colour("neutral");
    context.fillText(least, 4, high / 2 + 1);
    const x = 10 + context.measureText(least).width;
    context.fillText(most, x + bar + 6, high / 2 + 1);
    context.fillStyle = theme.colour(this.spec.colour);
    for (let i = 0; i < 10; i++) {
      context.globalAlpha = (0.75 * i) / 9;
      context.fillRect(x + (i * bar) / 10, 2, bar / 10, high - 2);
    }
    context.globalAlpha = 1;
  }

  // Lines of words, none of which is torn unless it is wider than a line; the height that they take.
  set(context, theme, width, head) {
    context.font = theme.fontOf(this.type);
    const line = theme.size(this.type) * LINE, room = Math.max(20, width - 8), measure = (text) => context.measureText(text).width;
    this.runs = [];
    let x = 4, y = head;
    const fresh = () => ((x = 4), (y += line));
    let word = []; // runs since the last space
    const flush = () => {
      const wide = word.reduce((sum, run) => sum + run.wide, 0);
      if (wide > room) {
        for (const run of word) {
          for (const character of run.text) {
            const each = measure(character);
            if (x + each > room + 4) fresh();
            this.put({ piece: run.piece, text: character, x, y, wide: each });
            x += each;
          }
        }
      } else {
        if (x + wide > room + 4 && x > 4) {
          fresh();
          const bare = word[0].text.trimStart(); // no line begins with a space
          word[0] = { ...word[0], text: bare, wide: measure(bare) };
        }
        for (const run of word) {
          this.put({ ...run, x, y });
          x += run.wide;
        }
      }
      word = [];
    };
    [this.spec.before, ...this.spec.pieces].forEach((text, n) => {
      for (const part of text.split(HARD)) {
        if (part === "\n") {
          flush();
          fresh();
          continue;
        }
        for (const atom of part.match(/ *[^ ]+| +/g) ?? []) {
          if (atom[0] === " " || this.torn) flush(); // then a word may stand on two lines
          word.push({ piece: n - 1, text: atom, wide: measure(atom) });
        }
      }
    });
    flush();
    return y + line;
  }

  put(run) {
    const last = this.runs[this.runs.length - 1];
    if (last && last.piece === run.piece && last.y === run.y && run.piece < 0) {
      last.text += run.text;
      last.wide += run.wide;
    } else this.runs.push(run);
  }

  find(px, py) {
    const run = this.runs.find(({ x, y, wide, piece }) => piece >= 0 && px >= x && px < x + wide && py >= y && py < y + this.line);
    return run ? run.piece : null;
  }

  describe(px, py) {
    const piece = this.find(px, py), told = piece === null ? null : this.spec.told[piece];
    return told ? { title: told[0], rows: told[1] } : null;
  }

  click() {
    return null;
  }

  // Arrows go from piece to piece.
  key(name) {
    const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[name], count = this.spec.pieces.length;
    if (name === "Escape" && this.chosen !== null) return (this.chosen = null), true;
    if (!way || !count) return false;
    this.chosen = this.chosen === null ? (way > 0 ? 0 : count - 1) : (this.chosen + way + count) % count;
    return true;
  }
}
