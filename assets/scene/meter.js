// Shares that can be read from the last row: a large number, a bar, and what it is a share of.  They stand beside the
// picture, or above it where it is narrow.

const element = (name, className = "") => Object.assign(document.createElement(name), { className });
const percent = (share) => (Number.isFinite(share) ? `${share < 1 ? Math.min(99, Math.round(100 * share)) : 100} %` : "–");

export class Meters {
  constructor(panel) {
    this.place = element("div", "meters");
    panel.body.before(this.place);
    this.made = [];
  }

  // `meters` are [{label, share, colour}, …]; not all of a share is never written as 100 %.
  update(meters, theme) {
    if (meters.length !== this.made.length) this.make(meters.length);
    this.place.hidden = !meters.length;
    meters.forEach(({ label, share, colour }, k) => {
      const { number, fill, words } = this.made[k];
      if (number.textContent !== percent(share)) number.textContent = percent(share);
      if (words.textContent !== label) words.textContent = label;
      fill.style.width = `${100 * (share || 0)}%`;
      fill.style.background = theme.colour(colour);
    });
  }

  make(count) {
    this.made = Array.from({ length: count }, () => {
      const root = element("p"), number = element("strong"), bar = element("span", "bar"), words = element("span");
      const fill = bar.appendChild(element("i"));
      root.append(number, bar, words);
      return { root, number, fill, words };
    });
    this.place.replaceChildren(...this.made.map(({ root }) => root));
  }
}
