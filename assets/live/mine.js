// What this browser remembers, on the home page: the runs that it has kept, to go on with, and the lessons that are done.
//
//   playground.runs      see memory.js
//   playground.lessons   a JSON object, {"gan/collapse": true}
//
// It stands in the page itself, not in a shadow: its style is in home.css.  The server is told only which lessons are done, so that the page can say how many; the runs it never hears of.

const version = new URL(import.meta.url).search;
const [{ address, forget, list, rename }, { element }, { lessons }] = await Promise.all(["memory", "element", "kept"].map((name) => import(`./${name}.js${version}`)));

const NAME = /^[a-z][a-z0-9_]*\/[\w-]+$/;
const MOST = 1000; // lessons that are told
// Streamlit calls this at every change of data.
export function mount({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".mine");
  const known = done();
  if (JSON.stringify(known) !== JSON.stringify(data?.done ?? [])) setStateValue("done", known);
  show(root);
}

// The lessons that are done, as a sorted list of names; none in a browser that keeps nothing.
export function done() {
  const kept = lessons();
  return Object.keys(kept).filter((name) => kept[name] === true && NAME.test(name)).sort().slice(0, MOST);
}

function show(root) {
  const runs = list();
  root.replaceChildren();
  if (!runs.length) return;
  const section = element("section");
  section.append(element("h2", "", "My runs"));
  const row = section.appendChild(element("ul"));
  row.append(...runs.map((run, place) => entry(run, root, place)));
  root.append(section);
}

function entry(run, root, place) {
  const item = element("li"), link = item.appendChild(element("a"));
  link.href = address(run);
  const picture = /^data:image\//.test(run.picture) ? Object.assign(element("img"), { src: run.picture, alt: "" }) : element("div", "blank");
  const far = `${run.unit ?? "Step"} ${Number(run.step || 0).toLocaleString("en")}`;
  link.append(picture, element("strong", "", run.title), element("small", "", `${far} · ${run.name}`));
  const tools = item.appendChild(element("div", "tools"));
  const tool = (text, said, act) => {
    const button = tools.appendChild(element("button", "", text));
    Object.assign(button, { type: "button", ariaLabel: `${text}: ${said}` });
    button.addEventListener("click", act);
  };
  const said = `${run.title}, ${run.name}`;
  tool("Rename", said, () => ask(item, run, root, place));
  tool("Forget", said, () => {
    forget(run.id);
    show(root);
  });
  return item;
}

// A name of the visitor's own, in place of the buttons until it is given or left.
function ask(item, run, root, place) {
  const box = element("input");
  Object.assign(box, { value: run.name, maxLength: 80, ariaLabel: `Name of the run of ${run.title}` });
  item.querySelector(".tools").replaceWith(box);
  box.select();
  let over = false;
  const end = (name) => {
    if (over) return;
    over = true;
    if (name !== null) rename(run.id, name);
    show(root);
    root.querySelectorAll("li a")[place]?.focus();
  };
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") end(box.value);
    if (event.key === "Escape") end(null);
  });
  box.addEventListener("blur", () => end(box.value));
}
