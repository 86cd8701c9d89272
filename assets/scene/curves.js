// Curves of metrics against the step, or what is swept: every value at the step under the pointer, and curves that can be switched off.

const version = new URL(import.meta.url).search;
const { format } = await import(`./theme.js${version}`);
const { drawMarker, line } = await import(`./marks.js${version}`);
const { drawAxes, logSteps, scale, spelt, stepTicks, yAxis } = await import(`./axes.js${version}`);
const { closest, csv, together } = await import(`./curve_table.js${version}`);
const { drawRule, writeRules } = await import(`./rules.js${version}`);
const { writeEnds } = await import(`./ends.js${version}`);
const { print, sign } = await import(`./curve_legend.js${version}`);

const COMPARED = "compared run";
const PALE = 0.5; // opacity of a compared run
const DOT = 3.4;
const ROWS = 16; // of a tooltip; beyond, compared runs are left out

export class Curves {
  constructor() {
    this.cursor = "crosshair";
    this.hidden = new Set();
    this.at = null; // the step that the arrow keys stand at; Infinity goes along with what is new
  }

  attach(panel) {
    this.panel = panel;
    panel.frame.classList.add("curves");
    this.spoken = panel.body.appendChild(document.createElement("p"));
    this.spoken.className = "spoken";
    this.spoken.setAttribute("aria-live", "polite");
  }

  update(spec, arrays) {
    this.spec = spec;
    const rows = (index) => {
      const { data, shape } = arrays[index];
      return Array.from({ length: shape[0] }, (_, k) => data.subarray(k * shape[1], (k + 1) * shape[1]));
    };
    const made = (about, index) => {
      const [x, y] = rows(index);
      return { ...about, x, y };
    };
    this.runs = named(spec);
    this.series = spec.series.map((each) => made(each, each.xy));
    this.ghosts = spec.ghosts.map(({ of, run, xy }) => {
      const { name, colour, dash, calculated } = spec.series[of];
      return made({ name: this.runs.get(run), of: name, colour, dash, calculated }, xy);
    });
    this.bands = spec.bands.map(({ of, xy }) => ({ of: this.series[of], edges: rows(xy) }));
    this.place = scale(spec);
    this.along = spec.log_x ? Math.log10 : (x) => x;
    const told = measured(this.series);
    this.said = told.flatMap((each) => last(each)).join(", ");
    if (this.said) this.said = `${spec.x_label} ${format(this.reach(told)[1])}: ${this.said}`;
  }

  get legend() {
    const compared = [...this.runs.values()].map((name) => ({ name, kind: "curve", colour: "neutral", dash: [], alpha: PALE }));
    return [...this.spec.series, ...compared];
  }

  swatches(entry, theme) {
    return [sign(entry, theme)];
  }

  // The legend on a saved picture; see `print`.
  printLegend(context, options) {
    return print(context, this.legend.filter((entry) => !this.hidden.has(entry.name)), { ...options, type: this.type });
  }

  shown() {
    const ghosts = this.ghosts.filter((ghost) => !this.hidden.has(ghost.name) && !this.hidden.has(ghost.of));
    return { ghosts, series: this.series.filter((each) => !this.hidden.has(each.name)) };
  }

  // The first and the last step of these curves.
  reach(curves) {
    let low = Infinity, high = -Infinity;
    for (const { x } of curves) {
      if (!x.length) continue;
      low = Math.min(low, x[0]);
      high = Math.max(high, x[x.length - 1]);
    }
    return [low, high];
  }

  layout(width, height, context) {
    const { spec, place } = this, { size } = this.type;
    const { ghosts, series } = this.shown();
    let low = Infinity, high = -Infinity;
    const see = (values) => {
      for (const value of values) {
        const at = place(value);
        if (at < low) low = at; // false for NaN
        if (at > high) high = at;
      }
    };
    for (const each of [...ghosts, ...series]) see(each.y);
    this.shownBands = this.bands.filter(({ of }) => series.includes(of));
    for (const { edges } of this.shownBands) edges.slice(1).forEach(see);
    const top = size * 1.75, bottom = size * (spec.log_x ? 2.9 : 1.6), h = Math.max(20, height - top - bottom);
    this.axis = yAxis(spec, low, high, h / (size * 1.15));
    context.font = this.type.font(400);
    const left = Math.ceil(Math.max(size, ...this.axis.named.map(({ text }) => context.measureText(text).width))) + 10;
    this.box = { x: left, y: top, w: Math.max(20, width - left - 10), h };
    const [x0, x1] = this.span(), { along, box } = this;
    this.X = (step) => box.x + ((along(step) - along(x0)) / (along(x1) - along(x0))) * box.w;
    this.Y = (value) => box.y + box.h - ((place(value) - this.axis.low) / (this.axis.high - this.axis.low)) * box.h;
    this.toX = (px) => {
      const share = (px - box.x) / box.w;
      return spec.log_x ? x0 * (x1 / x0) ** share : x0 + share * (x1 - x0);
    };
    const room = 1.6 * size + Math.max(...[x0, x1].map((step) => context.measureText(Math.round(step).toLocaleString("en")).width));
    const count = Math.max(1, Math.floor(box.w / room));
    [this.steps, this.hints] = [[], []];
    if (!this.all().some(({ x }) => x.length)) return;
    if (!spec.log_x) this.steps = stepTicks(x0, x1, count);
    else ({ named: this.steps, faint: this.hints } = logSteps(x0, x1, count));
  }

  all() {
    return [...this.ghosts, ...this.series];
  }

  // The first and the last x of the axis.
  span() {
    const { log_x, marker, rules } = this.spec;
    let [x0, x1] = this.reach(this.all());
    for (const x of [...rules.map(([at]) => at), ...(marker === null ? [] : [marker])]) [x0, x1] = [Math.min(x0, x), Math.max(x1, x)];
    if (!(x0 <= x1)) return log_x ? [1, 10] : [0, 1];
    if (x0 < x1) return [x0, x1];
    return log_x ? [x0 / 2, x1 * 2] : [x0 - 1, x1 + 1];
  }

  draw(context, width, height, theme, { hidden, pointer }) {
    this.hidden = hidden;
    this.type = textOf(this.panel.frame, theme);
    this.layout(width, height, context);
    drawAxes(context, this, width, theme);
    const { ghosts, series } = this.shown();
    const rules = this.rules();
    for (const rule of rules) if (!rule.solid) drawRule(context, this.box, rule, theme);
    context.save();
    context.beginPath();
    context.rect(this.box.x - 6, this.box.y - 6, this.box.w + 12, this.box.h + 12); // a dot on the frame stays whole
    context.clip();
    context.lineJoin = "round";
    for (const band of this.shownBands) this.drawBand(context, band, theme);
    for (const ghost of ghosts) this.drawLine(context, ghost, theme, { width: 1.8, dash: ghost.dash, alpha: PALE });
    for (const each of series) this.drawLine(context, each, theme, { width: 2.4, dash: each.dash, alpha: 1 });
    for (const each of series.filter(({ calculated }) => !calculated)) {
      if (this.spec.dots) this.drawDots(context, each, theme);
      this.drawDot(context, each, end(each, this.place), theme);
    }
    context.restore();
    for (const rule of rules) if (rule.solid) drawRule(context, this.box, rule, theme);
    const covers = (...place) => [...ghosts, ...series].some((each) => this.meets(each, ...place));
    writeRules(context, this.box, rules, theme, this.type, covers);
    writeEnds(context, this.box, this.ends(ghosts), theme, this.type, covers);
    this.follow(pointer);
    if (this.step !== null) this.drawHere(context, [...ghosts, ...series], theme);
  }

  // Where the curves of compared runs end.
  ends(ghosts) {
    return ghosts.flatMap((each) => {
      const at = end(each, this.place);
      return at < 0 ? [] : [{ called: each.name, colour: each.colour, x: this.X(each.x[at]), y: this.Y(each.y[at]) }];
    });
  }

  // Whether a curve goes through a rectangle.
  meets({ x, y }, left, top, width, height) {
    const near = 4; // half of a line, and some air
    for (let i = 1; i < x.length; i++) {
      const [x0, x1] = [this.X(x[i - 1]), this.X(x[i])], [y0, y1] = [this.Y(y[i - 1]), this.Y(y[i])];
      const from = Math.max(x0, left - near), to = Math.min(x1, left + width + near);
      if (!(from <= to)) continue;
      const at = (place) => (x1 > x0 ? y0 + ((y1 - y0) * (place - x0)) / (x1 - x0) : y0);
      if (Math.min(at(from), at(to)) <= top + height + near && Math.max(at(from), at(to)) >= top - near) return true;
    }
    return false;
  }

  // The moment on screen after a rewind comes first: its words get the best place.
  rules() {
    const { marker, rules, x_label } = this.spec;
    const moment = marker === null ? [] : [{ x: this.X(marker), text: `${x_label} ${spelt(marker)}`, colour: "mark", solid: true }];
    return [...moment, ...rules.map(([at, text]) => ({ x: this.X(at), text, colour: "neutral", solid: false }))];
  }

  drawLine(context, each, theme, { width, dash, alpha }) {
    const { x, y } = each;
    context.beginPath();
    let pen = false;
    const alone = [];
    for (let i = 0; i < x.length; i++) {
      const at = this.Y(y[i]);
      if (!Number.isFinite(at)) pen = false;
      else if (pen) context.lineTo(this.X(x[i]), at);
      else {
        context.moveTo(this.X(x[i]), at);
        pen = true;
        if (!(i + 1 < x.length && Number.isFinite(this.Y(y[i + 1])))) alone.push(i); // between two gaps
      }
    }
    context.setLineDash(dash);
    context.globalAlpha = alpha;
    context.strokeStyle = theme.colour(each.colour);
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
    if (alone.length) drawMarker(context, "circle", width * 0.8, alone, (i) => this.X(x[i]), (i) => this.Y(y[i]), theme.colour(each.colour), null);
    context.globalAlpha = 1;
  }

  drawBand(context, { of, edges: [x, low, high] }, theme) {
    const foot = this.box.y + this.box.h;
    const edge = (values, i) => context.lineTo(this.X(x[i]), Number.isFinite(this.Y(values[i])) ? this.Y(values[i]) : foot);
    context.beginPath();
    for (let i = 0; i < x.length; i++) edge(low, i);
    for (let i = x.length - 1; i >= 0; i--) edge(high, i);
    context.globalAlpha = 0.2;
    context.fillStyle = theme.colour(of.colour);
    context.fill();
    context.globalAlpha = 1;
  }

  drawDots(context, { x, y, colour }, theme) {
    const seen = [...y.keys()].filter((i) => Number.isFinite(this.Y(y[i])));
    drawMarker(context, "circle", DOT, seen, (i) => this.X(x[i]), (i) => this.Y(y[i]), theme.colour(colour), null);
  }

  drawDot(context, each, index, theme) {
    if (index < 0 || !Number.isFinite(this.Y(each.y[index]))) return;
    drawMarker(context, "circle", 4.5, [index], (i) => this.X(each.x[i]), (i) => this.Y(each.y[i]), theme.colour(each.colour), theme);
  }

  drawHere(context, lines, theme) {
    const { box } = this, x = this.X(this.step);
    context.beginPath();
    line(context, x, box.y, x, box.y + box.h);
    context.strokeStyle = theme.text;
    context.globalAlpha = 0.5;
    context.lineWidth = 1;
    context.stroke();
    context.globalAlpha = 1;
    for (const each of lines) this.drawDot(context, each, this.index(each, this.step), theme);
  }

  // Which step the pointer or the keys stand at.
  follow(pointer) {
    if (!pointer || pointer !== this.mine) this.at = null; // the mouse has taken over, or left
    this.step = this.at !== null ? this.nearest(this.at) : pointer ? this.nearest(this.toX(pointer.x)) : null;
    if (this.at !== null && this.step !== null) this.mine = this.panel.pointer = { x: this.X(this.step), y: this.box.y + this.box.h / 3 };
  }

  // The steps at which something was measured, of all curves that are shown.
  allSteps() {
    const { ghosts, series } = this.shown();
    return together(measured([...ghosts, ...series]));
  }

  nearest(step) {
    const all = this.allSteps(), i = closest(all, step, this.along);
    return i < 0 ? null : all[i];
  }

  // Which of a curve's points is told at `step`: the nearest one within its reach, or -1.
  index({ x }, step) {
    return x.length && step >= x[0] && step <= x[x.length - 1] ? closest(x, step, this.along) : -1;
  }

  describe() {
    if (this.step === null) return null;
    const { ghosts, series } = this.shown();
    const beside = series.length + ghosts.length > ROWS ? [] : ghosts;
    const lines = series.flatMap((each) => [each, ...beside.filter((ghost) => ghost.of === each.name)]);
    const rows = lines.map((each) => {
      const i = this.index(each, this.step);
      const elsewhere = i >= 0 && each.x[i] !== this.step ? `, at\u00a0${spelt(each.x[i])}` : "";
      return [each.name + elsewhere, i < 0 || Number.isNaN(each.y[i]) ? "–" : format(each.y[i])];
    });
    const signs = lines.map(({ colour, of }) => ({ colour, hollow: Boolean(of) }));
    return { title: `${this.spec.x_label} ${spelt(this.step)}`, rows, signs };
  }

  // The arrow keys go from point to point, the page keys by a tenth.
  key(name) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    if (name === "Escape") this.panel.leave();
    if (!(name in moves)) return false;
    const all = this.allSteps();
    if (!all.length) return false;
    const by = Math.abs(moves[name]) === 10 ? (moves[name] * all.length) / 100 : moves[name];
    const from = this.step === null ? all.length - (by < 0 ? 0 : 1) : closest(all, this.step);
    const to = Math.max(0, Math.min(all.length - 1, Math.round(from + by)));
    this.at = to === all.length - 1 ? Infinity : all[to];
    this.step = all[to];
    this.mine = this.panel.pointer = { x: 0, y: 0 }; // put in its place when it is drawn
    const { title, rows } = this.describe();
    this.spoken.textContent = `${title}: ${rows.map((row) => row.join(" ")).join(", ")}`;
    return true;
  }

  click() {
    return null;
  }

  csv() {
    const columns = [...this.series, ...this.ghosts.map((ghost) => ({ ...ghost, name: `${ghost.of}, ${ghost.name}` }))];
    for (const { of, edges: [x, ...sides] } of this.bands) sides.forEach((y, k) => columns.push({ name: `${of.name}, ${["low", "high"][k]}`, x, y }));
    return csv(this.spec.x_label, columns);
  }
}

// What each compared run is called, by its number: what sets it apart, told from the curves and from each other.
function named({ ghosts, series }) {
  const found = new Map(), taken = new Set(series.map(({ name }) => name));
  for (const { run, called } of ghosts) {
    if (found.has(run)) continue;
    let name = called || COMPARED;
    for (let further = 2; taken.has(name); further++) name = `${called || COMPARED} ${further}`;
    taken.add(name);
    found.set(run, name);
  }
  return found;
}

// Those that were measured; all, if none was yet.
function measured(curves) {
  const found = curves.filter(({ calculated, x }) => !calculated && x.length);
  return found.length ? found : curves;
}

// The index of the last point that can be drawn, or -1.
function end({ y }, place) {
  let i = y.length - 1;
  while (i >= 0 && !Number.isFinite(place(y[i]))) i--;
  return i;
}

function last({ name, y }) {
  return y.length ? [`${name} ${format(y[y.length - 1])}`] : [];
}

// Numbers on the canvas are as large as the text around it, which grows in the view for a lecture hall.
function textOf(frame, theme) {
  const size = parseFloat(getComputedStyle(frame).fontSize);
  return { size, font: (weight) => `${weight} ${size}px ${theme.font}` };
}
