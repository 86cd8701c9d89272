// A piece of a page: its name, its class, and what is written in it.

export function element(name, kind = "", text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  return made;
}

// Written only where it differs: what stays is not read out again.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Running text that stands in a shadow, where the glossary does not find it by itself; it tells whenever that changes.
export const prose = Object.assign(new EventTarget(), { blocks: new Set() });

export const count = (number) => number.toLocaleString("en");

// For `onwheel` of a row that scrolls sideways: a mouse has no other way to what is out of sight.
export function sideways(event) {
  const row = event.currentTarget, before = row.scrollLeft;
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.ctrlKey || event.metaKey) return;
  row.scrollLeft += event.deltaY;
  if (row.scrollLeft !== before) event.preventDefault();
}
