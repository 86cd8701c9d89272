// Particles on a plane on their way from data to noise and back, the field of arrows that carries them, and their paths.

const version = new URL(import.meta.url).search;
const { DRAW } = await import(`./layers.js${version}`);
const { drawMarker } = await import(`./marks.js${version}`);
const { Plane } = await import(`./plane.js${version}`);
const { Reel, between } = await import(`./reel.js${version}`);
const { format } = await import(`./theme.js${version}`);

const TRAILS = 48; // paths that are drawn
const LAYERS = [
  { name: "Learned field", kind: "arrows", xy: "grid", uv: "arrows", colour: "neutral", width: 1.2 },
  { name: "Paths", kind: "lines", xy: "trails", colour: "positive", width: 0.9 },
  { name: "Particles", kind: "points", xy: "places", group: "groups", values: null, colours: ["positive"], names: [], shape: "circle", size: 3 },
];

export class Particles extends Plane {
  attach(panel) {
    this.reel = new Reel(panel, () => this.redraw());
  }

  remove() {
    this.reel.stop();
  }

  get legend() {
    const groups = this.members ? this.members.map((_, k) => `class ${k}`) : [];
    const [field, paths, particles] = LAYERS;
    const coloured = this.spec.groups === undefined ? particles : { ...particles, names: groups, colours: groups.map((_, k) => `class_${k % 10}`) };
    return [...super.legend, field, paths, coloured];
  }

  update(spec, arrays, theme) {
    super.update(spec, arrays, theme);
    const moving = (name) => ({ times: spec[`${name}_times`], data: numbers(arrays[spec[name]], spec.span) });
    const forward = moving("forward"), back = moving("back");
    this.count = forward.data.length / forward.times.length / 2;
    this.reel.update({ forward, back, count: 2 * this.count });
    this.field = moving("field");
    this.grid = numbers(arrays[spec.grid], spec.span);
    this.groups = spec.groups === undefined ? new Uint8Array(this.count) : arrays[spec.groups].data;
    this.members = Array.from({ length: Math.max(0, ...this.groups) + 1 }, () => []);
    this.groups.forEach((group, i) => this.members[group].push(i));
  }

  draw(context, width, height, theme, state) {
    super.draw(context, width, height, theme, state);
    const places = this.reel.now;
    const trails = this.trails(places);
    const arrows = this.field.times.length ? between(this.field.times, this.field.data, this.grid.length, this.reel.time) : this.grid;
    const drawn = { grid: this.grid, arrows, trails: trails.xy, places, groups: this.groups };
    const sent = this.arrays;
    this.arrays = Object.fromEntries(Object.entries(drawn).map(([name, data]) => [name, { data }]));
    const { box } = this;
    context.save();
    context.beginPath();
    context.roundRect(box.x, box.y, box.w, box.h, 8);
    context.clip();
    for (const layer of LAYERS) {
      if (state.hidden.has(layer.name)) continue;
      if (layer.kind !== "points") DRAW[layer.kind](context, { ...layer, ends: trails.ends }, this, theme);
      else this.drawParticles(context, layer, places, theme);
    }
    context.restore();
    this.arrays = sent;
    this.said = `${this.count} particles, ${this.reel.said}; the first is at ${format(places[0])}, ${format(places[1])}`;
  }

  drawParticles(context, { shape, size, colours }, places, theme) {
    const X = (i) => this.X(places[2 * i]), Y = (i) => this.Y(places[2 * i + 1]);
    this.members.forEach((members, group) => {
      const colour = this.spec.groups === undefined ? theme.colour(colours[0]) : theme.classColour(group);
      drawMarker(context, shape, size, members, X, Y, colour, null);
    });
  }

  // The way of some particles up to the present moment.
  trails(places) {
    const { forward, back, at, time } = this.reel;
    const { times, data } = at <= 1 ? forward : back;
    const passed = times.filter((moment) => (at <= 1 ? moment < time : moment > time)).length;
    const every = Math.max(1, Math.ceil(this.count / TRAILS));
    const xy = [], ends = [];
    for (let n = 0; n < this.count; n += every) {
      for (let i = 0; i < passed; i++) xy.push(data[2 * (i * this.count + n)], data[2 * (i * this.count + n) + 1]);
      xy.push(places[2 * n], places[2 * n + 1]);
      ends.push(xy.length / 2);
    }
    return { xy, ends };
  }
}

// Numbers that came as two bytes each, from -span to span.
function numbers({ data }, span) {
  const words = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  const values = new Float32Array(words.length); // Float32Array.from with a function takes ten times as long
  for (let i = 0; i < words.length; i++) values[i] = (words[i] / 65535) * 2 * span - span;
  return values;
}
