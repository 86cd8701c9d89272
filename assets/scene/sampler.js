// The next token: probabilities as bars, with temperature, top-k and top-p.  Everything is worked out here, from the
// logits that came with the frame; only a drawn token is sent.

const version = new URL(import.meta.url).search;
const { element } = await import(`./panel.js${version}`);

const ROW = 23; // pixels of a bar and its gap, at the usual size of type
const percent = (p) => (p >= 0.0995 ? `${Math.round(p * 100)} %` : p >= 0.001 ? `${(p * 100).toFixed(1)} %` : p > 0 ? "< 0.1 %" : "0");

// Probabilities of `logits` at a temperature (0: all on the likeliest), of the `k` likeliest, of which as many stay as
// together reach `p`; what is cut has probability 0.  Returns them and the order from the likeliest down.
export function probabilities(logits, { temperature, k, p }) {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  const top = logits[order[0]];
  const share = new Float64Array(logits.length);
  const kept = temperature > 0 ? order.slice(0, k) : order.slice(0, 1);
  let sum = 0;
  for (const i of kept) sum += share[i] = temperature > 0 ? Math.exp((logits[i] - top) / temperature) : 1;
  let before = 0, rest = 0;
  for (const i of kept) {
    share[i] = before >= p * sum - 1e-12 ? 0 : share[i];
    before += share[i] ? share[i] : sum; // once one is cut, so are all after it
    rest += share[i];
  }
  for (const i of kept) share[i] /= rest;
  return { share, order };
}

export class Sampler {
  constructor() {
    this.pannable = false;
    this.legend = [];
    this.cursor = "default";
    this.settings = { temperature: 1, k: Infinity, p: 1 };
  }

  attach(panel) {
    this.panel = panel;
    this.box = element("div", "sampler");
    panel.frame.insertBefore(this.box, panel.note);
    const slider = (label, range, set, text) => {
      const row = this.box.appendChild(element("label"));
      row.appendChild(element("span")).textContent = label;
      const input = row.appendChild(element("input"));
      const output = row.appendChild(element("output"));
      Object.assign(input, { type: "range", ariaLabel: label, ...range });
      const show = () => (output.textContent = text(Number(input.value)));
      input.addEventListener("input", () => {
        set(Number(input.value));
        show();
        this.redraw();
      });
      input.addEventListener("keydown", (event) => event.stopPropagation()); // arrows move the slider, space plays
      show();
      return { input, show };
    };
    const { settings } = this;
    slider("Temperature", { min: 0, max: 2, step: 0.05, value: 1 }, (t) => (settings.temperature = t),
      (t) => (t ? t.toFixed(2) : "0: likeliest"));
    this.top = slider("Top-k", { min: 1, max: 1, step: 1, value: 1 }, (k) => (settings.k = k === this.count ? Infinity : k),
      (k) => (k === this.count ? "all" : String(k)));
    slider("Top-p", { min: 0.05, max: 1, step: 0.01, value: 1 }, (p) => (settings.p = p), (p) => (p === 1 ? "all" : p.toFixed(2)));
    const button = this.box.appendChild(element("button"));
    Object.assign(button, { type: "button", textContent: "Draw one token" });
    button.addEventListener("click", () => this.sample());
  }

  update(spec, arrays) {
    this.spec = spec;
    this.logits = arrays[spec.logits].data;
    if (this.count === this.logits.length) return;
    this.count = this.logits.length;
    this.top.input.max = this.count;
    this.top.input.value = Math.min(this.settings.k, this.count);
    this.top.show();
  }

  sample() {
    const { share, order } = probabilities(this.logits, this.settings);
    let left = Math.random(), index = order[0];
    for (const i of order) {
      if (!share[i]) break;
      index = i;
      if ((left -= share[i]) < 0) break;
    }
    this.panel.scene.send({ panel: this.spec.key, kind: "sample", index });
  }

  draw(context, width, height, theme, { pointer }) {
    const { spec } = this;
    const { share, order } = probabilities(this.logits, this.settings);
    const plain = probabilities(this.logits, { temperature: 1, k: Infinity, p: 1 }).share;
    const row = theme.size(ROW), shown = Math.max(1, Math.min(order.length, Math.floor(height / row)));
    const left = theme.size(34), right = theme.size(64), room = Math.max(10, width - left - right);
    const longest = Math.max(share[order[0]], plain[order[0]]);
    this.rows = order.slice(0, shown).map((index, place) => ({ index, y: place * row }));
    this.size = { row, share, plain };
    context.textBaseline = "middle";
    for (const { index, y } of this.rows) {
      const label = spec.labels[index], middle = y + row / 2;
      context.font = theme.fontOf(15, 600);
      context.textAlign = "center";
      context.fillStyle = share[index] ? theme.text : theme.colour("neutral");
      context.fillText(label, left / 2, middle, left);
      context.fillStyle = theme.colour("positive");
      context.fillRect(left, y + 3, (room * share[index]) / longest, row - 6);
      context.strokeStyle = theme.colour("neutral"); // what the network said, before the sliders
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(left + (room * plain[index]) / longest, y + 2);
      context.lineTo(left + (room * plain[index]) / longest, y + row - 2);
      context.stroke();
      context.font = theme.fontOf(14);
      context.textAlign = "left";
      context.fillStyle = share[index] ? theme.text : theme.colour("neutral");
      const end = left + (room * Math.max(share[index], plain[index])) / longest;
      context.fillText(share[index] ? percent(share[index]) : "cut", end + 6, middle);
    }
    this.said = this.rows.slice(0, 8).map(({ index }) => `${spec.labels[index]} ${percent(share[index])}`).join(", ");
  }

  describe(x, y) {
    const over = this.rows?.find((row) => y >= row.y && y < row.y + this.size.row);
    if (!over) return null;
    const { share, plain } = this.size;
    const rows = [["as the network says", percent(plain[over.index])], ["with the sliders", percent(share[over.index])]];
    return { title: `“${this.spec.labels[over.index]}”`, rows: [...rows, ["logit", this.logits[over.index].toFixed(2)]] };
  }

  click() {
    return null;
  }
}
