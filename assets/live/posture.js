// What a page does in a lecture hall and on a phone without asking the server: a bar that comes when it is wanted, a sheet
// of knobs, a blank screen, a pointer that can be seen from the last row.

const version = new URL(import.meta.url).search;
const [{ element }, { TYPES }] = await Promise.all(["element", "transport"].map((name) => import(`./${name}.js${version}`)));

const AWAKE = 2500; // milliseconds after the last move of the pointer until the bar goes
const page = document.documentElement;
let begun = false;

// To be called whenever a page is there; the first time it begins to listen.
export function posture() {
  if (begun) return;
  begun = true;
  const ring = document.body.appendChild(element("div", "pointer-ring"));
  ring.ariaHidden = "true";
  let timer;
  const wake = () => {
    clearTimeout(timer);
    page.classList.add("awake");
    timer = setTimeout(() => page.classList.remove("awake"), AWAKE);
  };
  addEventListener("pointermove", ({ clientX, clientY, pointerType }) => {
    wake();
    page.classList.remove("tabbed");
    ring.hidden = pointerType !== "mouse";
    ring.style.transform = `translate(${clientX}px, ${clientY}px)`;
  });
  addEventListener("pointerdown", ({ pointerType }) => pointerType !== "mouse" && wake());
  addEventListener("focusin", wake);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "Tab") page.classList.add("tabbed"); // who goes by keys sees the bar for as long as they are in it
    const at = event.composedPath()[0];
    if (page.classList.contains("blank")) {
      page.classList.remove("blank"); // any key brings the picture back, and does nothing else
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    if (at.closest?.(TYPES) || event.defaultPrevented) return;
    const act = KEYS[event.key.toLowerCase()];
    if (act?.()) event.preventDefault();
  }, true);
}

const lecture = () => getComputedStyle(page).getPropertyValue("--lecture").trim() === "1"; // see lecture.css
const press = (selector) => {
  const button = document.querySelector(selector);
  button?.click();
  return Boolean(button);
};

// Each returns whether it did something: in the view for a lecture hall alone.
const KEYS = {
  ".": () => lecture() && (page.classList.add("blank"), true),
  k: () => lecture() && sheet(),
  escape: () => lecture() && (page.classList.contains("sheet") ? sheet() : press(".st-key-present button")),
  pagedown: () => lecture() && press("[class*='-onward'] .stButton:last-of-type button, [class*='-onward'] a"),
};

// The knobs: over the lower third of a phone, at the side in a lecture hall.
export function sheet() {
  page.classList.toggle("sheet");
  return true;
}
