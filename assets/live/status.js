// How a run fares: the step with its rate, what to look at now, and whether there is a connection.

const version = new URL(import.meta.url).search;
const { count, element, prose, write } = await import(`./element.js${version}`);

const WORDS = { waiting: "waiting", paused: "paused", done: "finished", diverged: "diverged", failed: "stopped", lost: "put away" };
const BACK = 2500; // milliseconds in which it is said that the connection is back
const READ = 8000; // and a refusal

// The step, and how a run fares that was told of so.
export function counted({ step = 0, last_step: last = 0, status: state, rate, busy }, unit = "Step") {
  const words = [`${unit} ${count(step)}${step < last ? ` of ${count(last)}` : ""}`];
  if (busy) words.push("going there …");
  else if (state === "running") words.push(rate === null || rate === undefined ? "running" : `${rate < 9.5 ? Math.round(10 * rate) / 10 : count(Math.round(rate))} a second`);
  else if (step < last) words.push("looking back");
  else if (state) words.push(state === "paused" && !step ? "ready" : WORDS[state] ?? state);
  return words.join(" · ");
}

// Keeps the step in `root`.  `unit` is what one step is called.  Returns what takes it away again.
export function counter(root, run, unit) {
  const show = () => write(root, counted(run.told, unit));
  run.addEventListener("told", show);
  show();
  return () => {
    run.removeEventListener("told", show);
    root.replaceChildren();
  };
}

// Draws into `root`; with `elsewhere` the step stands in another place.  Returns what takes it away again.
export function status(root, run, { unit = "Step", elsewhere = false, said = "" } = {}) {
  let notice = said, timer, was = "", stood = "", moment = null;
  const line = element("p", "status"), note = element("span", "notice");
  const step = !elsewhere ? line.appendChild(element("span", "counter")) : null;
  line.setAttribute("role", "status");
  line.ariaLive = "off"; // a number that runs is not read out: `say` and what happens are
  note.ariaLive = "polite";
  line.append(note);
  const say = element("p", "say");
  say.ariaLive = "polite";
  prose.blocks.add(say);
  const spoken = element("p", "spoken"); // for those who do not see that it has come to rest
  spoken.ariaLive = "polite";
  root.replaceChildren(line, say, spoken);
  // Who looks at something further down, or has pressed a key there, is told at the edge of the window.
  const sight = new IntersectionObserver(([{ isIntersecting }]) => line.classList.toggle("afar", !isIntersecting));
  sight.observe(root);

  function show() {
    const { message = "", say: sentence = "" } = run.told;
    write(note, run.away || notice || message);
    note.classList.toggle("away", Boolean(run.away));
    if (say.textContent !== sentence) {
      write(say, sentence);
      prose.dispatchEvent(new Event("told"));
    }
    announce();
  }
  // Where it stands, each time that it has come to rest; of what moves only that it does.
  function announce() {
    const { status: state, step: at, busy } = run.told;
    if (!state || busy) return;
    const explained = at === moment ? ". What happened and why stands above." : "";
    const stands = state === "running" ? "running" : counted(run.told, unit) + explained;
    if (stood) write(spoken, stands); // not on arriving: that is read as it stands
    stood = stands;
  }
  const notify = (sentence, milliseconds) => {
    clearTimeout(timer);
    notice = sentence;
    if (milliseconds) timer = setTimeout(() => notify(""), milliseconds);
    show();
  };
  const on = {
    told: show,
    away() {
      if (was && !run.away) notify("Back again.", BACK);
      was = run.away;
      show();
    },
    refused: ({ detail }) => notify(detail, READ),
    beside: ({ detail }) => detail.status === "lost" && notify(`A run beside this one: ${detail.message}`),
    over: ({ detail }) => notify(detail),
    reached({ detail }) {
      moment = detail.step; // where a lesson's text speaks
      announce();
    },
    begun: () => notify(""),
  };
  for (const [name, act] of Object.entries(on)) run.addEventListener(name, act);
  show();
  const end = step && counter(step, run, unit);
  return () => {
    end?.();
    clearTimeout(timer);
    sight.disconnect();
    prose.blocks.delete(say);
    for (const [name, act] of Object.entries(on)) run.removeEventListener(name, act);
  };
}
