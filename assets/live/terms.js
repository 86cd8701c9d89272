// The glossary: whoever points at one of its terms, anywhere on a page, reads one sentence about it.
//
// In running text the first of each is underlined.  That is done by highlights, not by elements: the text is Streamlit's.

const version = new URL(import.meta.url).search;
const { element, prose, write } = await import(`./element.js${version}`);

const PROSE = "p, li, td, h1, h2, h3, h4, h5";
const NOT = "a, button, label, summary, em, code, pre, input, textarea, select, [role='radio'], [role='tooltip'], .katex";
const SOON = 300; // milliseconds after the page has changed until terms are looked for
const RESTS = 120; // and for which the pointer has to stay
const STYLE = `::highlight(term) { text-decoration: underline dotted 1px; text-underline-offset: 0.2em; }
.glossary { position: fixed; z-index: 1000001; box-sizing: border-box; max-width: min(22rem, calc(100vw - 16px)); padding: 0.6rem 0.8rem;
  border: 1px solid color-mix(in srgb, currentColor 30%, transparent); border-radius: 0.6rem; box-shadow: 0 4px 18px rgb(0 0 0 / 18%);
  font-size: 0.95rem; line-height: 1.45; }
.glossary[hidden] { display: none; }
.glossary strong { display: block; }`;

let begun = false;

// Streamlit calls this; the glossary is the page's, however often it is mounted.
export function mount() {
  if (!begun) begin();
  begun = true;
}

async function begin() {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  document.adoptedStyleSheets.push(sheet);
  const told = await (await fetch(new URL(`../glossary.json${version}`, import.meta.url))).json();
  new Glossary(told, sheet);
}

class Glossary {
  constructor(told, sheet) {
    this.sheet = sheet;
    this.terms = new Map(); // each way to write a term -> [the term, what it means]
    for (const [term, { says, also = [] }] of Object.entries(told))
      for (const name of [term, ...also]) this.terms.set(name.toLowerCase(), [term, says]);
    const names = [...this.terms.keys()].sort((a, b) => b.length - a.length).map((name) => name.replaceAll(" ", "\\s+"));
    this.any = new RegExp(`(?<![\\p{L}\\p{N}-])(?:${names.join("|")})(?![\\p{L}\\p{N}-])`, "giu");
    this.box = document.body.appendChild(element("div", "glossary"));
    this.box.setAttribute("role", "tooltip");
    this.box.hidden = true;
    this.title = this.box.appendChild(element("strong"));
    this.sentence = this.box.appendChild(element("span"));
    // An event knows the way that it has come only while it is told of.
    const place = (event) => [event.clientX, event.clientY, event.composedPath().filter((each) => each instanceof ShadowRoot)];
    document.addEventListener("pointermove", (event) => {
      clearTimeout(this.waits);
      if (event.pointerType !== "touch") this.waits = setTimeout((...at) => this.point(...at), RESTS, ...place(event));
    }, { passive: true });
    document.addEventListener("click", (event) => this.point(...place(event)));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.hide());
    document.addEventListener("scroll", () => this.hide(), { passive: true, capture: true });
    if (!CSS.highlights) return; // an older browser underlines nothing, and tells all the same
    const later = () => (this.due ??= setTimeout(() => this.underline(), SOON));
    new MutationObserver(later).observe(document.body, { childList: true, characterData: true, subtree: true });
    prose.addEventListener("told", later);
    this.underline();
  }

  // [from, to, as it is written] of every term in a text.
  find(text) {
    return [...text.matchAll(this.any)].map((found) => [found.index, found.index + found[0].length, found[0].toLowerCase().replace(/\s+/g, " ")]);
  }

  underline() {
    this.due = undefined;
    const ranges = [];
    for (const block of prose.blocks) this.dress(block.getRootNode());
    for (const block of [...document.querySelectorAll(PROSE), ...prose.blocks]) {
      if (block.closest(NOT) || block.parentElement?.closest(PROSE)) continue; // what stands in another is read with it
      const seen = new Set(), walk = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        if (node.parentElement.closest(NOT)) continue;
        for (const [from, to, name] of this.find(node.data)) {
          const [term] = this.terms.get(name);
          if (seen.has(term)) continue;
          seen.add(term);
          const range = new Range();
          range.setStart(node, from);
          range.setEnd(node, to);
          ranges.push(range);
        }
      }
    }
    CSS.highlights.set("term", new Highlight(...ranges));
  }

  // A shadow has style sheets of its own.
  dress(root) {
    if (root instanceof ShadowRoot && !root.adoptedStyleSheets.includes(this.sheet)) root.adoptedStyleSheets.push(this.sheet);
  }

  // Tell of the term at a place of the window, if there is one.
  point(x, y, shadowRoots) {
    const place = document.caretPositionFromPoint?.(x, y, { shadowRoots }), old = place ? null : document.caretRangeFromPoint?.(x, y);
    const node = place ? place.offsetNode : old?.startContainer, offset = place ? place.offset : old?.startOffset;
    if (node?.nodeType !== Node.TEXT_NODE || node.parentElement?.closest(NOT)) return this.hide();
    for (const [from, to, name] of this.find(node.data)) {
      if (offset < from || offset > to) continue;
      const range = new Range();
      range.setStart(node, from);
      range.setEnd(node, to);
      const there = [...range.getClientRects()].find((box) => x >= box.left - 2 && x <= box.right + 2 && y >= box.top - 2 && y <= box.bottom + 2);
      if (there) return this.show(this.terms.get(name), there, node.parentElement);
    }
    this.hide();
  }

  show([term, says], { left, top, bottom }, beside) {
    const { color, fontFamily } = getComputedStyle(beside);
    Object.assign(this.box.style, { color, fontFamily, background: ground(beside) });
    write(this.title, term);
    write(this.sentence, says);
    this.box.hidden = false;
    const { offsetWidth: w, offsetHeight: h } = this.box;
    this.box.style.left = `${Math.max(8, Math.min(left, innerWidth - w - 8))}px`;
    this.box.style.top = `${bottom + 6 + h < innerHeight ? bottom + 6 : Math.max(8, top - h - 6)}px`;
  }

  hide() {
    this.box.hidden = true;
  }
}

// The colour that an element stands on.
function ground(node) {
  for (let each = node; each; each = each.parentElement ?? each.getRootNode().host) {
    const { backgroundColor } = getComputedStyle(each);
    if (!/, 0\)$|^transparent$/.test(backgroundColor)) return backgroundColor;
  }
  return "Canvas";
}
