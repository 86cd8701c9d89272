// Knobs that stand in a picture: a rail below it and buttons in its head.  What is asked is a pick of kind "turn" with
// `knobs`, texts as in a link; the run answers it itself, whatever the lab.

const version = new URL(import.meta.url).search;
const { settle, toolbar } = await import(`./toolbar.js${version}`);

const PLACES = 240; // of a rail, at most
const DECADES = 6; // of a logarithmic rail that begins at zero
const GAP = 6; // CSS pixels between the names of two marks
const element = (name, className = "") => Object.assign(document.createElement(name), { className });
const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"]);

// A number as the knobs beside the picture show it.
export function shown(value) {
  if (!value || Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential();
}

// The values at which a rail stops, from its lower end to its higher one: round numbers.
export function places({ low, high, log, whole }) {
  const found = [];
  if (log) {
    const from = Math.log(low || high * 10 ** -DECADES), to = Math.log(high);
    for (let k = 1; k < PLACES; k++) found.push(Number(Math.exp(from + ((to - from) * k) / PLACES).toPrecision(3)));
  } else {
    const least = (high - low) / PLACES, power = 10 ** Math.floor(Math.log10(least));
    const fine = power * [1, 2, 5, 10].find((digit) => digit * power >= least * 0.999);
    const step = whole ? Math.max(1, Math.round(fine)) : fine;
    for (let k = Math.ceil(low / step); k * step < high; k++) found.push(Number((k * step).toPrecision(12)));
  }
  const inside = found.map((v) => (whole ? Math.round(v) : v)).filter((v) => v > low && v < high);
  return [...new Set([low, ...inside, high])];
}

// Where `value` stands among `stops`, as an index with a fraction.
export function position(stops, value) {
  const after = stops.findIndex((stop) => stop >= value);
  if (after < 0) return stops.length - 1;
  if (after === 0) return 0;
  return after - (stops[after] - value) / (stops[after] - stops[after - 1]);
}

export class Rail {
  // `send(pick, {held})` sends what is picked, and promises that it has been answered.
  constructor(panel, send) {
    this.send = send;
    this.row = element("div", "rail");
    this.name = this.row.appendChild(element("span"));
    const slot = this.row.appendChild(element("div", "slot"));
    this.input = slot.appendChild(element("input"));
    this.input.type = "range";
    Object.assign(this.input, { min: 0, step: 1 });
    this.marks = slot.appendChild(element("div", "marks"));
    this.marks.ariaHidden = "true"; // they are told with the slider's name
    this.text = this.row.appendChild(element("span", "value"));
    this.text.ariaHidden = "true"; // the slider says it
    this.held = null; // the value under the hand, or asked for and not yet answered: pictures of before do not move it
    const on = (name, act) => this.input.addEventListener(name, act);
    on("input", () => this.move());
    for (const end of ["change", "pointerup", "pointercancel"]) on(end, () => this.key || this.finish());
    on("keydown", (event) => {
      if (!MOVES.has(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.stopPropagation(); // it moves the rail; Home is also a key of the player
      this.key = true;
    });
    on("keyup", () => this.released()); // a key that is held down is one drag
    on("blur", () => this.released());
    new ResizeObserver(() => this.spread()).observe(this.marks);
    panel.frame.insertBefore(this.row, panel.note);
  }

  // `spec` is {knob, value, low, high, log, whole, label, marks}.
  update(spec, mayTurn) {
    const kind = JSON.stringify([spec.knob, spec.low, spec.high, spec.log, spec.whole, spec.label, spec.marks]);
    this.spec = spec;
    if (kind !== this.kind) this.make(kind);
    this.input.disabled = !mayTurn;
    if (this.held === null) this.show(spec.value);
  }

  make(kind) {
    const { spec } = this;
    if (this.held !== null && JSON.parse(this.kind)[0] !== spec.knob) this.held = null;
    this.kind = kind;
    this.stops = places(spec);
    this.input.max = this.stops.length - 1;
    this.name.textContent = spec.label;
    const named = spec.marks.map(([at, text]) => `${text} at ${shown(Number(at.toPrecision(3)))}`).join(", ");
    this.input.ariaLabel = named ? `${spec.label}; marked: ${named}` : spec.label;
    this.marks.replaceChildren(...spec.marks.map(([at, text]) => {
      const mark = element("span");
      mark.textContent = text;
      mark.style.setProperty("--at", position(this.stops, at) / (this.stops.length - 1));
      return mark;
    }));
    this.marks.hidden = !spec.marks.length;
    if (this.held !== null) this.show(this.held);
    this.spread();
  }

  show(value) {
    this.input.value = Math.round(position(this.stops, value));
    this.tell(value);
  }

  tell(value) {
    const text = shown(value);
    if (this.text.textContent !== text) this.text.textContent = text;
    this.input.ariaValueText = text;
  }

  move() {
    this.moving = true;
    this.held = this.stops[this.input.value];
    this.tell(this.held);
    this.send(this.pick(), { held: true });
  }

  pick() {
    return { kind: "turn", knobs: { [this.spec.knob]: String(this.held) } };
  }

  released() {
    if (this.key) this.finish();
    this.key = false;
  }

  // Let go: one mark.  Until it is answered, pictures that were on their way show the value of before.
  async finish() {
    if (!this.moving) return; // several events say that it was let go
    this.moving = false;
    const asked = (this.asked = Symbol("asked"));
    await this.send(this.pick(), { held: false });
    if (this.asked !== asked || this.moving) return; // it has been taken up again
    this.held = null;
    this.show(this.spec.value);
  }

  // A name that would lie on the one before it is left out; its tick stays.
  spread() {
    let end = -Infinity;
    const width = this.marks.clientWidth;
    for (const mark of [...this.marks.children].sort((a, b) => at(a) - at(b))) {
      const wide = mark.offsetWidth, start = Math.max(0, Math.min(width - wide, at(mark) * width - wide / 2));
      mark.style.setProperty("--shift", `${start - at(mark) * width}px`);
      mark.classList.toggle("nameless", start < end + GAP);
      if (start >= end + GAP) end = start + wide;
    }
  }
}

const at = (mark) => Number(mark.style.getPropertyValue("--at"));

export class Buttons {
  constructor(panel, send) {
    Object.assign(this, { panel, send, groups: [] });
  }

  // `groups` are [{label, chosen, choices: [{text, knobs, image, step}, …]}, …]; `step`: the run is to do one, too.
  update(groups, arrays, theme, mayTurn) {
    const kind = JSON.stringify(groups.map(({ label, choices }) => [label, choices.map(({ text, image }) => [text, image !== undefined])]));
    if (kind !== this.kind) this.make(groups, kind);
    groups.forEach(({ chosen, choices }, g) => choices.forEach(({ knobs, image, step }, k) => {
      const button = this.groups[g].children[k];
      Object.assign(button, { knobs, steps: Boolean(step) });
      button.disabled = !mayTurn;
      if (chosen !== null) button.ariaPressed = String(chosen === k);
      if (image !== undefined) paint(button.firstChild, arrays[image], theme);
    }));
  }

  make(groups, kind) {
    for (const group of this.groups) group.remove();
    this.kind = kind;
    this.groups = groups.map(({ label, choices }) => {
      const group = element("div", "turns");
      toolbar(group, label);
      for (const { text, image } of choices) {
        const button = group.appendChild(element("button"));
        button.type = "button";
        if (image === undefined) button.textContent = text;
        else {
          button.append(element("canvas"));
          Object.assign(button, { ariaLabel: text, title: text });
        }
        button.addEventListener("click", () => this.send({ kind: "turn", knobs: button.knobs, ...(button.steps && { step: true }) }));
      }
      settle(group);
      this.panel.tools.before(group);
      return group;
    });
  }
}

// Cells of 0 to 10: 0 is empty, k has the k-th colour of classes.  Row 0 is on top.
function paint(canvas, { data, shape: [rows, columns] }, theme) {
  const made = `${theme.version} ${data}`;
  if (canvas.made === made) return;
  canvas.made = made;
  Object.assign(canvas, { width: columns, height: rows });
  const context = canvas.getContext("2d");
  data.forEach((cell, i) => {
    if (!cell) return;
    context.fillStyle = theme.classColour(cell - 1);
    context.fillRect(i % columns, Math.floor(i / columns), 1, 1);
  });
}
