// The timeline: a range input whose end moves while the run goes on.  While it is dragged, pictures of that time are
// seen: rough ones, as fast as they come.  Where it is let go of, the run stands exactly.

const version = new URL(import.meta.url).search;
const { count, element, write } = await import(`./element.js${version}`);

const NEAR = 0.015; // of the whole: so near to a mark its text is shown

// Draws into `root`.  `run` steers (see run.js).  Returns what takes it away again.
export function timeline(root, run) {
  let held = false; // by a pointer
  let wanted = null; // where the hand is; the run comes after
  let asking = false;
  const input = element("input");
  Object.assign(input, { type: "range", min: 0, step: 1, value: 0, ariaLabel: "Timeline: the step that is shown" });
  const track = element("div", "track"), marks = element("div", "marks");
  const end = element("span", "end"), text = element("p", "marked");
  track.append(input, marks);
  root.replaceChildren(track, end, text);

  const value = () => Number(input.value);
  function show() {
    const { step = 0, last_step: last = 0, marks: made = [], busy } = run.told;
    if (!held && !asking && !busy) wanted = null;
    input.max = Math.max(1, last, wanted ?? 0);
    input.value = wanted ?? step;
    input.disabled = last === 0 || run.may !== "steer";
    input.setAttribute("aria-valuetext", `Step ${count(value())} of ${count(last)}`);
    input.style.setProperty("--filled", `${(100 * value()) / input.max}%`);
    write(end, last ? count(last) : ""); // a bare 0 says nothing
    draw(made, last);
    const near = made.filter(([at]) => at <= last && Math.abs(at - value()) <= NEAR * last);
    write(text, value() < last && near.length ? said(near.at(-1)) : "");
  }
  let drawn = "";
  function draw(made, last) {
    const now = JSON.stringify([made, last]);
    if (now === drawn) return;
    drawn = now;
    marks.replaceChildren(...made.filter(([at]) => at <= last).map((mark) => {
      const dot = element("i");
      dot.style.left = `${(100 * mark[0]) / Math.max(1, last)}%`;
      dot.title = said(mark);
      return dot;
    }));
  }
  // One question at a time, and then the newest: nothing queues however fast the hand is.
  async function seek() {
    if (asking) return;
    asking = true;
    for (let last = {}; wanted !== null && (wanted !== last.step || (last.rough && !held)); ) {
      last = { step: wanted, rough: held };
      if ((await run.do("seek", last.step, { rough: last.rough })) !== null) break;
    }
    asking = false;
    show();
  }
  const grasp = (event) => {
    held = true;
    input.setPointerCapture(event.pointerId); // it may be let go of outside the frame that we stand in
  };
  const release = () => {
    if (!held) return;
    held = false;
    seek();
  };
  input.addEventListener("input", () => {
    wanted = value();
    seek(); // first: what nobody asks for is not wanted any more
    show();
  });
  input.addEventListener("pointerdown", grasp);
  input.addEventListener("pointermove", ({ buttons }) => buttons || release()); // it was, and we were not told
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "change"]) input.addEventListener(name, release);
  run.addEventListener("told", show);
  run.addEventListener("over", show);
  show();
  return () => {
    run.removeEventListener("told", show);
    run.removeEventListener("over", show);
  };
}

const said = ([step, text]) => `Step ${count(step)}: ${text || "a setting was changed"}`;
