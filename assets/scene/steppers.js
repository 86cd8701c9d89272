// − and + at each layer of a network, and in the panel's head for one layer less or more.  They turn a knob that is a
// list of whole numbers, and send what they ask as a rail does: a pick of kind "turn".  Whoever only looks has none.

const version = new URL(import.meta.url).search;
const { settle, toolbar } = await import(`./toolbar.js${version}`);

const element = (name, className = "") => Object.assign(document.createElement(name), { className });
const WIDE = 60, TIGHT = 40; // pixels of a layer from which its number stands between the buttons, and they stand at all

export class Steppers {
  constructor(panel) {
    this.panel = panel;
    this.head = element("div", "turns steps");
    toolbar(this.head, "Hidden layers");
    panel.tools.before(this.head);
    this.box = panel.body.appendChild(element("div", "steps"));
    toolbar(this.box, "Neurons of each hidden layer");
    this.groups = [];
    this.fewer = this.button("−", "One hidden layer less", () => this.sizes.slice(0, -1));
    this.more = this.button("+", "One hidden layer more", () => [...this.sizes, this.sizes.at(-1) ?? this.spec.first]);
    this.count = element("span");
    this.head.append(this.fewer, this.count, this.more);
  }

  // `spec` is {knob, sizes, low, high, most, first}: bounds of a size and of their number, and the first layer's size.
  update(spec, mayTurn) {
    if (String(spec.sizes) !== String(this.spec?.sizes)) this.sizes = spec.sizes;
    Object.assign(this, { spec, mayTurn });
    this.head.hidden = this.box.hidden = !mayTurn;
    this.show();
  }

  // What is asked is shown at once; where it is refused, what there is comes back.
  async ask(sizes) {
    this.sizes = sizes;
    this.show();
    const knobs = { [this.spec.knob]: sizes.join(",") };
    const refused = await this.panel.scene.send({ panel: this.panel.key, kind: "turn", knobs });
    if (!refused || this.sizes !== sizes) return;
    this.sizes = this.spec.sizes;
    this.show();
  }

  show() {
    const { sizes, spec } = this;
    while (this.groups.length < sizes.length) this.groups.push(this.group(this.groups.length));
    this.groups.forEach((group, layer) => {
      const there = layer < sizes.length;
      if (there) group.number.textContent = sizes[layer];
      group.less.disabled = !there || sizes[layer] <= spec.low;
      group.more.disabled = !there || sizes[layer] >= spec.high;
    });
    this.count.textContent = sizes.length === 1 ? "1 layer" : `${sizes.length} layers`;
    this.fewer.disabled = !sizes.length;
    this.more.disabled = sizes.length >= spec.most;
    settle(this.head);
  }

  group(layer) {
    const to = (by) => this.sizes.map((size, at) => (at === layer ? size + by : size));
    const less = this.button("−", `One neuron less in layer ${layer + 1}`, () => to(-1));
    const more = this.button("+", `One neuron more in layer ${layer + 1}`, () => to(1));
    const number = element("span");
    this.box.append(less, number, more);
    return { less, number, more };
  }

  button(text, label, sizes) {
    const button = element("button");
    Object.assign(button, { type: "button", textContent: text, title: label, ariaLabel: label });
    button.addEventListener("click", () => this.ask(sizes()));
    return button;
  }

  // `spots` are {x, y, width, middle}: where the buttons of each layer stand, about x or from there on.
  place(spots) {
    this.groups.forEach((group, layer) => {
      const spot = spots[layer], there = spot !== undefined && layer < this.sizes.length && spot.width >= TIGHT;
      const wide = there && spot.width >= WIDE;
      const from = there ? spot.x + (spot.middle ? 0 : 38) : 0;
      const step = !wide ? 21 : spot.middle ? Math.min(19.5, (spot.width - 25) / 2) : 25;
      group.less.hidden = group.more.hidden = !there;
      group.number.hidden = !wide;
      if (!there) return;
      [group.less, group.number, group.more].forEach((part, k) => {
        const x = from + (wide ? (k - 1) * step : (k ? 0.5 : -0.5) * step);
        part.style.transform = `translate(${x}px, ${spot.y}px) translate(-50%, -50%)`;
      });
    });
    this.box.classList.toggle("lines", spots.some((spot) => !spot.middle));
    settle(this.box);
  }
}
