// Vertical rules of a chart, {x, text, colour, solid}, x in pixels, and the words beside them.

const version = new URL(import.meta.url).search;
const { fitted, halo, line } = await import(`./marks.js${version}`);

const DASH = [4, 4];
const GAP = 6; // between a rule and its words

export function drawRule(context, box, { x, colour, solid }, theme) {
  context.beginPath();
  line(context, x, box.y, x, box.y + box.h);
  context.setLineDash(solid ? [] : DASH);
  halo(context, theme, 1.5, theme.colour(colour));
  context.setLineDash([]);
}

// The words of all rules, each beside its own and none over another's; `covers` says whether (left, top, width,
// height) lies over what is drawn.
export function writeRules(context, box, rules, theme, type, covers) {
  context.textAlign = "left";
  context.textBaseline = "top";
  context.strokeStyle = theme.background;
  context.lineWidth = 4;
  const measure = (rule, text) => {
    context.font = type.font(rule.solid ? 600 : 400);
    return context.measureText(text).width;
  };
  for (const { rule, text, left, top } of arranged(box, rules, type.size * 1.3, measure, covers)) {
    context.font = type.font(rule.solid ? 600 : 400);
    context.strokeText(text, left, top);
    context.fillStyle = rule.solid ? theme.colour(rule.colour) : theme.text;
    context.fillText(text, left, top);
  }
}

// Where words go: in the highest row with room, on the right of their rule rather than on its left, and if it can be
// neither across another rule nor over a curve.  What is wider than the chart ends in "…"; what finds no room at all is
// left out.
export function arranged(box, rules, height, measure, covers = () => false) {
  const rows = Math.max(1, Math.floor((box.h - 4) / height)), taken = [];
  const [start, end] = [box.x, box.x + box.w], topOf = (row) => box.y + 4 + row * height;
  for (const rule of rules) {
    const widest = Math.max(end - rule.x, rule.x - start) - GAP;
    const text = fitted(rule.text, widest, (words) => measure(rule, words));
    const width = measure(rule, text);
    const sides = [rule.x + GAP, rule.x - GAP - width].filter((left) => left >= start && left + width <= end);
    const free = [];
    for (let row = 0; row < rows; row++) {
      for (const left of sides) {
        const over = (from, to) => from < left + width + GAP && to > left - GAP;
        if (taken.some((each) => each.row === row && over(each.left, each.left + each.width))) continue;
        const crosses = rules.some((other) => other.x !== rule.x && over(other.x, other.x));
        free.push({ left, row, cost: 2 * crosses + covers(left, topOf(row), width, height) });
      }
    }
    const least = Math.min(...free.map(({ cost }) => cost)), found = free.find(({ cost }) => cost === least);
    if (found) taken.push({ rule, text, width, left: found.left, row: found.row });
  }
  return taken.map((each) => ({ ...each, top: topOf(each.row) }));
}
