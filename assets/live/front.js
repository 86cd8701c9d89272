// What of the stage is in front: the hero's row fits the window, and the other rows are tabs below it.

const version = new URL(import.meta.url).search;
const [{ ALL, arranged }, { element, sideways, write: say }, { read, write }] = await Promise.all(
  ["layout", "element", "kept"].map((name) => import(`./${name}.js${version}`)),
);

const STRIP = 44, EDGE = 14; // pixels of the tabs, and below what is to be seen
const TALL = matchMedia("(max-width: 640px) and (min-height: 481px)"); // a phone: pictures are as high as they like
const LOW = matchMedia("(max-height: 480px)"); // a phone that lies on its side
const KEPT = "playground.tabs"; // in the tab's own storage: which are open, by the place in the address

export class Front {
  constructor(changed) {
    Object.assign(this, { strips: new WeakMap(), measured: new WeakMap(), hero: "", alone: false, told: [] });
    this.changed = () => {
      this.measured = new WeakMap();
      changed();
    };
    const open = read("sessionStorage", KEPT, {})[location.pathname];
    this.open = new Set(Array.isArray(open) ? open : []);
    const sized = () => {
      cancelAnimationFrame(this.due);
      this.due = requestAnimationFrame(this.changed);
    };
    addEventListener("resize", sized);
    // What stands above the stage grows and shrinks, and the picture makes room.
    const above = document.querySelector(".st-key-above");
    this.watch = new ResizeObserver(sized);
    if (above) this.watch.observe(above);
    this.close = () => {
      removeEventListener("resize", sized);
      this.watch.disconnect();
    };
  }

  // `told` are the panels that a lesson speaks of now: their tabs open.
  show({ hero, alone, told = [] }) {
    for (const key of told) if (key !== hero && !this.told.includes(key)) this.open.add(key);
    const same = this.hero === hero && this.alone === alone && `${this.told}` === `${told}`;
    Object.assign(this, { hero, alone, told });
    if (!same) this.changed();
  }

  arrange(header, place) {
    for (const key of this.told) this.unfold(header, key);
    const { width, room } = this.size(place);
    const { tabs, ...seen } = arranged(header, { ...this, width, room, window: innerHeight / (place.currentCSSZoom ?? 1) });
    return { ...seen, room: room + STRIP, fitted: !TALL.matches, between: this.strip(place, tabs) };
  }

  // A tab goes by the first panel of its row.
  unfold({ rows }, key) {
    const row = rows.find((each) => each.some((panel) => panel.key === key));
    if (row && this.open.delete(key)) this.open.add(row.some((panel) => panel.key === this.hero) ? key : row[0].key);
  }

  // What a place has; measured when something has changed, and not at every picture.
  size(place) {
    if (!this.measured.has(place) && place.clientWidth) this.measured.set(place, { width: place.clientWidth, room: this.room(place) });
    return this.measured.get(place) ?? { width: 800, room: 0 };
  }

  // Pixels of the window below where the picture begins, when nothing is scrolled.
  room(place) {
    let scrolled = 0;
    for (let each = document.querySelector(".st-key-above"); each; each = each.parentElement) scrolled += each.scrollTop;
    const zoom = place.currentCSSZoom ?? 1;
    const steered = document.querySelector(".st-key-steered")?.parentElement;
    const bar = zoom === 1 && steered && getComputedStyle(steered).position === "fixed" ? steered.offsetHeight : 0;
    if (LOW.matches) return innerHeight - bar - EDGE; // it fills the window when it is scrolled to
    return (innerHeight - place.getBoundingClientRect().top - scrolled - bar - EDGE) / zoom - (zoom > 1 ? 0 : STRIP);
  }

  strip(place, tabs) {
    if (!this.strips.has(place)) {
      const made = element("div", "tabs");
      made.setAttribute("role", "group");
      made.ariaLabel = "More pictures";
      made.onwheel = sideways;
      this.strips.set(place, made);
    }
    const strip = this.strips.get(place), all = tabs.length > 1 ? [...tabs, [ALL, "All", this.open.has(ALL)]] : tabs;
    const keys = all.map(([key]) => key);
    if (strip.dataset.keys !== `${keys}`) {
      strip.dataset.keys = keys;
      const held = [...strip.children].indexOf(strip.getRootNode().activeElement);
      strip.replaceChildren(...keys.map((key) => this.tab(key, keys)));
      strip.children[held]?.focus();
    }
    // A title may have numbers in it that run: the button stays, so that no press is lost.
    all.forEach(([, title, open], k) => {
      say(strip.children[k], title);
      strip.children[k].ariaExpanded = String(open);
    });
    strip.hidden = !tabs.length;
    return strip;
  }

  tab(key, keys) {
    const button = element("button", "tab");
    button.type = "button";
    button.addEventListener("click", () => this.toggle(key, keys));
    return button;
  }

  toggle(key, keys) {
    if (key !== ALL && this.open.delete(ALL)) this.open = new Set(keys.filter((each) => each !== ALL)); // all but this one
    if (!this.open.delete(key)) this.open.add(key);
    else if (key === ALL) this.open.clear();
    write("sessionStorage", KEPT, { ...read("sessionStorage", KEPT, {}), [location.pathname]: [...this.open] });
    this.changed();
  }
}
