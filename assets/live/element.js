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

export const count = (number) => number.toLocaleString("en");
