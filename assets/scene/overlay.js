// What floats above the panels: the tooltip, and the box that asks for a number.

const version = new URL(import.meta.url).search;
const { element } = await import(`./panel.js${version}`);
const { format } = await import(`./theme.js${version}`);

const PICTURE = 168; // CSS pixels of an enlarged heatmap

export class Tooltip {
  constructor(root, theme) {
    this.root = root;
    this.theme = theme;
    this.box = root.appendChild(element("div", "tooltip"));
    this.box.hidden = true;
    this.picture = this.box.appendChild(element("canvas"));
    this.title = this.box.appendChild(element("strong"));
    this.rows = this.box.appendChild(element("dl"));
  }

  // `said` is {title, rows, signs, picture, discrete} or null; `signs` {colour, hollow} stand before the rows; x and y are in the canvas.
  show(said, canvas, x, y) {
    this.box.hidden = !said || Boolean(this.root.querySelector("form.ask"));
    if (this.box.hidden) return;
    this.title.textContent = said.title;
    this.title.hidden = !said.title;
    while (this.rows.children.length > said.rows.length * 2) this.rows.lastChild.remove();
    while (this.rows.children.length < said.rows.length * 2) this.rows.append(element("dt"), element("dd"));
    said.rows.flat().forEach((text, i) => (this.rows.children[i].textContent = text));
    this.rows.classList.toggle("coloured", Boolean(said.signs));
    said.signs?.forEach(({ colour, hollow }, i) => {
      const name = this.rows.children[2 * i];
      name.style.setProperty("--colour", this.theme.colour(colour));
      name.classList.toggle("hollow", hollow);
    });
    this.picture.hidden = !said.picture;
    if (said.picture) this.draw(said);
    this.place(canvas, x, y);
  }

  draw({ picture, discrete }) {
    const size = PICTURE * (window.devicePixelRatio || 1);
    if (this.picture.width !== size) this.picture.width = this.picture.height = size;
    const context = this.picture.getContext("2d");
    context.clearRect(0, 0, size, size);
    context.imageSmoothingEnabled = !discrete;
    picture(context, size, this.theme);
  }

  place(canvas, x, y) {
    const root = inside(this.root, this.root), area = inside(canvas, this.root);
    const px = area.left + x, py = area.top + y;
    const { offsetWidth: w, offsetHeight: h } = this.box;
    const left = px + 16 + w < root.width ? px + 16 : Math.max(2, px - 16 - w);
    // Below the panel where it would hide what it tells of: on a phone it fits on neither side.
    const below = this.rows.classList.contains("coloured") && px + 16 + w >= root.width && px - 16 - w < 0;
    const top = below ? area.bottom + 4 : Math.max(2, Math.min(py + 16, root.height - h - 2));
    this.box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }
}

// Where `element` lies in `root`, in pixels of `root`, which may be zoomed.
function inside(element, root) {
  const outer = root.getBoundingClientRect(), area = element.getBoundingClientRect(), zoom = root.currentCSSZoom ?? 1;
  return { left: (area.left - outer.left) / zoom, top: (area.top - outer.top) / zoom, bottom: (area.bottom - outer.top) / zoom, width: area.width / zoom, height: area.height / zoom };
}

// Ask for a number at a place.  Enter answers, Escape or clicking elsewhere does not.
export function askNumber(root, { label, value, canvas, at, answer }) {
  root.querySelector("form.ask")?.remove();
  root.querySelector(".tooltip").hidden = true;
  const form = root.appendChild(element("form", "ask"));
  const name = form.appendChild(element("label"));
  const input = element("input");
  name.append(`New weight, ${label}`, input);
  Object.assign(input, { type: "text", inputMode: "decimal", value: format(value).replace("−", "-"), autocomplete: "off" });
  const outer = inside(root, root), area = inside(canvas, root);
  form.style.left = `${Math.max(4, Math.min(area.left + at.x - 90, outer.width - 200))}px`;
  form.style.top = `${Math.max(4, Math.min(area.top + at.y + 14, outer.height - 80))}px`;
  const close = () => form.isConnected && form.remove();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const number = Number(input.value.trim().replace(",", ".").replace("−", "-"));
    if (input.value.trim() === "" || !Number.isFinite(number)) {
      input.setCustomValidity("Give a number, such as -0.5.");
      input.reportValidity();
      return;
    }
    close();
    answer(number);
  });
  input.addEventListener("input", () => input.setCustomValidity(""));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page has keys of its own
    if (event.key === "Escape") close();
  });
  input.addEventListener("blur", () => setTimeout(close));
  input.focus({ preventScroll: true });
  input.select();
}
