// On a phone Streamlit's menu lies over the page, and stays open when a page has been chosen in it (1.67): it is closed.

const NARROW = 768; // pixels of a window up to which the menu lies over the page

let begun = false;

// Streamlit calls this; the menu is the page's, however often it is mounted.
export function mount() {
  if (begun) return;
  begun = true;
  document.addEventListener("click", ({ target }) => {
    const menu = target.closest?.("nav a") && target.closest("section[id]");
    if (!menu || innerWidth > NARROW) return;
    // Its own button, as it tells whoever cannot see it; after the page was chosen.
    setTimeout(() => document.querySelector(`button[aria-controls="${menu.id}"][aria-expanded=true]`)?.click());
  });
}
