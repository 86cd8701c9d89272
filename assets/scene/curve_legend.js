// What names the curves: their signs in the legend, and the legend that a saved picture carries.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 30; // CSS pixels of a sign, enough for a whole dash

// A short line in the curve's own colour, dash and opacity.
export function sign({ colour, dash, alpha = 1 }, theme) {
  const svg = document.createElementNS(SVG, "svg"), line = svg.appendChild(document.createElementNS(SVG, "line"));
  const set = (node, values) => Object.entries(values).forEach(([name, value]) => node.setAttribute(name, value));
  set(svg, { width: WIDTH, height: 10, viewBox: `0 0 ${WIDTH} 10`, "aria-hidden": "true" });
  set(line, { x1: 1, x2: WIDTH - 1, y1: 5, y2: 5, stroke: theme.colour(colour), "stroke-width": 2.6, "stroke-dasharray": dash.join(" "), "stroke-opacity": alpha });
  return svg;
}

// Write the entries from (x, y) on, in rows of at most `width`; returns the height that they take.  Without `write` it only measures.
export function print(context, entries, { x, y, width, theme, type, write }) {
  const row = type.size * 1.6;
  let left = 0, top = 0;
  context.font = type.font(400);
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const entry of entries) {
    const wide = WIDTH + 8 + context.measureText(entry.name).width;
    if (left && left + wide > width) [left, top] = [0, top + row];
    if (write) {
      const middle = y + top + row / 2;
      context.beginPath();
      context.moveTo(x + left, middle);
      context.lineTo(x + left + WIDTH, middle);
      context.setLineDash(entry.dash);
      context.globalAlpha = entry.alpha ?? 1;
      context.strokeStyle = theme.colour(entry.colour);
      context.lineWidth = 2.6;
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
      context.fillStyle = theme.text;
      context.fillText(entry.name, x + left + WIDTH + 8, middle);
    }
    left += wide + 18;
  }
  return entries.length ? top + row : 0;
}
