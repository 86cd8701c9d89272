// Play and Pause as one button, Step, Reset and the pace, with their keys.

const version = new URL(import.meta.url).search;
const { element } = await import(`./element.js${version}`);

const PACES = [["1 step/s", 1, "1/s"], ["5 steps/s", 5, "5/s"], ["30 steps/s", 30, "30/s"], ["100 steps/s", 100, "100/s"], ["full speed", null, "full"]];
const NARROW = matchMedia("(max-width: 640px)"); // there the row of signs has room for a short name
const SHAPES = { Play: "M5 3l8 5-8 5z", Pause: "M4 3h3v10H4zM9 3h3v10H9z", Step: "M3 3l6 5-6 5zM11 3h2v10h-2z", Reset: "M8 3V0.5L4 4l4 3.500V5a3.500 3.500 0 1 1-3.500 3.500H3A5 5 0 1 0 8 3z" };
const KEYS = { " ": "play", s: "step", Home: "reset" };
export const TYPES = "input, textarea, select, [contenteditable], [role=slider], [role=textbox]";

// Draws into `root`.  `run` steers (see run.js); `pace` names the one that the run has; `keys` is where keys are heard;
// `until()` is the step where Play stops while the run is before it, or null; `beside()` are the ids of those who do what
// it does; `opens`: the run begins with the first press, and is told its pace then.  Returns what takes it all away again.
export function transport(root, run, { pace = "full speed", keys = root, until = () => null, beside = () => [], opens = false } = {}) {
  let wish = null; // "running" or "paused": pressed, and not yet answered
  const button = (name, key, act) => {
    const made = element("button", name.toLowerCase()), hint = element("kbd", "", key);
    made.type = "button";
    hint.ariaHidden = "true"; // it is no part of the name
    made.append(sign(name), element("span", "", name), hint);
    made.addEventListener("click", act);
    return made;
  };
  const trains = () => [run.told, ...beside().map((id) => run.others.get(id))].some((told) => told?.status === "running");
  const playing = () => (wish ? wish === "running" : trains());
  const wanting = (status, asked) => {
    wish = status;
    show();
    asked.then(() => {
      if (wish === status) wish = null;
      show();
    });
  };
  const acts = {
    play() {
      if (playing()) return wanting("paused", run.do("pause"));
      const stop = until();
      wanting("running", run.do("play", stop !== null && (run.told.last_step ?? 0) < stop ? stop : null));
    },
    step: () => wanting("paused", run.do("step", 1)),
    reset: () => wanting("paused", run.do("reset")),
  };
  const play = button("Play", "Space", acts.play), step = button("Step", "S", acts.step), reset = button("Reset", "Home", acts.reset);
  const speed = element("select", "pace");
  speed.ariaLabel = "Speed";
  speed.append(...PACES.map(([text]) => new Option(text, text, false, text === pace)));
  const named = () => PACES.forEach(([text, , short], k) => (speed.options[k].label = NARROW.matches ? short : text));
  NARROW.addEventListener("change", named);
  named();
  const hurry = () => run.do("speed", PACES[speed.selectedIndex][1]);
  const begin = () => opens && hurry();
  speed.addEventListener("change", () => (run.beginning || !opens) && hurry());
  root.replaceChildren(play, step, reset, speed);
  play.title = "Space";
  step.title = "S";
  reset.title = "Home: back to the same initial weights";

  function show() {
    const name = playing() ? "Pause" : "Play";
    const [drawn, said] = play.children;
    if (said.textContent !== name) {
      drawn.replaceWith(sign(name));
      said.textContent = name;
      play.className = name.toLowerCase();
    }
    for (const each of [play, step, reset, speed]) each.disabled = run.may !== "steer";
  }
  // A key that something else has a use for is not ours: a letter in a box, Space on another button.
  const press = (event) => {
    const act = acts[KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]];
    const at = event.composedPath()[0];
    if (!act || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (run.may !== "steer" || at.closest?.(TYPES) || (event.key === " " && at.closest?.("button, summary, a"))) return;
    event.preventDefault(); // the page does not scroll
    act();
  };
  keys.addEventListener("keydown", press);
  run.addEventListener("beginning", begin);
  for (const type of ["told", "beside", "over"]) run.addEventListener(type, show);
  show();
  return () => {
    NARROW.removeEventListener("change", named);
    keys.removeEventListener("keydown", press);
    run.removeEventListener("beginning", begin);
    for (const type of ["told", "beside", "over"]) run.removeEventListener(type, show);
  };
}

function sign(name) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawn.setAttribute("viewBox", "0 0 16 16");
  drawn.setAttribute("aria-hidden", "true");
  drawn.appendChild(document.createElementNS(drawn.namespaceURI, "path")).setAttribute("d", SHAPES[name]);
  return drawn;
}
