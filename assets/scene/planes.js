// Several planes in one panel, two by two or as they are largest, each with its name and numbers.  They are zoomed and
// moved together.

const version = new URL(import.meta.url).search;
const { Plane } = await import(`./plane.js${version}`);
const { fitted } = await import(`./marks.js${version}`);

const GAP = 14;
const FACTS = 150; // pixels that numbers need beside a plane, at the usual size of type
const LINE = 20;
const NARROWED = 0.85; // a name is made so narrow, at most, before it is cut

export class Planes {
  constructor() {
    this.parts = [];
    this.pannable = true;
    this.cursor = "grab";
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    while (this.parts.length < spec.planes.length) this.parts.push(new Small());
    this.parts.length = spec.planes.length;
    this.parts.forEach((part, i) => part.update(spec.planes[i], arrays, theme));
  }

  // One entry for all layers of a name, with the colour that each plane has for it.
  get legend() {
    const found = new Map();
    for (const { spec } of this.parts) {
      for (const layer of spec.layers.filter(({ name }) => name)) {
        const entry = found.get(layer.name) ?? { ...layer, colours: [], names: [] };
        const fresh = (layer.colours ?? []).filter((colour) => !entry.colours.includes(colour));
        entry.colours.push(...fresh);
        entry.names.push(...fresh.map(() => spec.title));
        found.set(layer.name, entry);
      }
    }
    return [...found.values()];
  }

  // As many columns as make the planes largest; numbers stand beside or below them if that costs little.
  layout(width, height, theme) {
    const count = this.parts.length, head = theme.size(LINE) + 4, facts = theme.size(FACTS);
    const most = Math.max(...this.spec.planes.map((plane) => plane.facts.length)), below = theme.size(LINE) * most + 6;
    const fit = (columns, told) => {
      const w = (width - GAP * (columns - 1)) / columns, rows = Math.ceil(count / columns), h = (height - GAP * (rows - 1)) / rows;
      const side = told === "beside" ? Math.min(w - facts, h) : Math.min(w, h - head - (told ? below : 0));
      return { columns, told, w, h, side };
    };
    const ways = [];
    for (let columns = 1; columns <= count; columns++)
      if (count % columns === 0 || count === 3) for (const told of most ? ["beside", "below", ""] : [""]) ways.push(fit(columns, told));
    // A seventh of its side is worth what is said of a plane, and a square; a quarter where there is only one.
    const best = Math.max(...ways.map(({ side }) => side)), worth = count === 1 ? 0.75 : 0.85;
    const { columns, told, w, h, side } = ways.filter((way) => way.side >= worth * best).sort((a, b) => Boolean(b.told) - Boolean(a.told) || a.columns - b.columns || b.side - a.side)[0];
    this.parts.forEach((part, i) => {
      const x = (i % columns) * (w + GAP), y = Math.floor(i / columns) * (h + GAP);
      part.cell = { x, y, w, h, told, side: Math.max(20, side), head: told === "beside" ? 0 : head, below: told === "below" ? below : 0 };
    });
  }

  draw(context, width, height, theme, state) {
    this.layout(width, height, theme);
    const over = state.pointer && this.under(state.pointer.x, state.pointer.y);
    for (const part of this.parts) part.draw(context, width, height, theme, { ...state, pointer: part === over ? state.pointer : null });
    this.said = this.spec.planes.map(({ title, facts }) => `${title}: ${facts.map((pair) => pair.join(" ")).join(", ")}`).join("; ");
  }

  under(px, py) {
    return this.parts.find((part) => part.box && part.inside(px, py));
  }

  inside(px, py) {
    return Boolean(this.under(px, py));
  }

  describe(px, py) {
    const part = this.under(px, py), said = part?.describe(px, py);
    return said && { ...said, title: [part.spec.title, said.title].filter(Boolean).join(": ") };
  }

  click() {
    return null;
  }

  // The keys zoom from the middle of the first plane.
  get box() {
    return this.parts[0].box;
  }

  get view() {
    return this.parts[0]?.view ?? null;
  }

  set view(view) {
    for (const part of this.parts) part.view = view;
  }

  zoom(px, py, factor) {
    const part = this.under(px, py) ?? this.parts[0];
    part.zoom(px, py, factor);
    this.view = part.view;
  }

  pan(dx, dy) {
    this.parts[0].pan(dx, dy);
    this.view = this.parts[0].view;
  }
}

// A plane without numbers along its axes, in a cell of the panel.
class Small extends Plane {
  layout() {
    const { x, y, w, h, head, below, side, told } = this.cell;
    const { spec } = this, left = told === "beside" ? x : x + (w - side) / 2, top = y + head + (h - head - below - side) / 2;
    const box = (this.box = { x: left + 1, y: top + 1, w: side - 2, h: side - 2 });
    const [[x0, x1], [y0, y1]] = [this.view?.x ?? spec.x, this.view?.y ?? spec.y];
    this.X = (at) => box.x + ((at - x0) / (x1 - x0)) * box.w;
    this.Y = (at) => box.y + box.h - ((at - y0) / (y1 - y0)) * box.h;
    this.toX = (px) => x0 + ((px - box.x) / box.w) * (x1 - x0);
    this.toY = (py) => y0 + ((box.y + box.h - py) / box.h) * (y1 - y0);
  }

  drawAxes(context, width, height, theme) {
    const { box, spec, cell } = this, line = theme.size(LINE), bold = theme.fontOf(15, 600);
    context.fillStyle = theme.text;
    context.textBaseline = "top";
    context.font = bold;
    const measure = (text) => context.measureText(text).width;
    if (cell.told !== "beside") {
      context.textAlign = "center";
      context.fillText(fitted(spec.title, cell.w / NARROWED, measure), box.x + box.w / 2, box.y - line - 2, cell.w);
      if (cell.told) this.drawFacts(context, theme, box.x, box.x + box.w, box.y + box.h + 8);
      return;
    }
    const left = box.x + box.w + 12, right = Math.min(cell.x + cell.w - 2, left + theme.size(FACTS) + 20);
    const at = box.y + Math.max(0, (box.h - line * (spec.facts.length + 1.4)) / 2);
    context.textAlign = "left";
    context.fillText(fitted(spec.title, (right - left) / NARROWED, measure), left, at, right - left);
    this.drawFacts(context, theme, left, right, at + line * 1.4);
  }

  drawFacts(context, theme, left, right, at) {
    const line = theme.size(LINE), measure = (text) => context.measureText(text).width;
    for (const [word, number] of this.spec.facts) {
      context.font = theme.fontOf(14, 600);
      context.textAlign = "right";
      context.fillStyle = theme.text;
      context.fillText(number, right, at);
      const room = right - left - measure(number) - 8;
      context.font = theme.fontOf(14);
      context.textAlign = "left";
      context.fillStyle = theme.colour("neutral");
      context.fillText(fitted(word, room, measure), left, at);
      at += line;
    }
  }
}
