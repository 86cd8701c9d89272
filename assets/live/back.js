// The browser's Back and Forward on a lab's page.

// Calls `tell` when they have led to another moment of this page.  Returns what ends it.
export function back(tell) {
  const here = location.pathname;
  const heard = (event) => {
    // By the address without a run one came, and the page put its own above it: who goes back to it wants to leave, and
    // the page would only write its own once more.
    if (location.pathname === here && !new URLSearchParams(location.search).has("run")) {
      event.stopImmediatePropagation(); // Streamlit need not hear of it
      history.back();
    } else setTimeout(tell); // Streamlit hears of the same event, and must have taken the address over before
  };
  addEventListener("popstate", heard, { capture: true });
  return () => removeEventListener("popstate", heard, { capture: true });
}
