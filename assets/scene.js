// The one live drawing of the playground.  ui/scene.py sends a scene as bytes; this module draws it.
//
//   scene/decode.js  bytes -> header and arrays         scene/plane.js   axes, zoom, what is under the pointer
//   scene/theme.js   colours by meaning, numbers        scene/layers.js  points, paths, arrows, lines, text
//   scene/heat.js    pictures of cells, contours        scene/graph.js   networks, with graph_layout.js and steppers.js
//   scene/panel.js   frame, legend, mouse, touch, keys  scene/grid.js    sheets of small pictures
//   scene/toolbar.js buttons that are one stop of Tab  scene/pen.js     a pad to draw on
//   scene/overlay.js tooltip, number box                scene/marks.js   markers, strokes
//   scene/stops.js   a slider between drawings         scene/rail.js    knobs of the run in a panel
//   scene/slide.js   a kernel sliding over a picture    scene/kernel.js  its arithmetic
//   scene/strip.js   a whole network, to draw for       scene/bars.js    classes and their probabilities
//   scene/attacked.js a picture + a change = another    scene/duel.js    which of two was attacked?
//   scene/colour_key.js what colours say
//   scene/passage.js a text coloured by class        scene/text.js    paragraphs and tables of words
//   scene/aligned.js two sentences and what joins them
//   scene/prose.js   text made of pieces
//   scene/sampler.js what comes next, and how it is drawn by lot
//   scene/head.js    an attention head taken apart
//   scene/cell.js    a recurrent cell at work on a sequence
//   scene/latent.js  a latent plane, decoded under the pointer
//   scene/loop.js    the loop of a GAN beside its plane   scene/planes.js  several planes in one panel
//   scene/curves.js  metrics against the step, or width  scene/axes.js, rules.js, curve_legend.js, curve_table.js  its parts
//   scene/meter.js   large numbers beside a picture      scene/rows.js    which rows have pictures
//   scene/bowl.js    a surface in three dimensions, with what rolls on it
//   scene/saving.js  what can be saved of a panel      scene/sheet.js, filming.js   as a picture, as a film
//   scene/reel.js    a slider through time           scene/particles.js, film.js   what moves along with it

const version = new URL(import.meta.url).search; // the whole module tree is loaded in one version
const load = (name) => import(`./scene/${name}.js${version}`);
const fetched = async (name) => {
  const answer = await fetch(new URL(name + version, import.meta.url));
  if (!answer.ok) throw new Error(`${name} could not be loaded (${answer.status}).`);
  return answer;
};
// The kinds of panels: scene/plane.js exports `Plane`, and so on.
const KINDS = [
  "plane", "graph", "grid", "pen", "slide", "strip", "attacked", "duel", "sampler", "head", "cell", "latent", "loop", "planes", "particles",
  "film", "passage", "bowl", "curves", "text", "aligned", "prose",
];
const [{ decode }, { Theme }, { groupColour }, { Panel, element }, { Tooltip, askNumber }, { Stops }, { drawn }, palette, styles, ...kinds] =
  await Promise.all([
    ...["decode", "theme", "layers", "panel", "overlay", "stops", "rows"].map(load),
    fetched("palette.json").then((answer) => answer.json()),
    fetched("scene.css").then((answer) => answer.text()),
    ...KINDS.map(load),
  ]);

const CONTENT = Object.fromEntries(KINDS.map((kind, i) => [kind, kinds[i][kind[0].toUpperCase() + kind.slice(1)]]));
const scenes = new WeakMap();

// Streamlit calls this at every change of data.  The drawing lives as long as its element.
export function mount(component) {
  const { parentElement } = component;
  let scene = scenes.get(parentElement);
  if (!scene) {
    scene = new Scene(parentElement);
    scenes.set(parentElement, scene);
  }
  scene.component = component;
  if (component.data) scene.update(component.data.rows ? component.data : decode(component.data));
  // Streamlit also calls this when a newer frame overtook the one that mounted: then the element is still there.
  return () => {
    if (scene.root.isConnected) return;
    scene.remove();
    scenes.delete(parentElement);
  };
}

class Scene {
  constructor(parentElement) {
    const style = element("style");
    style.textContent = styles;
    this.root = parentElement.querySelector(".scene") || parentElement.appendChild(element("div", "scene"));
    this.root.before(style);
    this.theme = new Theme(palette);
    this.rows = this.root.appendChild(element("div", "rows"));
    this.tooltip = new Tooltip(this.root, this.theme);
    this.stops = new Stops(this.root, () => this.turn());
    this.panels = new Map();
    // What is written on a canvas before its font has come stays as it is until it is written anew.
    this.rewrite = () => this.redraw();
    document.fonts.addEventListener("loadingdone", this.rewrite);
    this.name = crypto.getRandomValues(new Uint32Array(2)).join("");
    this.sent = 0;
  }

  update(header) {
    this.theme.read(this.root);
    const structure = JSON.stringify([Boolean(header.between), header.ahead, header.rows.map((row) => row.map((spec) => [spec.key, spec.kind]))]);
    if (structure !== this.structure) this.build(header, structure);
    this.measure(header);
    this.stops.update(header.stops, this.panels);
    for (const spec of header.rows.flat()) {
      const panel = this.panels.get(spec.key);
      panel.content.stop = this.stops.at;
      panel.update(spec, header.arrays, this.theme);
      panel.point(this.component.point);
    }
    this.header = header;
  }

  // Panels that stay keep their zoom and what is hidden in them.
  build(header, structure) {
    const wanted = new Map(header.rows.flat().map((spec) => [spec.key, spec.kind]));
    for (const [key, panel] of this.panels) {
      if (wanted.get(key) === panel.spec.kind) continue;
      panel.remove();
      this.panels.delete(key);
    }
    const rows = (this.lines = header.rows.map((row) => {
      const line = element("div", drawn(row) ? "row" : "row words");
      for (const { key, kind } of row) {
        if (!this.panels.has(key)) this.panels.set(key, new Panel(key, new CONTENT[kind](), this));
        line.append(this.panels.get(key).frame);
      }
      return line;
    }));
    const { between, ahead = 1 } = header;
    this.rows.replaceChildren(...rows.slice(0, ahead), ...(between ? [between] : []), ...rows.slice(ahead));
    this.structure = structure;
  }

  // How high the rows are; words take what they need.
  measure({ rows, height, fitted, room }) {
    const pictures = rows.filter(drawn), shares = pictures.reduce((sum, row) => sum + (row[0].share ?? 1), 0);
    this.rows.classList.toggle("fitted", Boolean(fitted));
    this.rows.style.setProperty("--height", `${height}px`);
    if (room) this.rows.style.setProperty("--room", `${Math.floor(room)}px`); // for the first row, on a phone
    this.rows.style.setProperty("--gaps", `${12 * Math.max(0, pictures.length - 1)}px`);
    rows.forEach((row, i) => this.lines[i].style.setProperty("--share", (row[0]?.share ?? 1) / shares));
  }

  // How much larger all of it is than it says: on a projector.
  get zoom() {
    return this.root.currentCSSZoom ?? 1;
  }

  // The visitor moved the slider.
  turn() {
    for (const panel of this.panels.values()) panel.content.stop = this.stops.at;
    this.redraw();
  }

  redraw() {
    for (const panel of this.panels.values()) panel.redraw();
  }

  schedule() {
    this.request ??= requestAnimationFrame(() => {
      this.request = undefined;
      for (const panel of this.panels.values()) if (panel.dirty) panel.draw(this.theme);
    });
  }

  // `held` on the way of a drag: only who `holds` wants to know of it.  Promises that it has been answered, if it will be.
  send(pick, { held = false } = {}) {
    if (held && !this.component.holds) return undefined;
    // Streamlit may deliver a trigger again when a newer run overtakes: ui/scene.py knows a pick by its id.
    return this.component.setTriggerValue("pick", { ...pick, ...(held && { held }), id: `${this.name}-${++this.sent}` });
  }

  ask(question) {
    askNumber(this.root, question);
  }

  // The small signs in front of a legend entry.
  swatches(layer, theme) {
    if (layer.kind === "heatmap") {
      const sign = element("i", "scale");
      sign.style.background = theme.gradient(layer.palette);
      return [sign];
    }
    const count = Math.max(1, (layer.names || []).length);
    const groups = layer.kind === "points" || layer.kind === "classes";
    const colours = groups
      ? Array.from({ length: Math.min(10, count) }, (_, k) => groupColour({ colours: layer.colours || [] }, k, theme))
      : [theme.colour(layer.colour)];
    return colours.map((colour, k) => {
      const sign = element("i", groups ? layer.shape || "square" : layer.dash ? "line dashed" : "line");
      sign.style.color = colour;
      if (layer.names?.[k]) sign.title = layer.names[k];
      return sign;
    });
  }

  remove() {
    cancelAnimationFrame(this.request);
    document.fonts.removeEventListener("loadingdone", this.rewrite);
    for (const panel of this.panels.values()) panel.remove();
  }
}
