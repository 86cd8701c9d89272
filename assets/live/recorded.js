// A run as one page: recorded moments that are played, dragged through and read like a run, without a server.
//
// `RecordedRun` is what transport.js, timeline.js and status.js take for a run (see run.js); it has its pictures from the
// page.  Some are whole, the others differences to one of those, as they would come by a socket: see keys.js.

const version = new URL(import.meta.url).search;
const [{ mount }, { decode }, { count, element, write }, { transport }, { timeline }, { counter }] = await Promise.all([
  import(`../scene.js${version}`), import(`../scene/decode.js${version}`), import(`./element.js${version}`),
  import(`./transport.js${version}`), import(`./timeline.js${version}`), import(`./status.js${version}`),
]);

const FULL = 15; // moments a second at full speed
const TYPES = "input:not([type=range]), textarea, select";

class RecordedRun extends EventTarget {
  // `shots` are the moments: {n, step, say, parts}, each part compressed and written as letters.
  constructor({ shots, marks, last_step, ended }) {
    super();
    Object.assign(this, { shots, ended, may: "steer", beginning: true, asked: new Map(), others: new Map(), speed: null, read: new Map() });
    this.numbered = new Map(shots.map((shot, k) => [shot.n, k]));
    this.told = { status: "paused", last_step, marks, busy: false, version: 0 };
    this.show(shots.length - 1);
  }

  // The nearest moment to a step.
  near(step) {
    const after = this.shots.findIndex((shot) => shot.step >= step);
    if (after <= 0) return after < 0 ? this.shots.length - 1 : 0;
    return step - this.shots[after - 1].step < this.shots[after].step - step ? after - 1 : after;
  }

  async do(verb, value) {
    if (verb === "play") this.play();
    else if (verb === "speed") this.speed = value;
    else {
      this.rest();
      if (verb === "seek") this.show(this.near(value));
      if (verb === "step") this.go(1);
      if (verb === "reset") this.show(0);
    }
    return null;
  }

  go(moments) {
    this.show(Math.max(0, Math.min(this.shots.length - 1, this.at + moments)));
  }

  show(k) {
    this.at = k;
    const { step, say } = this.shots[k], end = k === this.shots.length - 1;
    this.tell({ step, say, message: end ? this.ended.message : "", status: this.playing ? "running" : end ? this.ended.status : "paused" });
    this.emit("moment");
  }

  play() {
    if (this.at === this.shots.length - 1) this.show(0);
    this.playing = true;
    this.tell({ status: "running" });
    let before, come = this.shots[this.at].step, due = this.at; // in steps where they are counted, else in moments
    const tick = (now) => {
      if (!this.playing) return;
      const passed = before === undefined ? 0 : Math.min(0.25, (now - before) / 1000);
      before = now;
      if (this.drawing) return requestAnimationFrame(tick); // what is counted is seen
      due = this.speed === null ? due + FULL * passed : this.at;
      come = this.speed === null ? this.shots[this.at].step : come + this.speed * passed;
      let k = Math.max(this.at, Math.floor(due));
      while (k + 1 < this.shots.length && this.speed !== null && this.shots[k + 1].step <= come) k++;
      k = Math.min(k, this.shots.length - 1);
      if (k === this.shots.length - 1) this.playing = false;
      if (k > this.at) this.show(k);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  rest() {
    this.playing = false;
    this.show(this.at);
  }

  tell(told) {
    this.told = { ...this.told, ...told };
    this.emit("told");
  }

  emit(type) {
    this.dispatchEvent(new CustomEvent(type));
  }

  // The pictures of a moment, by part: what scene.js draws.
  async pictures(k) {
    const parts = Object.entries(this.shots[k].parts);
    return Object.fromEntries(await Promise.all(parts.map(async ([part, text]) => [part, await this.picture(k, part, text)])));
  }

  picture(k, part, text) {
    const name = `${part} ${k}`;
    if (!this.read.has(name)) this.read.set(name, this.unpack(k, part, text));
    return this.read.get(name);
  }

  async unpack(k, part, text) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const base = this.numbered.get(decode(bytes, () => []).base ?? this.shots[k].n); // which must be read before
    const key = base === k ? undefined : await this.picture(base, part, this.shots[base].parts[part]);
    return decode(bytes, () => key?.arrays);
  }
}

// Draws the page around a recording.  `told` is what is said of the run besides: see engine/scene/recorded.py.
export function begin(recording, told) {
  const main = document.querySelector("main"), part = (name) => main.querySelector(`.${name}`);
  if (!globalThis.DecompressionStream) return write(part("say"), "This browser is too old for this page. Any of the last years' will do.");
  const run = new RecordedRun(recording), roots = {};
  for (const name of ["stage", "curves"]) {
    roots[name] = part(name).attachShadow({ mode: "open" });
    roots[name].append(element("div", "scene"));
  }
  let shown; // the pictures on the canvases
  const draw = () => {
    for (const [name, picture] of Object.entries(shown ?? {})) {
      mount({ parentElement: roots[name], data: picture, setTriggerValue() {}, holds: false });
    }
  };
  const follow = async () => {
    if (run.drawing) return; // and what is wanted when that is done is drawn next
    run.drawing = true;
    for (let k; k !== run.at; ) {
      k = run.at;
      shown = await run.pictures(k);
      draw();
      main.dataset.step = run.shots[k].step; // what is on the canvases
    }
    run.drawing = false;
    if (run.at + 1 < run.shots.length) run.pictures(run.at + 1); // it will probably be next
  };
  run.addEventListener("moment", follow);
  run.addEventListener("told", () => write(part("say"), run.told.message || run.told.say || ""));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  transport(part("transport"), run, { keys: document });
  timeline(part("timeline"), run);
  counter(part("moment"), run, told.unit);
  keys(run, part("timeline"));
  // Who films a panel films the whole run; and a slide of one says what it shows.
  main.addEventListener("filming", () => {
    run.show(0);
    run.play();
  });
  main.addEventListener("about", ({ detail }) => {
    const settings = `${told.title}: ${told.name} · ${told.unit} ${count(run.told.step)}`;
    Object.assign(detail, { question: told.question, settings, link: told.link });
  });
  run.show(run.at);
}

// From moment to moment: steps between two that are recorded cannot be shown.
function keys(run, line) {
  const ways = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10, End: Infinity, Home: -Infinity };
  const press = (event) => {
    const onLine = line.contains(event.target), way = ways[event.key];
    if (way === undefined || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!onLine && (event.composedPath()[0].closest?.(TYPES) || !["ArrowLeft", "ArrowRight", "End"].includes(event.key))) return;
    event.preventDefault();
    run.rest();
    run.go(way);
  };
  line.addEventListener("keydown", press, { capture: true });
  document.addEventListener("keydown", press);
}
