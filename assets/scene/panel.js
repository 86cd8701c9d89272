// One panel: its frame, title, legend and canvas, and what mouse, fingers and keys do on it.

const version = new URL(import.meta.url).search;
const { settle, toolbar } = await import(`./toolbar.js${version}`);
const { Buttons, Rail } = await import(`./rail.js${version}`);
const { Meters } = await import(`./meter.js${version}`);
const { Saving } = await import(`./saving.js${version}`);

const CLICK = 5; // pixels a pointer may move and still click
const DOUBLE = 280; // milliseconds in which a second click makes a double click

export class Panel {
  constructor(key, content, scene) {
    Object.assign(this, { key, content, scene, hidden: new Set(), pointer: null, held: new Map(), dirty: true });
    this.frame = element("section", "panel");
    const header = this.frame.appendChild(element("header"));
    this.title = header.appendChild(element("h3"));
    this.tools = header.appendChild(element("div", "tools"));
    this.legend = this.frame.appendChild(element("div", "legend"));
    this.body = this.frame.appendChild(element("div", "body"));
    this.canvas = this.body.appendChild(element("canvas"));
    this.canvas.setAttribute("role", "img");
    this.canvas.tabIndex = 0;
    this.note = this.frame.appendChild(element("p", "note"));
    this.context = this.canvas.getContext("2d");
    content.attach?.(this); // for content with controls of its own
    toolbar(this.tools, "Tools");
    toolbar(this.legend, "Shown");
    this.addTools();
    this.listen();
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(this.body);
    content.redraw = () => this.redraw(); // for content that moves by itself
  }

  update(spec, arrays, theme) {
    this.spec = spec;
    this.content.update(spec, arrays, theme);
    setText(this.title, spec.title);
    setAttribute(this.tools, "aria-label", `Tools: ${spec.title}`);
    setAttribute(this.legend, "aria-label", `Shown: ${spec.title}`);
    setText(this.note, spec.note || "");
    const names = this.content.legend.map((layer) => layer.name);
    setAttribute(this.canvas, "aria-label", names.length ? `${spec.title}. Shown: ${names.join(", ")}.` : spec.title);
    this.frame.style.flexGrow = spec.weight;
    this.frame.style.setProperty("--aspect", aspect(spec));
    this.updateLegend(theme);
    this.updateKnobs(arrays, theme);
    this.saving.moved();
    this.redraw();
  }

  // Knobs of the run that stand in this panel; whoever only watches sees how they are set.
  updateKnobs(arrays, theme) {
    const { rail, buttons, meters } = this.spec, mayTurn = Boolean(this.scene.component.holds);
    const send = (pick, how) => this.scene.send({ panel: this.key, ...pick }, how);
    if (rail) (this.rail ??= new Rail(this, send)).update(rail, mayTurn);
    if (this.rail) this.rail.row.hidden = !rail;
    if (meters || this.meters) (this.meters ??= new Meters(this)).update(meters ?? [], theme);
    if (buttons || this.buttons) (this.buttons ??= new Buttons(this, send)).update(buttons ?? [], arrays, theme, mayTurn);
  }

  // A lesson points at one panel, and perhaps at one of its layers: {panel, layer}, or nothing.
  point(at) {
    const here = at?.panel === this.key;
    this.frame.classList.toggle("pointed", here);
    this.content.legend.forEach(({ name }, i) => this.legend.children[i]?.classList.toggle("pointed", here && name === at.layer));
  }

  redraw() {
    this.dirty = true;
    this.scene.schedule();
  }

  draw(theme) {
    this.dirty = false;
    const width = this.body.clientWidth, height = this.body.clientHeight;
    if (!width || !height) return; // in a tab that is not shown
    const { ratio } = this;
    const w = Math.round(width * ratio), h = Math.round(height * ratio);
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, width, height);
    this.content.draw(this.context, width, height, theme, { hidden: this.hidden, pointer: this.pointer });
    this.saving.draw();
    if (this.content.said !== undefined) setAttribute(this.canvas, "aria-description", this.content.said);
    const zoomed = Boolean(this.content.view);
    if (this.reset && this.reset.hidden === zoomed) {
      this.reset.hidden = !zoomed;
      settle(this.tools);
    }
    this.canvas.style.touchAction = zoomed || this.spec.draw ? "none" : "pan-y";
    this.canvas.style.cursor = this.drag ? "grabbing" : !zoomed && this.scene.stops.slides(this.key) ? "ew-resize" : this.content.cursor;
    if (this.pointer) this.tell();
  }

  // Pixels of the canvas for each of CSS.
  get ratio() {
    return (window.devicePixelRatio || 1) * this.scene.zoom;
  }

  tell() {
    const { x, y } = this.pointer;
    this.scene.tooltip.show(this.drag ? null : this.content.describe(x, y), this.canvas, x, y);
  }

  updateLegend(theme) {
    const layers = this.content.legend;
    const made = theme.version + JSON.stringify(layers.map((l) => [l.name, l.kind, l.colour, l.colours, l.names, l.low, l.high, l.palette, l.dash]));
    if (made === this.legendMade) return;
    this.legendMade = made;
    this.legend.replaceChildren(...layers.map((layer) => this.legendEntry(layer, theme)));
    settle(this.legend);
  }

  legendEntry(layer, theme) {
    const button = element("button");
    button.type = "button";
    button.append(...(this.content.swatches || this.scene.swatches).call(this.content, layer, theme), layer.name);
    button.title = `Show or hide ${layer.name}`;
    button.setAttribute("aria-pressed", String(!this.hidden.has(layer.name)));
    button.addEventListener("click", () => {
      if (!this.hidden.delete(layer.name)) this.hidden.add(layer.name);
      button.setAttribute("aria-pressed", String(!this.hidden.has(layer.name)));
      this.redraw();
    });
    return button;
  }

  addTools() {
    const tool = (text, label, action) => {
      const button = this.tools.appendChild(element("button"));
      // A name begins with what is written there: who steers by voice says that.
      Object.assign(button, { type: "button", textContent: text, title: label, ariaLabel: /\w/.test(text) && text !== label ? `${text}: ${label}` : label });
      button.addEventListener("click", () => {
        action();
        this.redraw();
      });
      return button;
    };
    const { content } = this;
    this.saving = new Saving(this, tool);
    if (!content.pannable) return settle(this.tools);
    const middle = () => [content.box.x + content.box.w / 2, content.box.y + content.box.h / 2];
    this.reset = tool("Reset view", "Show everything again", () => (content.view = null));
    this.reset.className = "lasting"; // seen for as long as there is something to go back from
    this.reset.hidden = true;
    tool("−", "Zoom out", () => content.zoom(...middle(), 1.4));
    tool("+", "Zoom in", () => content.zoom(...middle(), 1 / 1.4));
    settle(this.tools);
  }

  listen() {
    const on = (name, action, options) => this.canvas.addEventListener(name, action.bind(this), options);
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.cancel);
    on("pointerleave", (event) => event.pointerType === "mouse" && this.leave()); // a tap keeps its tooltip …
    on("blur", this.leave); // … until the next tap elsewhere
    on("dblclick", this.doubleClick);
    on("wheel", this.wheel, { passive: false });
    on("keydown", this.keyDown);
  }

  // Where an event happened, in CSS pixels of the canvas.
  place(event) {
    const area = this.canvas.getBoundingClientRect(), { zoom } = this.scene;
    return { x: (event.clientX - area.left) / zoom, y: (event.clientY - area.top) / zoom };
  }

  down(event) {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.place(event);
    this.held.set(event.pointerId, at);
    this.pressed = { ...at, moved: false };
    this.pointer = at;
    if (this.held.size === 1 && (this.spec.draw || this.content.brush) && this.content.inside(at.x, at.y)) this.content.ink = [this.dataAt(at)];
    if (this.held.size === 2) this.content.ink = null;
    this.redraw();
  }

  move(event) {
    const at = this.place(event);
    const before = this.held.get(event.pointerId);
    this.pointer = at;
    if (before) {
      if (Math.hypot(at.x - this.pressed.x, at.y - this.pressed.y) > CLICK) this.pressed.moved = true;
      if (this.held.size === 2) this.pinch(event.pointerId, before, at);
      else if (this.content.ink) {
        this.content.ink.push(this.dataAt(at));
        if (this.content.grasped) this.scene.send({ panel: this.key, ...this.content.grasped() }, { held: true });
      }
      else if (this.pressed.moved && !this.content.view && this.scene.stops.slides(this.key)) {
        this.drag = true;
        this.scene.stops.takes(this.key, this.content.toX(at.x));
      }
      else if (this.content.pannable && this.pressed.moved && (event.pointerType === "mouse" || this.content.view)) {
        this.drag = true;
        this.content.pan(at.x - before.x, at.y - before.y);
      }
      this.held.set(event.pointerId, at);
    }
    this.redraw();
  }

  pinch(id, before, at) {
    if (!this.content.pannable) return;
    const [other] = [...this.held].filter(([key]) => key !== id).map(([, place]) => place);
    const distance = (place) => Math.max(1, Math.hypot(place.x - other.x, place.y - other.y));
    this.content.zoom((at.x + other.x) / 2, (at.y + other.y) / 2, distance(before) / distance(at));
    this.content.pan((at.x - before.x) / 2, (at.y - before.y) / 2);
    this.pressed.moved = true;
  }

  up(event) {
    if (!this.held.delete(event.pointerId)) return;
    const at = this.place(event);
    if (this.content.ink) {
      this.scene.send({ panel: this.key, kind: "draw", points: this.content.ink, ...this.content.finish?.() });
      this.content.ink = null;
    } else if (!this.pressed.moved && this.held.size === 0) this.click(at);
    if (this.held.size === 0) this.drag = false;
    this.redraw();
  }

  click(at) {
    if (this.content.pannable && this.scene.stops.takes(this.key, this.content.toX?.(at.x))) return;
    const pick = this.content.click(at.x, at.y);
    if (!pick) return;
    const { edit, ...rest } = pick;
    if (edit) this.scene.ask({ label: edit, value: pick.weight, canvas: this.canvas, at, answer: (value) => this.scene.send({ panel: this.key, ...rest, value }) });
    // While zoomed a second click means: show everything again.  Wait for it before this one counts.
    if (this.content.view) this.waiting = setTimeout(() => this.scene.send({ panel: this.key, ...rest }), DOUBLE);
    else this.scene.send({ panel: this.key, ...rest });
  }

  doubleClick() {
    clearTimeout(this.waiting);
    this.content.view = null;
    this.redraw();
  }

  cancel(event) {
    this.held.delete(event.pointerId);
    if (this.content.ink && this.content.grasped) this.scene.send({ panel: this.key, ...this.content.finish() });
    this.content.ink = null;
    this.leave();
  }

  leave() {
    if (this.held.size) return;
    this.pointer = null;
    this.drag = false;
    this.scene.tooltip.show(null);
    this.redraw();
  }

  // The wheel belongs to the page until the panel has been clicked, or while Ctrl or ⌘ is held (also: two fingers apart).
  wheel(event) {
    if (!this.content.pannable) return;
    const focused = this.frame.getRootNode().activeElement === this.canvas;
    if (!(focused || event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const { x, y } = this.place(event);
    if (this.content.inside(x, y)) this.content.zoom(x, y, Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * (event.ctrlKey ? 0.01 : 0.003)));
    this.redraw();
  }

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.content.key?.(event.key)) {
      event.preventDefault();
      event.stopPropagation();
      this.redraw();
    }
    if (!this.content.pannable) return;
    const { box } = this.content;
    const step = 30;
    const keys = {
      "+": () => this.content.zoom(box.x + box.w / 2, box.y + box.h / 2, 1 / 1.4),
      "-": () => this.content.zoom(box.x + box.w / 2, box.y + box.h / 2, 1.4),
      0: () => (this.content.view = null),
      Escape: () => this.canvas.blur(),
      ArrowLeft: () => this.content.pan(step, 0),
      ArrowRight: () => this.content.pan(-step, 0),
      ArrowUp: () => this.content.pan(0, step),
      ArrowDown: () => this.content.pan(0, -step),
    };
    const action = keys[event.key === "=" ? "+" : event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
    this.redraw();
  }

  dataAt({ x, y }) {
    return [this.content.toX(x), this.content.toY(y)];
  }

  remove() {
    this.observer.disconnect();
    this.saving.end();
    clearTimeout(this.waiting);
    this.content.remove?.();
    this.frame.remove();
  }
}

// Height over width of the drawing, for when panels stand below each other.
function aspect(spec) {
  if (spec.aspect) return spec.aspect;
  if (spec.kind === "grid" && spec.columns && spec.captions.length) // square pictures, each with a line below it
    return Math.min(0.85, Math.ceil(spec.captions.length / spec.columns) / spec.columns);
  if (spec.kind === "pen") return 0.5; // the pad, and the small picture beside it
  if (spec.kind === "plane" && spec.equal) return Math.min(1.3, Math.max(0.5, Math.abs((spec.y[1] - spec.y[0]) / (spec.x[1] - spec.x[0]))));
  return { slide: 1.75, cell: 2.1, head: 1.1, curves: 0.5 }[spec.kind] || 0.85;
}

export function element(name, className = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
