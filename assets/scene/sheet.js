// A panel on a sheet of its own, as a saved picture, a slide or a film has it: title, legend and picture, on the page's
// background.  A slide has the question above them, and below them settings and link.

const TOP = 40, EDGE = 14, GAP = 18; // CSS pixels: the title, the margin, and between two names of the legend
const QUESTION = 24, SMALL = 13; // of letters

// Paint `panel` on `canvas`, with so many pixels for each of CSS.  `about` is {question, settings, link}, or nothing.
export function paint(panel, canvas, { ratio, about = null }) {
  const { content, scene: { theme } } = panel, style = getComputedStyle(panel.frame), context = canvas.getContext("2d");
  const own = panel.ratio, width = panel.canvas.width / own, height = panel.canvas.height / own;
  const within = width - 2 * EDGE, face = style.fontFamily;
  const texts = [];
  const write = (text, size, weight, colour, at) => {
    context.font = `${weight} ${size}px ${face}`;
    const lines = wrapped(context, text, within);
    lines.forEach((line, k) => texts.push({ line, font: context.font, colour, y: at + (k + 0.5) * size * 1.35 }));
    return lines.length * size * 1.35;
  };
  let y = about?.question ? EDGE + write(about.question, QUESTION, 600, style.color, EDGE) : 0;
  const title = y;
  if (panel.spec.title) y += TOP;
  const named = { x: EDGE, y, width: within, theme };
  const legend = content.printLegend ? (options) => content.printLegend(context, options) : (options) => print(context, panel.legend, { ...options, face });
  y += legend(named) || 0;
  const picture = y;
  y += height;
  for (const text of about ? [about.settings, about.link].filter(Boolean) : []) y += write(text, SMALL, 400, theme.colour("neutral"), y + 4);
  if (about) y += EDGE;

  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(y * ratio) });
  context.fillStyle = theme.background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(ratio, ratio);
  context.textBaseline = "middle";
  legend({ ...named, write: true });
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const { line, font, colour, y: middle } of texts) {
    Object.assign(context, { font, fillStyle: colour });
    context.fillText(line, EDGE, middle);
  }
  Object.assign(context, { font: `600 17px ${face}`, fillStyle: style.color });
  context.fillText(panel.spec.title, EDGE, title + TOP / 2);
  context.drawImage(ratio === own ? panel.canvas : drawn(panel, width, height, ratio), 0, picture, width, height);
  return canvas;
}

// The picture anew, with more pixels: some of what is drawn counts in pixels, so it is on a canvas that begins with it.
function drawn({ content, hidden, scene }, width, height, ratio) {
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  content.draw(context, width, height, scene.theme, { hidden, pointer: null });
  return canvas;
}

// In lines of at most `width`; what has no space in it, as a link, is broken anywhere.
function wrapped(context, text, width) {
  const lines = [""], fits = (line) => context.measureText(line).width <= width;
  for (const word of text.split(/(?<= )/)) {
    if (fits(lines.at(-1) + word.trimEnd())) lines[lines.length - 1] += word;
    else if (fits(word)) lines.push(word);
    else for (const letter of word) fits(lines.at(-1) + letter) ? (lines[lines.length - 1] += letter) : lines.push(letter);
  }
  return lines;
}

// The legend as the page has it, in rows; returns the height that it takes.  Without `write` it only measures.
function print(context, legend, { x, y, width, theme, face, write }) {
  const size = theme.size(14), row = size * 1.7;
  context.font = `400 ${size}px ${face}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  let left = 0, top = 0;
  const entries = [...legend.querySelectorAll("button:not([aria-pressed=false])")];
  for (const entry of entries) {
    const signs = [...entry.querySelectorAll("i")], name = entry.textContent;
    const signed = signs.reduce((sum, each) => sum + wide(each) + 5, 0), all = signed + context.measureText(name).width;
    if (left && left + all > width) [left, top] = [0, top + row];
    if (write) {
      const middle = y + top + row / 2;
      let at = x + left;
      for (const each of signs) {
        sign(context, each, at, middle);
        at += wide(each) + 5;
      }
      context.fillStyle = theme.text;
      context.fillText(name, at, middle);
    }
    left += all + GAP;
  }
  return entries.length ? top + row + 6 : 0;
}

const WIDE = { line: 18, scale: 44 };
const wide = (sign) => WIDE[sign.classList[0]] ?? 11;

// A sign as scene.css has it.
function sign(context, each, x, middle) {
  const colour = getComputedStyle(each).color, r = 5.5, across = wide(each), shape = new Path2D();
  context.fillStyle = context.strokeStyle = colour;
  if (each.className === "scale") {
    const colours = each.style.background.match(/#\w+|rgba?\([^)]*\)/g) ?? [colour], run = context.createLinearGradient(x, 0, x + across, 0);
    colours.forEach((stop, k) => run.addColorStop(k / Math.max(1, colours.length - 1), stop));
    context.fillStyle = run;
    shape.rect(x, middle - r, across, 2 * r);
  } else if (each.className === "line dashed") [0, 11].forEach((from) => shape.rect(x + from, middle - 2, 7, 4));
  else if (each.className === "line") shape.rect(x, middle - 2, across, 4);
  else if (each.className === "square") shape.rect(x, middle - r, across, across);
  else if (each.className === "triangle") {
    shape.moveTo(x + r, middle - r);
    shape.lineTo(x + 2 * r, middle + r);
    shape.lineTo(x, middle + r);
  } else if (each.className === "cross") {
    for (const way of [-1, 1]) {
      shape.moveTo(x + 1, middle - way * (r - 1));
      shape.lineTo(x + 2 * r - 1, middle + way * (r - 1));
    }
  } else shape.arc(x + r, middle, each.className === "ring" ? r - 1.5 : r, 0, 2 * Math.PI);
  context.lineWidth = each.className === "cross" ? 3.5 : 2.5;
  if (each.className === "ring" || each.className === "cross") context.stroke(shape);
  else context.fill(shape);
}
