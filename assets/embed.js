// One lab on a slide: its picture until the first Play, then a run of its own that whoever looks at it may steer.

const version = new URL(import.meta.url).search;
const [{ LiveRun }, { Stage }, { status }, { transport }, { timeline }, { knobs }] = await Promise.all(
  ["run", "stage", "status", "transport", "timeline", "knobs"].map((name) => import(`./live/${name}.js${version}`)),
);

const main = document.querySelector("main");
const part = (name) => main.querySelector(`.${name}`);
const { slug, speed, unit, panel, hero, knobs: specs, said, ...lab } = JSON.parse(document.getElementById("lab").textContent);
const small = matchMedia("(max-width: 899px), (max-height: 599px)"); // room for one panel at a time
const screen = part("screen"), chooser = part("panels");
let params = lab.params; // what the run was last known to be set to
let turned = {}; // by hand, before there was a run
let shown = panel || hero; // the panel that is seen where there is room for one

const run = new LiveRun({ open, may: "steer", panels: panel ? [panel] : null, gone: "Play begins another one." });
const alone = () => Boolean(panel) || small.matches;
const stage = new Stage({ stage: part("stage"), curves: part("curves") }, run, {
  chosen: (key) => !alone() || !stage.panels.some(([other]) => other === shown) || key === shown,
  height: (which) => (alone() || which === "stage" ? screen.clientHeight : undefined),
  arrange: () => ({ fitted: alone() }),
});

status(part("told"), run, { unit, said });
if (part("still")) part("told").querySelector(".say").textContent = "A picture of a run that has learned for a while: Play begins one of your own.";
transport(part("transport"), run, { pace: speed, keys: document, opens: true });
timeline(part("timeline"), run);
const show = knobs(part("knobs"), specs, async (name, text) => {
  if (run.beginning) return run.turn({ [name]: text });
  turned[name] = text; // the first Play takes it along
  show({ ...params, ...turned });
  return null;
});
run.addEventListener("beginning", () => Object.keys(turned).length && run.turn(turned));
run.addEventListener("knobs", ({ detail: { config, knobs: some } }) => {
  params = config ?? { ...params, ...some };
  turned = {};
  show(params);
});

async function open() {
  stage.load();
  const answer = await fetch("runs", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ slug, knobs: params }),
  }).catch(() => {
    throw new Error("The playground cannot be reached. Play tries again.");
  });
  const made = await answer.json().catch(() => ({ message: `The playground could not begin (${answer.status}).` }));
  if (!answer.ok) throw new Error(made.message);
  return made;
}

// Where there is room for one panel, which one?
function choose() {
  if (stage.panels.length) part("still")?.remove();
  const seen = alone() && !panel ? stage.panels.filter(([, title]) => title) : [];
  const wanted = JSON.stringify(seen);
  if (wanted === chooser.dataset.made) return;
  chooser.dataset.made = wanted;
  chooser.hidden = seen.length < 2;
  chooser.replaceChildren(...seen.map(([key, title]) => new Option(title, key, false, key === shown)));
}
chooser.addEventListener("change", () => {
  shown = chooser.value;
  stage.redraw();
});
run.addEventListener("told", choose);
const fit = () => {
  document.body.classList.toggle("alone", alone());
  choose();
  stage.redraw();
};
new ResizeObserver(fit).observe(screen);
fit();
