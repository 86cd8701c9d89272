// My runs: the last ten runs of this browser, kept in its own storage under one key.  The server hears nothing of it.
//
//   playground.runs   a JSON list, the newest first, of
//     id       what makes it the same run again: the lab, its settings and its seed
//     run      the id of the run while it still is this one, or ""     slug, title   its lab
//     name     its settings that differ from the defaults, in words, or what a visitor has called it (then `named`)
//     link     an address below the playground's own that repeats it   step, unit    how far it came, and what a step is
//     picture  a small picture as a data address, 20 kB at most        at            when: milliseconds since 1970
//
// `list()` and `address(entry)` are for who shows them; `rename(id, name)` and `forget(id)` for what a visitor does with
// them; `remember(entry)` for the page of a lab, by way of `remembering`.

const version = new URL(import.meta.url).search;
const [{ count }, kept] = await Promise.all(["element", "kept"].map((name) => import(`./${name}.js${version}`)));

export const KEY = "playground.runs";
const MOST = 10, HEAVIEST = 20000; // entries, and characters of a picture
const WIDTH = 240, HEIGHT = 150; // of a picture, in pixels
const LINK = /^[a-z][a-z0-9_]*(\?|$)/; // a lab of this playground, and nowhere else

export function list() {
  const runs = kept.read("localStorage", KEY, []);
  return Array.isArray(runs) ? runs.filter((each) => each && typeof each.id === "string" && LINK.test(each.link)).slice(0, MOST) : [];
}

// Where to go on with it, or to see it again: the run itself while it is there, else one that repeats it.
export function address({ link, run }) {
  const where = new URL(link, document.baseURI);
  if (run) where.searchParams.set("run", run);
  return where.href;
}

// The newest from now on.  One with the same id gives up its place, and leaves its name if a visitor gave it.
export function remember(entry) {
  const known = list(), before = known.find(({ id }) => id === entry.id);
  const newest = { named: false, at: Date.now(), ...entry, ...(before?.named && { name: before.name, named: true }) };
  newest.picture ||= before?.picture ?? "";
  const others = known.filter(({ id }) => id !== entry.id);
  for (const other of others) if (other.run === entry.run) other.run = ""; // it goes on with other settings now
  write([newest, ...others]);
}

export function rename(id, name) {
  const said = name.trim().slice(0, 80);
  write(list().map((each) => (each.id === id && said ? { ...each, name: said, named: true } : each)));
}

export function forget(id) {
  write(list().filter((each) => each.id !== id));
}

// Where there is no room for all, the oldest go.
function write(entries) {
  for (let few = entries.slice(0, MOST); !kept.write("localStorage", KEY, few) && few.length; few = few.slice(0, -1));
}

// A canvas as a small picture on the page's background: a data address, or "" if it is empty or too heavy.
export function thumbnail(canvas, background = "white") {
  if (!canvas?.width || !canvas.height) return "";
  const scale = Math.min(WIDTH / canvas.width, HEIGHT / canvas.height);
  const small = Object.assign(document.createElement("canvas"), { width: Math.ceil(canvas.width * scale), height: Math.ceil(canvas.height * scale) });
  const context = small.getContext("2d");
  context.fillStyle = background;
  context.fillRect(0, 0, small.width, small.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, small.width, small.height);
  return [0.85, 0.6, 0.35].map((quality) => small.toDataURL("image/webp", quality)).find((text) => text.length <= HEAVIEST) ?? "";
}

// Remembers a run each time that it comes to rest, and when its page is left.  `stage` draws it (see stage.js); `told()` is
// what the page knows of it: {id, slug, title, name, link, unit, question}, or nothing while that is older than the run.  Returns
// `again`, to be called when the page knows more, and `end`.
export function remembering(run, stage, told) {
  let screen; // where the run is drawn: on the way out it has gone from the page, but its canvases are as they were
  let due = false; // it rests, and the page has not heard of it yet
  const look = () => (screen = stage.places.stage ?? screen);
  const keep = () => {
    const { last_step: step = 0 } = run.told, { question, ...known } = told() || {};
    due = !known.link;
    if (!step || !known.link) return; // nothing has happened yet
    const link = new URL(known.link, "http://playground.invalid/");
    link.searchParams.set("step", step); // the page may have been drawn some steps ago
    remember({ ...known, link: link.pathname.slice(1) + link.search, run: run.id, step, picture: picture() });
  };
  const picture = () => {
    const [largest] = [...(look()?.querySelectorAll("section.panel canvas") ?? [])].sort((a, b) => b.width * b.height - a.width * a.height);
    const style = getComputedStyle(document.body);
    return thumbnail(largest, style.getPropertyValue("--st-background-color") || style.backgroundColor);
  };
  // A slide of one of its panels says what it shows: see scene/saving.js.
  const say = (event) => {
    const known = told(), { stage: picture, curves } = stage.places;
    if (!known || !event.composedPath().some((each) => each === picture || each === curves)) return;
    const link = new URL(known.link, document.baseURI);
    const { step = 0, last_step: last } = run.told;
    if (last) link.searchParams.set("step", last);
    Object.assign(event.detail, { question: known.question, settings: `${known.title}: ${known.name} · ${known.unit} ${count(step)}`, link: link.href });
  };
  document.addEventListener("about", say);
  run.addEventListener("drawn", look);
  run.addEventListener("rested", keep);
  addEventListener("pagehide", keep);
  const end = () => {
    keep();
    document.removeEventListener("about", say);
    run.removeEventListener("drawn", look);
    run.removeEventListener("rested", keep);
    removeEventListener("pagehide", keep);
  };
  return { again: () => due && keep(), end };
}
