// Markers and strokes that stand out on any background.

export function line(context, x0, y0, x1, y1) {
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
}

// `text` as far as `width` has room for it.
export function fitted(text, width, measure) {
  if (measure(text) <= width) return text;
  let kept = text.length;
  while (kept > 1 && measure(`${text.slice(0, kept).trimEnd()}…`) > width) kept--;
  return `${text.slice(0, kept).trimEnd()}…`;
}

// Stroke the current path in `colour`, with a thin seam of background around it.
export function halo(context, theme, width, colour) {
  context.strokeStyle = theme.background;
  context.globalAlpha = 0.75;
  context.lineWidth = width + 2;
  context.stroke();
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

// One marker for each index, all in one path.  With a theme a seam of background surrounds what they cover together.
export function drawMarker(context, shape, size, indices, X, Y, colour, theme, seam = 1.2) {
  context.beginPath();
  for (const i of indices) {
    const x = X(i), y = Y(i);
    if (Math.abs(x) < 1e6 && Math.abs(y) < 1e6) SHAPES[shape](context, x, y, size);
  }
  if (shape === "ring" || shape === "cross") {
    context.lineCap = "round";
    if (theme) halo(context, theme, 2, colour);
    else {
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.stroke();
    }
    return;
  }
  if (theme) { // first, or among many the seams would eat their neighbours
    context.strokeStyle = theme.background;
    context.lineWidth = 1.5 * seam;
    context.stroke();
  }
  context.fillStyle = colour;
  context.fill();
}

const SHAPES = {
  circle(context, x, y, r) {
    context.moveTo(x + r, y);
    context.arc(x, y, r, 0, 2 * Math.PI);
  },
  ring(context, x, y, r) {
    context.moveTo(x + r - 1, y);
    context.arc(x, y, r - 1, 0, 2 * Math.PI);
  },
  square(context, x, y, r) {
    context.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
  },
  triangle(context, x, y, r) {
    context.moveTo(x, y - r * 1.15);
    context.lineTo(x + r, y + r * 0.8);
    context.lineTo(x - r, y + r * 0.8);
    context.closePath();
  },
  cross(context, x, y, r) {
    context.moveTo(x - r * 0.8, y - r * 0.8);
    context.lineTo(x + r * 0.8, y + r * 0.8);
    context.moveTo(x + r * 0.8, y - r * 0.8);
    context.lineTo(x - r * 0.8, y + r * 0.8);
  },
};

const hatched = new Map();

// Stripes for cells that have no value.
export function hatching(context, theme) {
  const colour = theme.colour("neutral");
  if (!hatched.has(colour)) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.globalAlpha = 0.6;
    pen.beginPath();
    for (const shift of [-8, 0, 8]) line(pen, shift - 1, 9, shift + 9, -1);
    pen.stroke();
    hatched.set(colour, context.createPattern(tile, "repeat"));
  }
  return hatched.get(colour);
}
