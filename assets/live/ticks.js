// The row of lessons: which have been seen to their end, kept in this browser, and that the chosen one is in sight.

const version = new URL(import.meta.url).search;
const [{ LESSONS, lessons: done, write }, { sideways }] = await Promise.all(["kept", "element"].map((name) => import(`./${name}.js${version}`)));

const EDGE = 48; // pixels beside the chosen one, in which the next is seen to begin
let shown, watched; // the button of the lesson that was chosen last, and its row
const watch = new ResizeObserver(([{ target }]) => bring(target, chosen(target)));
const chosen = (row) => row.querySelector('[aria-checked="true"]');

// `lessons` are all of the page `slug`, in the order of its row of choices; `told` is the one whose text is shown now.
export function tick({ slug, lessons, told }) {
  reveal(document.querySelector(`.st-key-${slug}-lesson [role="radiogroup"]`));
  const kept = done();
  if (told && !kept[`${slug}/${told}`]) {
    kept[`${slug}/${told}`] = true;
    write("localStorage", LESSONS, kept); // where nothing is kept, it is ticked until the page is left
  }
  // A style, and nothing in the page itself, which Streamlit draws anew as it likes.
  const marks = lessons.flatMap((name, k) => (kept[`${slug}/${name}`] ? [`.st-key-${slug}-lesson button:nth-of-type(${k + 1})::before`] : []));
  let style = document.getElementById("playground-ticks");
  if (!style) style = document.head.appendChild(Object.assign(document.createElement("style"), { id: "playground-ticks" }));
  const text = marks.length ? `${marks.join(",")} { content: "✓" / "done"; margin-right: 0.35em; opacity: 0.75; }` : "";
  if (style.textContent !== text) style.textContent = text;
}

// The row scrolls, and nothing else: each time that another one is chosen, or the row has become narrower.
function reveal(row) {
  if (!row) return;
  const button = chosen(row);
  if (row !== watched) {
    watch.disconnect();
    watch.observe((watched = row));
    row.onwheel = sideways;
  }
  for (const each of row.querySelectorAll("button")) each.focus = focus;
  if (button !== shown) bring(row, button);
  shown = button;
}

// A press on one gives the focus to the one that had it last; if that scrolled the row, the press would end on another.
function focus(options) {
  HTMLElement.prototype.focus.call(this, { ...options, preventScroll: true });
  if (this.matches(":focus-visible")) bring(watched, this); // who goes by keys sees where
}

function bring(row, button) {
  if (!button) return;
  const left = button.getBoundingClientRect().left - row.getBoundingClientRect().left + row.scrollLeft;
  row.scrollLeft = Math.min(Math.max(row.scrollLeft, left + button.offsetWidth + EDGE - row.clientWidth), left - EDGE);
}
