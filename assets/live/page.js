// What stands on a lab's page beside Streamlit's own: each place shows or steers one run, and places of the same run
// share its socket.  ui/mount.py mounts them; `data.part` says what a place is.
//
//   transport   Play, Step, Reset and the pace    stage    the picture
//   timeline    any earlier moment                curves   what was measured
//   progress    how it fares                      step     how far it is: the one place whose text is the page's own
//
// One place, the transport, tells the page when there is something that Streamlit draws: it sets the trigger `nudge`.
// Another, progress, tells it when the browser has gone back or forward: the trigger `back`.

const version = new URL(import.meta.url).search;
const [{ LiveRun }, { Stage }, { counted, counter, status }, { transport }, { timeline }, { element, write }, { Front }, { posture, sheet }, { tick }, { back }] = await Promise.all(
  ["run", "stage", "status", "transport", "timeline", "element", "front", "posture", "ticks", "back"].map((name) => import(`./${name}.js${version}`)),
);
const { remembering } = await import(`./memory.js${version}`);
const { Nudges } = await import(`./nudges.js${version}`);

const LINGERS = 500; // milliseconds for which a run that no place shows keeps its socket: the page may be drawn anew
const SOON = 50; // and until it says what is in sight: where the page is drawn anew, places go and come
const AGAIN = 3000; // and until a page is asked once more for another run
const JITTER = 3000; // within which a class whose server was started again comes back
const LONGEST = 30000, TRIES = 30; // between two times that the page is asked for another run, and how often it is
const HINT = "Press Play: what is measured is drawn here, step by step.";
const runs = new Map(); // by id
const places = new WeakMap(); // by the element that Streamlit gives

// Streamlit calls this at every change of data.
export function mount(component) {
  const { data, parentElement } = component;
  let place = places.get(parentElement);
  if (place && (place.shared.id !== data.run || place.of !== data.of || place.title !== data.title)) {
    place.leave();
    place = undefined;
  }
  if (!place) places.set(parentElement, (place = new Place(parentElement, data)));
  place.update(component);
  return () => {
    if (parentElement.isConnected || parentElement.host?.isConnected) return;
    places.get(parentElement)?.leave();
    places.delete(parentElement);
  };
}

// A run with its socket, and who shows it.
class Shared {
  constructor({ run, key, alive }) {
    this.id = run;
    this.shown = new Map(); // part -> how many places show it
    this.beside = 0; // places that show another run of its group
    this.lines = new Set(); // above pictures: which run each is
    this.run = new LiveRun({ open: async () => ({ run, key }), parts: [], may: key ? "steer" : "watch", alive });
    this.front = new Front(() => this.stage.redraw());
    this.stage = new Stage({}, this.run, { arrange: (header, place) => (header.part === "stage" ? this.front.arrange(header, place) : {}) });
    this.stage.load();
    this.run.begin();
  }

  show(part, by) {
    this.shown.set(part, (this.shown.get(part) ?? 0) + by);
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.look(), SOON);
    clearTimeout(this.timer);
    if ([...this.shown.values()].some(Boolean)) return;
    this.timer = setTimeout(() => {
      runs.delete(this.id);
      this.front.close();
      this.run.close();
    }, LINGERS);
  }

  // Lines above two pictures are as high as each other; returns what ends it.
  even(line) {
    const { lines, front } = this;
    const watch = new ResizeObserver(() => {
      const high = Math.max(...[...lines].map((each) => each.firstChild.offsetHeight));
      for (const each of lines) each.style.setProperty("--even", `${high}px`);
      front.changed();
    });
    lines.add(line);
    watch.observe(line.firstChild);
    return () => {
      watch.disconnect();
      lines.delete(line);
    };
  }

  look() {
    const parts = ["stage", "curves"].filter((each) => this.shown.get(each));
    const wanted = { parts, beside: this.beside > 0 };
    if (`${parts}` !== `${this.run.hello.parts}` || wanted.beside !== this.run.hello.beside) this.run.look(wanted);
  }
}

// Brings the knobs where they have no place of their own.
function opener() {
  const button = element("button", "opener", "Knobs");
  Object.assign(button, { type: "button", title: "Knobs (K)" });
  button.addEventListener("click", sheet);
  return button;
}

class Place {
  constructor(parentElement, data) {
    if (!runs.has(data.run)) runs.set(data.run, new Shared(data));
    this.shared = runs.get(data.run);
    Object.assign(this, { part: data.part, of: data.of, title: data.title });
    this.root = parentElement.querySelector(".live");
    this.root.classList.add(data.part);
    if (data.part !== "step" && !parentElement.querySelector("link")) {
      const style = element("link");
      style.addEventListener("load", () => this.shared.front.changed()); // what stands above the picture has its size now
      Object.assign(style, { rel: "stylesheet", href: new URL(`assets/live/controls.css${version}`, document.baseURI) });
      this.root.before(style);
    }
    this.ends = [];
    this.shared.show(this.part, 1);
  }

  update(component) {
    this.component = component;
    if (!this.made) {
      this.made = true;
      this[this.part](component.data);
    }
    else this.shared.stage.redraw(); // in other colours, perhaps
    this.changed?.(component.data);
  }

  leave() {
    for (const end of this.ends) end();
    this.root.replaceChildren();
    this.root.className = "live";
    this.shared.show(this.part, -1);
  }

  on(type, act) {
    this.shared.run.addEventListener(type, act);
    this.ends.push(() => this.shared.run.removeEventListener(type, act));
  }

  // ------------------------------------------------------------- what a place is

  transport() {
    const { run } = this.shared;
    posture();
    const until = () => this.component.data.until;
    let pace, nudges, beside;
    this.changed = (data) => {
      if (`${data.beside}` !== beside) requestAnimationFrame(() => run.emit("beside", {})); // one less may train
      beside = `${data.beside}`;
      if (data.nudges !== nudges) {
        clearTimeout(this.asks);
        requestAnimationFrame(() => this.nudges.answered());
      }
      nudges = data.nudges;
      memory.again();
      if (data.pace === pace) return this.behind();
      pace = data.pace;
      this.buttons?.();
      this.buttons = transport(this.root, run, { pace, keys: document, until, beside: () => this.component.data.beside });
      this.root.append(opener());
      this.behind();
    };
    this.ends.push(() => this.buttons?.(), () => this.nudges.end(), () => clearTimeout(this.asks));
    const memory = remembering(run, this.shared.stage, () => this.component.data.known[0] === run.told.version && this.component.data.memory);
    this.ends.push(memory.end);
    this.nudges = new Nudges((nudge) => this.component.setTriggerValue("nudge", nudge), (...nudge) => this.drawn(...nudge));
    for (const kind of ["reached", "rested"]) this.on(kind, ({ detail }) => this.nudges.tell(kind, detail.version, detail.step));
    this.on("knobs", ({ detail }) => this.nudges.tell("turned", detail.version ?? run.told.version, null));
    this.on("over", () => this.lost());
    for (const kind of ["told", "asked", "drawn"]) this.on(kind, () => this.behind());
    this.on("told", () => this.begun() && this.nudges.tell("begun", run.told.version, null));
    this.on("told", () => (run.told.status === "lost" ? this.lost() : (this.gone = false)));
  }

  // The run is gone, and the server perhaps was: the page is asked for another one.  Not by a whole class at the same
  // moment; and again until it answers, since its own connection may come back later than ours.
  lost() {
    if (this.gone) return;
    this.gone = true;
    let pause = AGAIN, tries = 0;
    const ask = () => {
      this.nudges.forget();
      this.nudges.tell("lost", this.shared.run.told.version, null);
      pause = Math.min(LONGEST, 1.5 * pause);
      if (++tries < TRIES) this.asks = setTimeout(ask, pause + JITTER * Math.random());
    };
    this.asks = setTimeout(ask, JITTER * Math.random());
  }

  // Whether the run has begun, and the page still takes an answer to what will happen.
  begun() {
    const { lock, known } = this.component.data, { told } = this.shared.run;
    return lock && told.version >= known[0] && (told.status === "running" || told.last_step > 0);
  }

  // Whether the page shows already what it would be told.
  drawn(kind, version, step) {
    const { known } = this.component.data; // [version, step, status] as the page has drawn it
    if (kind === "turned") return known[0] === version;
    return kind === "rested" && known[0] === version && known[1] === step && known[2] === this.shared.run.told.status;
  }

  // Whether something is asked for, or page or picture still show how the run was before it came to rest: those who
  // wait for it look at `data-behind`.
  behind() {
    const { known } = this.component.data, { told, asked } = this.shared.run;
    const drawn = this.shared.stage.headers.stage;
    const rests = told.status && told.status !== "running" && told.status !== "waiting" && !told.busy;
    const late = Boolean(rests) && (known[0] !== told.version || known[1] !== told.step || known[2] !== told.status);
    const old = ["paused", "done", "diverged"].includes(told.status) && !told.busy && (drawn?.step !== told.step || drawn.version !== told.version);
    this.root.dataset.behind = !told.status || late || old || asked.size > 0;
  }

  step({ unit }) {
    this.ends.push(counter(this.root, this.shared.run, unit));
  }

  timeline() {
    this.ends.push(timeline(this.root, this.shared.run));
  }

  progress({ unit }) {
    this.shared.front.watch.observe(this.root); // a sentence may take two lines
    this.ends.push(status(this.root, this.shared.run, { unit, elsewhere: true }));
    // The page could not tell by the address: a message with an older one may also be merely late.
    this.ends.push(back(() => this.component.setTriggerValue("back", true)));
    this.changed = tick;
    tick(this.component.data);
  }

  // Of the run `data.of`, which may stand beside ours; then each has its name and its own step above it.
  stage({ run, of, title, unit, hero, alone }) {
    const other = of !== run;
    this.shared.front.show({ hero, alone });
    if (other) {
      this.shared.beside += 1;
      this.ends.push(() => (this.shared.beside -= 1));
    }
    if (title) {
      const line = this.root.appendChild(element("p", "counter")), both = line.appendChild(element("span"));
      both.append(title);
      const moment = both.appendChild(element("i"));
      this.ends.push(this.shared.even(line));
      const tell = (told) => write(moment, counted(told, unit));
      if (other) this.on("beside", ({ detail }) => detail.run === of && tell(detail));
      else this.on("told", () => tell(this.shared.run.told));
      tell((other ? this.shared.stage.headers[`stage ${of}`] : this.shared.run.told) ?? {});
    }
    this.changed = ({ point, opened, hero, alone }) => {
      const { front, stage } = this.shared;
      front.show({ hero, alone, told: [point?.panel, ...(opened ?? [])].filter(Boolean) });
      if (JSON.stringify(point) === JSON.stringify(stage.point)) return;
      stage.point = point;
      stage.redraw();
    };
    this.draw(other ? `stage ${of}` : "stage");
  }

  curves() {
    const hint = element("p", "hint", HINT);
    const look = () => {
      const drawn = this.shared.stage.headers.curves?.rows.flat().some(({ kind }) => kind === "curves");
      hint.hidden = Boolean(drawn || this.shared.run.told.last_step);
    };
    this.root.append(hint);
    look();
    this.on("drawn", look);
    this.draw("curves");
  }

  draw(name) {
    const screen = this.root.appendChild(element("div", "screen")), { stage } = this.shared;
    stage.put(name, screen);
    this.ends.push(() => stage.places[name] === screen && delete stage.places[name]);
  }
}
