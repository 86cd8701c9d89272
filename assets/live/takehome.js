// A run as one page: asks the server to record it, says how far that is, and saves the file.  See ui/takehome.py.
//
// A recording goes on while its place on the page goes and comes: it belongs to the run, until it is there or cancelled.

const version = new URL(import.meta.url).search;
const { count, element, write } = await import(`./element.js${version}`);

const STYLE = `
.takehome { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 12px; font: 0.875rem var(--st-font); color: var(--st-text-color); }
button { min-height: 2.5rem; padding: 0.25rem 0.75rem; border: 1px solid var(--st-border-color); border-radius: 0.5rem;
  background: var(--st-background-color); color: inherit; font: inherit; cursor: pointer; }
button:hover:enabled { border-color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
[hidden] { display: none; }
progress { flex: 1 1 8rem; height: 10px; accent-color: var(--st-primary-color); }
p { flex: 1 1 100%; margin: 0; }
p:empty { display: none; }
@media (pointer: coarse) { button { min-height: 44px; } }`;
const takings = new Map(); // by run
const places = new WeakMap(); // by the element that Streamlit gives

// Streamlit calls this at every change of data.
export function mount({ data, parentElement }) {
  const root = parentElement.querySelector(".live"), { run } = data;
  if (places.get(parentElement)?.run !== run) {
    places.get(parentElement)?.leave();
    if (!takings.has(run)) takings.set(run, new Taking(run));
    places.set(parentElement, show(root, takings.get(run)));
  }
  return () => {
    if (parentElement.isConnected || parentElement.host?.isConnected) return;
    places.get(parentElement)?.leave();
    places.delete(parentElement);
  };
}

// The file of one run, asked for once at a time.  Says "changed" when `done`, `of`, `said` or `busy` are others.
class Taking extends EventTarget {
  constructor(run) {
    super();
    Object.assign(this, { run, busy: false, done: 0, of: 0, said: "" });
  }

  tell(told) {
    Object.assign(this, told);
    this.dispatchEvent(new Event("changed"));
  }

  async begin() {
    this.ended = new AbortController();
    this.tell({ busy: true, done: 0, of: 0, said: "Asking for a place …" });
    try {
      const answer = await fetch(new URL(`takehome/${this.run}`, document.baseURI), { method: "POST", signal: this.ended.signal });
      if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).message ?? `The playground could not do it (${answer.status}).`);
      await this.follow(answer.body.getReader());
    } catch (error) {
      this.tell({ busy: false, said: this.ended.signal.aborted ? "Cancelled." : error instanceof TypeError ? "The connection was lost. Please try again." : error.message });
    }
  }

  // Lines that say how far it is, and after the last one the file.
  async follow(reader) {
    let before = new Uint8Array();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new TypeError();
      const bytes = new Uint8Array([...before, ...value]);
      let from = 0;
      for (let end; (end = bytes.indexOf(10, from)) >= 0; from = end + 1) {
        const told = JSON.parse(new TextDecoder().decode(bytes.subarray(from, end)));
        if (told.refused) throw new Error(told.refused);
        if (told.name) return this.receive(reader, bytes.slice(end + 1), told);
        this.tell(told);
      }
      before = bytes.subarray(from);
    }
  }

  async receive(reader, first, { name, size, moments, last_step }) {
    const parts = [first];
    for (let there = first.length; there < size; ) {
      const { done, value } = await reader.read();
      if (done) throw new TypeError();
      parts.push(value);
      there += value.length;
      this.tell({ done: there, of: size, said: "Fetching the page …" });
    }
    const address = URL.createObjectURL(new Blob(parts, { type: "text/html" }));
    Object.assign(document.createElement("a"), { download: name, href: address }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    const of = moments === last_step + 1 ? "every step" : `${count(moments)} moments of ${count(last_step)} steps`;
    this.tell({ busy: false, said: `${name} is saved: ${of}, ${(size / 1e6).toFixed(1)} MB. It opens in any browser, without a network.` });
  }

  cancel() {
    this.ended.abort();
  }
}

function show(root, taking) {
  root.className = "live takehome";
  const style = Object.assign(element("style"), { textContent: STYLE });
  const ask = element("button", "", "Save as one page"), bar = element("progress"), cancel = element("button", "", "Cancel"), said = element("p");
  for (const button of [ask, cancel]) button.type = "button";
  ask.title = "One HTML file that plays, can be dragged through and zoomed, without this server";
  bar.ariaLabel = "How much of the run is recorded";
  said.ariaLive = "polite";
  root.replaceChildren(style, ask, bar, cancel, said);
  const draw = () => {
    ask.hidden = taking.busy;
    bar.hidden = cancel.hidden = !taking.busy;
    if (taking.of) Object.assign(bar, { max: taking.of, value: taking.done });
    else bar.removeAttribute("value");
    write(said, taking.said || (taking.busy && taking.of ? `${count(taking.done)} of ${count(taking.of)} moments` : ""));
  };
  ask.addEventListener("click", () => taking.begin());
  cancel.addEventListener("click", () => taking.cancel());
  taking.addEventListener("changed", draw);
  draw();
  return { run: taking.run, leave: () => taking.removeEventListener("changed", draw) };
}
