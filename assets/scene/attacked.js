// A picture + what was added = what a network sees; for each network a line of its own, with what it answers.

const version = new URL(import.meta.url).search;
const { format } = await import(`./theme.js${version}`);
const { colourKey } = await import(`./colour_key.js${version}`);
const { Atlas } = await import(`./heat.js${version}`);

const NARROW = 400; // below this width words stand below the pictures
const HEAD = 8; // pixels between the title and the names of the columns

export class Attacked {
  constructor() {
    this.pictures = new Atlas();
    this.changes = new Atlas();
    this.pannable = false;
    this.legend = [];
    this.cursor = "default";
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.pictures.update(arrays[spec.pictures.values], "grey", theme, false);
    this.changes.update(arrays[spec.changes.values], "diverging", theme, false);
    this.reach = arrays[spec.changes.high].data;
    this.said = spec.victims.map(({ name, before, after }) => `${name}: ${before}, under attack ${after}.`).join(" ");
  }

  // Three columns: the picture, what is added, what comes of it, in the last two a line for each network; what it answers
  // stands beside it, or below it on a phone; in two lines where the panel is low.
  layout(width, height, theme) {
    const { victims } = this.spec, line = theme.size(17), foot = theme.size(13) + 8, head = theme.size(13) + 8 + HEAD;
    const sign = Math.min(34, width * 0.06), down = (height - foot - head) / victims.length;
    const low = down < 5.4 * line, narrow = width < NARROW && !low;
    const fits = (below, beside) => Math.max(20, Math.min(down - below, (width - beside - 2 * sign) / 3));
    const aside = theme.size(low ? 124 : 108), margin = narrow ? 0 : 0.05 * width;
    const own = narrow || fits(2.4 * line, margin) < theme.size(140); // what a network answers has a line of its own
    const lines = narrow ? 4 : own ? 3.4 : 2.4; // of words below a picture, where they stand there
    const right = low || (!narrow && fits(6, aside) > fits(lines * line, margin));
    const below = right ? 6 : lines * line, beside = right ? aside : margin, free = width - beside - 2 * sign;
    const side = fits(below, beside);
    const largest = (words) => Math.max(side, Math.min(free - 2 * side, height - foot - head - words * line, side * 1.9));
    const split = !low && (narrow || largest(victims.length + 1) < theme.size(118)); // a name, and what it answers in a line of its own
    const words = (split ? 2 : 1) * victims.length + 1, big = narrow ? side : largest(words);
    const left = Math.max(0, ((right ? free : free + margin) - big - 2 * side) / 2), middle = head + (height - foot - head) / 2;
    this.boxes = [{ x: left, y: middle - (big + words * line) / 2, side: big, atlas: this.pictures, index: 0 }];
    victims.forEach((_, i) => {
      const y = head + i * down + (down - side - below) / 2;
      this.boxes.push({ x: left + big + sign, y, side, atlas: this.changes, index: i, change: true });
      this.boxes.push({ x: left + big + 2 * sign + side, y, side, atlas: this.pictures, index: i + 1 });
    });
    Object.assign(this, { line, low, narrow, right, own: own || right, split, sign, beside, keyAt: height - foot + 4 });
  }

  draw(context, width, height, theme) {
    this.layout(width, height, theme);
    const { spec, line, low, right, own, narrow, split, sign, beside } = this, [first] = this.boxes;
    context.imageSmoothingEnabled = false;
    for (const { atlas, index, x, y, side } of this.boxes) {
      atlas.draw(context, index, x, y, side, side, theme);
      context.strokeStyle = theme.colour("grid");
      context.lineWidth = 1;
      context.strokeRect(x, y, side, side);
    }
    context.textBaseline = "top";
    const write = (text, box, row, { colour = theme.text, bold = false, aside = false } = {}) => {
      context.font = theme.fontOf(14, bold ? 700 : 400);
      context.fillStyle = colour;
      context.textAlign = aside ? "left" : "center";
      if (aside) context.fillText(text, box.x + box.side + 8, box.y + Math.max(0, (box.side - (low ? 2 : 4) * line) / 2) + row * line, beside - 8);
      else if (low) { // there is room to the left of the picture
        const end = box.x + box.side + sign / 2 - 10; // the signs stand further right
        context.textAlign = "right";
        context.fillText(text, end, box.y + box.side + 4 + row * line, end);
      }
      else context.fillText(text, box.x + box.side / 2, box.y + box.side + 4 + row * line, Math.max(box.side, 60) + sign - 6);
    };
    const name = (text, box) => {
      context.font = theme.fontOf(13);
      context.fillStyle = theme.colour("neutral");
      context.textAlign = "center";
      context.fillText(text, box.x + box.side / 2, HEAD, box.side + sign - 4);
    };
    write(spec.truth, first, 0, { bold: true });
    name("picture", first);
    const shown = [...new Set(spec.victims.map(({ change }) => change).filter((change) => change.startsWith("×")))];
    name(shown.length ? `change, shown ${shown.join(", ")}` : "change", this.boxes[1]);
    name("under attack", this.boxes[2]);
    spec.victims.forEach((victim, i) => {
      const change = this.boxes[1 + 2 * i], after = this.boxes[2 + 2 * i], colour = theme.colour(victim.colour), aside = right;
      context.font = theme.fontOf(22, 600);
      context.fillStyle = theme.colour("neutral");
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText("+", change.x - sign / 2, change.y + change.side / 2);
      context.fillText("=", after.x - sign / 2, after.y + after.side / 2);
      context.textBaseline = "top";
      if (split) write(victim.name, first, 1 + 2 * i, { colour });
      write(split ? victim.before : `${victim.name}: ${victim.before}`, first, split ? 2 + 2 * i : 1 + i, { colour });
      if (low) {
        write(`${victim.name}: ${victim.after}`, after, 0, { colour, bold: true, aside });
        write(victim.fooled ? "fooled" : "not fooled", after, 1, { colour: theme.colour(victim.fooled ? "gradient" : "neutral"), aside });
        return;
      }
      if (own) write(victim.name, after, 0, { colour, aside });
      write(own ? victim.after : `${victim.name}: ${victim.after}`, after, own ? 1 : 0, { colour, bold: true, aside });
      write(victim.fooled ? "fooled" : "not fooled", after, own ? 2 : 1, { colour: theme.colour(victim.fooled ? "gradient" : "neutral"), bold: victim.fooled, aside });
    });
    colourKey(context, theme, 0, this.keyAt, [[narrow ? "darker" : "change: darker", "diverging", "brighter"]]);
  }

  find(px, py) {
    return this.boxes?.find(({ x, y, side }) => px >= x && px < x + side && py >= y && py < y + side);
  }

  describe(px, py) {
    const box = this.find(px, py);
    if (!box) return null;
    const { atlas, index } = box, column = Math.floor(((px - box.x) / box.side) * atlas.columns), row = Math.floor(((py - box.y) / box.side) * atlas.rows);
    const reach = this.reach[index], value = box.change ? atlas.at(index, row, column, -reach, reach) : atlas.at(index, row, column, 0, 1);
    const picture = (context, size, theme) => atlas.draw(context, index, 0, 0, size, size, theme);
    return { title: box.change ? "What was added" : "", rows: [["column", String(column)], ["row", String(row)], ["value", format(value, 3)]], picture, discrete: true };
  }

  click() {
    return null;
  }
}
