// A slider under the panels that chooses between drawings which have all come already: nothing is asked of the server.
// A layer that has a stop is seen only while the slider stands there.

export class Stops {
  constructor(root, changed) {
    Object.assign(this, { root, changed });
    this.row = root.appendChild(document.createElement("label"));
    this.row.className = "stops";
    this.name = this.row.appendChild(document.createElement("span"));
    this.input = this.row.appendChild(document.createElement("input"));
    Object.assign(this.input, { type: "range", min: 0, step: 1 });
    this.text = this.row.appendChild(document.createElement("output"));
    this.held = null; // the stop that the visitor chose; until then it is the newest
    this.input.addEventListener("input", () => this.choose(Number(this.input.value)));
    this.input.addEventListener("dblclick", () => this.choose(null));
    this.input.addEventListener("keydown", (event) => event.stopPropagation()); // arrows move the slider, space plays
  }

  // `spec` is null, or {label, texts, panel, at}: one text a stop, and where each stands on the x axis of `panel`, below
  // whose picture the slider stands if that is shown: `panels` by key.
  update(spec, panels) {
    this.spec = spec;
    const panel = panels.get(spec?.panel), place = panel?.frame ?? this.root;
    if (this.row.parentNode !== place) place.insertBefore(this.row, panel?.note ?? null);
    const count = spec ? spec.texts.length : 0;
    this.row.hidden = !spec;
    if (!count || (this.count > count && this.held >= count)) this.held = null;
    this.count = count;
    this.input.max = Math.max(0, count - 1);
    this.input.disabled = count < 2;
    this.show();
  }

  get at() {
    return this.held ?? this.count - 1;
  }

  show() {
    if (!this.spec) return;
    this.input.value = this.at;
    this.name.textContent = this.spec.label;
    this.text.textContent = this.spec.texts[this.at] ?? "";
    this.input.setAttribute("aria-label", this.spec.label);
    this.input.setAttribute("aria-valuetext", this.text.textContent);
  }

  choose(stop) {
    this.held = stop === this.count - 1 ? null : stop; // at the end it goes along with what is new
    this.show();
    this.changed();
  }

  // Whether a drag over that panel moves the slider.
  slides(panel) {
    return Boolean(this.count > 1 && this.spec.panel === panel && this.spec.at.length);
  }

  // A click at x on the panel that the stops belong to chooses the nearest; whether that was so.
  takes(panel, x) {
    if (!this.count || this.spec.panel !== panel || !this.spec.at.length) return false;
    const distance = this.spec.at.map((place) => Math.abs(place - x));
    this.choose(distance.indexOf(Math.min(...distance)));
    return true;
  }
}
