// Words: paragraphs, or rows of cells.  They are elements of the page, so that they can be read aloud and copied.

const version = new URL(import.meta.url).search;
const { element } = await import(`./panel.js${version}`);

const LONG = 40; // letters: a cell with more is not squeezed into a column of single words
const LOOKS = ["bold", "mono", "soft", "lit", "underlined"];

export class Text {
  constructor() {
    this.pannable = false;
    this.legend = [];
    this.cursor = "default";
    this.written = "";
    this.next = 0; // when the words may change again, in milliseconds
  }

  attach(panel) {
    this.panel = panel;
    panel.frame.classList.add("text");
    panel.canvas.remove();
    panel.tools.remove();
    this.words = panel.body.appendChild(element("div", "words"));
  }

  update(spec, arrays, theme) {
    this.latest = { spec, theme };
    clearTimeout(this.timer);
    const wait = this.next - performance.now();
    if (wait > 0) this.timer = setTimeout(() => this.write(), wait);
    else this.write();
  }

  write() {
    const { spec, theme } = this.latest;
    const made = theme.version + JSON.stringify([spec.rows, spec.table]);
    if (made === this.written) return;
    this.written = made;
    this.next = performance.now() + 1000 * spec.hold;
    if (!spec.table) {
      this.words.replaceChildren(...spec.rows.map(([spans]) => fill(element("p"), spans, theme)));
      this.panel.redraw();
      return;
    }
    const table = element("table"), cornered = !spec.rows[0]?.[0]?.some(({ text }) => text);
    if (spec.title) table.ariaLabel = spec.title;
    spec.rows.forEach((cells, row) => {
      const line = table.insertRow();
      cells.forEach((spans, column) => {
        const heads = spec.header && row === 0 && spans.some(({ text }) => text); // an empty corner heads nothing,
        const named = spec.header && row > 0 && column === 0 && cornered; // and below it stand the names of the rows
        const cell = line.appendChild(element(heads || named ? "th" : "td"));
        if (heads || named) cell.scope = heads ? "col" : "row";
        if (column >= spec.left) cell.className = "number";
        else if (spans.reduce((sum, { text }) => sum + text.length, 0) > LONG) cell.className = "sentence";
        fill(cell, spans, theme);
      });
    });
    this.words.replaceChildren(table);
    this.panel.redraw();
  }

  // The browser draws the words.  What is wider than its place scrolls, and so the keys have to reach it.
  draw() {
    const { body } = this.panel;
    if (body.scrollWidth > body.clientWidth) body.tabIndex = 0;
    else body.removeAttribute("tabindex");
  }

  describe() {
    return null;
  }

  remove() {
    clearTimeout(this.timer);
  }
}

function fill(node, spans, theme) {
  for (const span of spans) {
    const part = node.appendChild(element("span", LOOKS.filter((look) => span[look]).join(" ")));
    part.textContent = span.text;
    if (!span.colour) continue;
    if (span.lit) part.style.backgroundColor = `color-mix(in srgb, ${theme.colour(span.colour)} 28%, transparent)`;
    else part.style.color = theme.colour(span.colour);
  }
  return node;
}
