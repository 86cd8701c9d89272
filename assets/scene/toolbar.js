// Buttons that are one stop of the Tab key together: the arrows go from one to the next (WAI-ARIA's pattern "toolbar").

const WAYS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

// To be called once; afterwards `settle` each time when buttons have come, gone or been hidden.
export function toolbar(root, label) {
  root.setAttribute("role", "toolbar");
  root.ariaLabel = label;
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const all = seen(root), at = all.indexOf(event.target);
    const to = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : event.key in WAYS ? at + WAYS[event.key] : -1;
    if (at < 0 || !(event.key in WAYS || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    event.stopPropagation(); // Home is also a key of the player
    all[(to + all.length) % all.length].focus();
  });
  root.addEventListener("focusin", ({ target }) => settle(root, target));
}

// Tab comes to `stop`, or to the one where it came before, or to the first that is seen.
export function settle(root, stop) {
  const all = seen(root);
  const kept = stop ?? all.find((button) => button.tabIndex === 0) ?? all[0];
  for (const button of buttons(root)) button.tabIndex = button === kept ? 0 : -1;
}

const buttons = (root) => [...root.children].filter((child) => child.localName === "button"); // a number may stand between
const seen = (root) => buttons(root).filter((button) => !button.hidden);
