// How each kind of layer is drawn on a plane: points, path, arrows, lines, text.

const version = new URL(import.meta.url).search;
const { css, STEPS } = await import(`./theme.js${version}`);
const { drawMarker, fitted, halo, line } = await import(`./marks.js${version}`);

const TALL = 1.7; // rows of a chart that a letter may be high
const MOST = 0.5; // of the width of a plane, for one of several names on it

export const DRAW = {
  points(context, layer, plane, theme) {
    const { data } = plane.arrays[layer.xy];
    const group = plane.arrays[layer.group].data;
    const values = layer.values === null ? null : plane.arrays[layer.values].data;
    const lut = values && theme.lut(layer.palette);
    const buckets = new Map(); // colour -> indices, so that each colour is one path
    for (let i = 0; i < group.length; i++) {
      let key = group[i];
      if (values) key = Math.max(0, Math.min(STEPS, Math.round((STEPS * (values[i] - layer.low)) / (layer.high - layer.low)))) & ~7;
      if (!buckets.has(key)) buckets.set(key, []);
      buckets.get(key).push(i);
    }
    const plain = layer.faint || group.length > 1500;
    context.globalAlpha = layer.faint ? 0.4 : 1;
    for (const [key, indices] of buckets) {
      const colour = values ? css(lut[key]) : groupColour(layer, key, theme);
      drawMarker(context, layer.shape, layer.size, indices, (i) => plane.X(data[2 * i]), (i) => plane.Y(data[2 * i + 1]), colour, plain ? null : theme);
    }
    context.globalAlpha = 1;
  },

  path(context, layer, plane, theme) {
    const { data } = plane.arrays[layer.xy];
    polyline(context, data, 0, data.length / 2, plane, true);
    context.lineJoin = "round";
    context.lineCap = layer.dash ? "butt" : "round";
    context.setLineDash(layer.dash ?? []);
    halo(context, theme, layer.width, theme.colour(layer.colour));
    context.setLineDash([]);
  },

  band(context, layer, plane, theme) {
    const { data } = plane.arrays[layer.xy]; // x, low, high
    const edge = (i, side) => context.lineTo(plane.X(data[i]), Math.max(-1e5, Math.min(1e5, plane.Y(data[i + side]))));
    context.beginPath();
    for (let i = 0; i < data.length; i += 3) edge(i, 1);
    for (let i = data.length - 3; i >= 0; i -= 3) edge(i, 2);
    context.fillStyle = theme.colour(layer.colour);
    context.globalAlpha = 0.2;
    context.fill();
    context.globalAlpha = 1;
  },

  arrows(context, layer, plane, theme) {
    const start = plane.arrays[layer.xy].data, vector = plane.arrays[layer.uv].data;
    context.beginPath();
    for (let i = 0; i < start.length; i += 2) {
      const x0 = plane.X(start[i]), y0 = plane.Y(start[i + 1]);
      const x1 = plane.X(start[i] + vector[i]), y1 = plane.Y(start[i + 1] + vector[i + 1]);
      const length = Math.hypot(x1 - x0, y1 - y0);
      if (!(length > 1.5 && length < 1e5)) continue;
      const head = Math.min(4 + layer.width * 2.2, length * 0.6) / length;
      const bx = (x1 - x0) * head, by = (y1 - y0) * head;
      line(context, x0, y0, x1, y1);
      context.moveTo(x1 - bx - by * 0.55, y1 - by + bx * 0.55);
      context.lineTo(x1, y1);
      context.lineTo(x1 - bx + by * 0.55, y1 - by - bx * 0.55);
    }
    context.lineJoin = context.lineCap = "round";
    if (start.length > 200) {
      context.strokeStyle = theme.colour(layer.colour);
      context.lineWidth = layer.width;
      context.stroke();
    } else halo(context, theme, layer.width, theme.colour(layer.colour));
  },

  lines(context, layer, plane, theme) {
    const { data } = plane.arrays[layer.xy];
    context.beginPath();
    let from = 0;
    for (const end of layer.ends) {
      polyline(context, data, from, end, plane, false);
      from = end;
    }
    context.strokeStyle = theme.colour(layer.colour);
    context.lineWidth = layer.width;
    context.lineJoin = "round";
    context.stroke();
  },

  // A text below or above a chart, a letter at each of its steps.
  letters(context, layer, plane, theme) {
    const { data } = plane.arrays[layer.xy], between = data.length > 2 ? Math.abs(plane.X(data[2]) - plane.X(data[0])) : Infinity;
    const rows = plane.spec.y_names.length ? TALL * Math.abs(plane.Y(1) - plane.Y(0)) : Infinity; // and other rows lie near
    context.font = theme.fontOf(Math.min(18, Math.min(1.5 * between, rows) / theme.size(1)), 600);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = theme.colour(layer.colour);
    layer.letters.forEach((letter, i) => {
      const x = plane.X(data[2 * i]), y = plane.Y(data[2 * i + 1]);
      if (plane.inside(x, y)) context.fillText(letter, x, y);
    });
  },

  text(context, layer, plane, theme) {
    const x = plane.X(layer.x), y = plane.Y(layer.y);
    const colour = theme.colour(layer.colour);
    if (layer.mark) drawMarker(context, "cross", 6, [0], () => x, () => y, colour, theme);
    context.font = theme.fontOf(plane.type, 600);
    const measure = (words) => context.measureText(words).width;
    const text = fitted(layer.text, plane.box.w - 8, measure);
    if (plane.type < 14 && names(layer) && measure(text) > MOST * plane.box.w && several(plane)) return; // it would hide what it names
    const place = placed(plane, measure(text), theme.size(plane.type), x, y, layer);
    if (!place) return; // there is no room for it
    const [left, middle] = place;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.strokeStyle = theme.background;
    context.lineWidth = 4;
    context.strokeText(text, left, middle);
    context.fillStyle = colour;
    context.fillText(text, left, middle);
  },
};

const names = ({ kind, centred, before }) => kind === "text" && centred && !before;
const several = (plane) => plane.spec.layers.filter(names).length > 2;

// Heights of level lines across the plane that are drawn at these x: words may be struck through by none.
function levels(plane, left, width) {
  return plane.spec.layers.flatMap((layer) => {
    if (layer.kind !== "path" || !plane.shows(layer)) return [];
    const { data } = plane.arrays[layer.xy];
    if (data.length !== 4 || data[1] !== data[3]) return [];
    const [from, to] = [plane.X(data[0]), plane.X(data[2])];
    return Math.min(from, to) < left + width && Math.max(from, to) > left ? [plane.Y(data[1])] : [];
  });
}

// Where a text of some width and height goes, at its place or beside it: never over another one nor across the frame,
// and not on a level line if there is room elsewhere.
function placed(plane, width, height, x, y, { centred, before }) {
  const { box, words } = plane, line = height * 1.2;
  if (!plane.inside(x, y)) return null;
  const low = box.x + 4, high = Math.max(low, box.x + box.w - 4 - width), within = (left) => Math.max(low, Math.min(high, left));
  const tops = centred ? [0, -line, line] : [-12, 12 + height / 2, -12 - line, 12 + height / 2 + line];
  const sides = centred && !before ? [x - width / 2] : before && x - 10 - width > low ? [x - 10 - width, x + 10] : x + 12 + width < box.x + box.w ? [x + 10, x - 10 - width] : [x - 10 - width];
  const free = [];
  for (const top of tops) {
    for (const left of sides.map(within)) {
      const middle = Math.max(box.y + line / 2, Math.min(box.y + box.h - line / 2, y + top));
      const meets = (each) => left < each.left + each.width + 3 && each.left < left + width + 3 && Math.abs(middle - each.middle) < line - 1.5;
      if (!words.some(meets)) free.push({ left, width, middle });
    }
  }
  const struck = ({ left, middle }) => !centred && levels(plane, left, width).some((at) => Math.abs(at - middle) < Math.min(0.65 * height, 11));
  const found = free.find((each) => !struck(each)) ?? free[0];
  if (!found) return null;
  words.push(found);
  return [found.left, found.middle];
}

// The marker at the end of a path.
export function drawHead(context, layer, plane, theme) {
  const { data } = plane.arrays[layer.xy];
  for (let i = data.length - 2; i >= 0; i -= 2) {
    if (!Number.isFinite(data[i] + data[i + 1])) continue;
    const X = () => plane.X(data[i]), Y = () => plane.Y(data[i + 1]);
    drawMarker(context, "circle", layer.width * 2.4, [0], X, Y, theme.colour(layer.colour), theme, 2);
    return;
  }
}

export function groupColour(layer, group, theme) {
  return layer.colours.length ? theme.colour(layer.colours[group % layer.colours.length]) : theme.classColour(group);
}

function polyline(context, data, from, to, plane, fresh) {
  if (fresh) context.beginPath();
  let pen = false;
  for (let i = from * 2; i < to * 2; i += 2) {
    const x = plane.X(data[i]), y = plane.Y(data[i + 1]);
    if (!(Math.abs(x) < 1e6 && Math.abs(y) < 1e6)) pen = false; // gone, or too far away to draw
    else if (pen) context.lineTo(x, y);
    else {
      context.moveTo(x, y);
      pen = true;
    }
  }
}
