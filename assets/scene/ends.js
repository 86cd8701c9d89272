// The names of compared runs, each at the end of its curves.

const version = new URL(import.meta.url).search;
const { fitted } = await import(`./marks.js${version}`);

const GAP = 6; // between the end of a curve and its name
const WIDEST = 0.45; // of the chart

// `curves` are {called, colour, x, y}, the end of each in pixels; `covers` says whether (left, top, width, height) lies
// over a curve.  A name that finds no room between those before it is left out: the legend has it, and the tooltip.
export function writeEnds(context, box, curves, theme, type, covers) {
  const height = type.size * 1.25, taken = [];
  const measure = (text) => context.measureText(text).width;
  context.font = type.font(600);
  context.textAlign = "left";
  context.textBaseline = "top";
  context.lineWidth = 4;
  context.strokeStyle = theme.background;
  for (const { called, colour, x, y } of curves) {
    const text = fitted(called, box.w * WIDEST, measure), width = measure(text);
    const place = room(box, { x, y }, width, height, taken, covers);
    if (!place) continue;
    taken.push({ ...place, width, height });
    context.strokeText(text, place.left, place.top);
    context.fillStyle = theme.colour(colour);
    context.fillText(text, place.left, place.top);
  }
}

// Right of the end, above it or below it; rather where no curve is, and never over another name or outside.
function room(box, { x, y }, width, height, taken, covers) {
  const left = Math.min(x - width, box.x + box.w - width);
  const places = [[x + GAP, y - height / 2], [left, y - height - GAP], [left, y + GAP], [left, y - 2 * height - GAP], [left, y + height + GAP]];
  const free = places
    .map(([left, top]) => ({ left, top }))
    .filter(({ left, top }) => left >= box.x && left + width <= box.x + box.w && top >= box.y && top + height <= box.y + box.h)
    .filter(({ left, top }) => !taken.some((each) => left < each.left + each.width + GAP && each.left < left + width + GAP && top < each.top + each.height && each.top < top + height));
  return free.find(({ left, top }) => !covers(left, top, width, height)) ?? free[0];
}
