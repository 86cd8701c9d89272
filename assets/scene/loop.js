// The loop of a GAN beside its plane: noise becomes fakes, the discriminator judges them and real points, and what it
// says goes back as gradients to whoever learns.  Dots move along the ways of the last step when one was made; who
// wishes for less motion sees arrows that stand still.

const version = new URL(import.meta.url).search;
const { Plane } = await import(`./plane.js${version}`);

const BESIDE = 250; // pixels that the loop needs beside the plane, at the usual size of type; else it stands above
const ABOVE = 156; // and how tall it is there,
const LEAST = 300; // if there is so much room from left to right; else it is not drawn
const PLANE = 120; // nor where the plane would not be so tall below it
const FLOW = 1100; // milliseconds for which dots move after a step
const PACE = 900; // milliseconds of a dot from one end of a way to the other
const NAMED = 420; // and how wide it is before the boxes have room for names
const DOTS = 3; // on a way

export class Loop extends Plane {
  constructor() {
    super();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.until = 0;
  }

  remove() {
    cancelAnimationFrame(this.request);
  }

  update(spec, arrays, theme) {
    super.update(spec, arrays, theme);
    const moved = this.count !== undefined && this.count !== spec.count;
    this.count = spec.count;
    if (!moved || this.still.matches) return;
    this.until = performance.now() + FLOW;
    if (!this.request) this.tick();
  }

  tick() {
    this.request = performance.now() < this.until ? requestAnimationFrame(() => this.tick()) : undefined;
    this.redraw();
  }

  // The plane takes what the loop leaves.
  layout(width, height, theme, context) {
    const beside = theme.size(BESIDE), above = width < theme.size(LEAST) || height < theme.size(ABOVE + PLANE) ? 0 : theme.size(ABOVE);
    this.upright = width - height > beside * 0.75 && width > 2 * beside;
    const side = this.upright ? Math.min(width * 0.46, Math.max(beside, width - height)) : 0, top = this.upright ? 0 : above;
    super.layout(width - side, height - top, theme, context);
    this.box.y += top;
    this.room = !side && !top ? null : this.upright ? { x: width - side + 14, y: 4, w: side - 18, h: height - 8 - theme.size(16) } : { x: 4, y: 4, w: width - 8, h: top - 14 };
  }

  draw(context, width, height, theme, state) {
    super.draw(context, width, height, theme, state);
    const { spec } = this;
    if (this.room) this.drawLoop(context, theme, spec);
    this.said = `Noise, generator (loss ${spec.losses[1]}), fakes, discriminator (loss ${spec.losses[0]}); its mean ${spec.score} of real points ${spec.verdicts[0]}, of fakes ${spec.verdicts[1]}.`;
  }

  drawLoop(context, theme, spec) {
    const nodes = this.nodes(theme);
    context.save();
    for (const way of WAYS) this.drawWay(context, theme, way, nodes);
    this.drawNode(context, theme, nodes.G, "G", "generator", spec.losses[1], theme.colour("class_0"), spec.flows.includes("teach_g"));
    this.drawNode(context, theme, nodes.D, "D", "discriminator", spec.losses[0], theme.text, spec.flows.includes("teach_d"));
    this.drawWords(context, theme, nodes);
    context.restore();
  }

  // Where things stand: along the loop from 0 to 1, and across it from -1 to 1.
  nodes(theme) {
    const { x, y, w, h } = this.room, box = { w: this.upright ? theme.size(132) : Math.min(theme.size(112), w * 0.25), h: theme.size(62) };
    const across = this.upright ? w / 2 : h * 0.5;
    const put = (along, aside) =>
      this.upright ? { x: x + w / 2 + aside * (across - 4), y: y + along * h } : { x: x + along * w, y: y + h * 0.5 + aside * (across - 4) };
    const node = (along) => ({ ...put(along, 0), ...box });
    return { noise: this.upright ? put(0.03, 0) : { x: x + theme.size(24), y: y + h / 2 }, G: node(this.upright ? 0.27 : 0.28), D: node(this.upright ? 0.66 : 0.68), verdict: this.upright ? put(0.95, 0) : { x: x + w - theme.size(24), y: y + h / 2 }, real: put(this.upright ? 0.46 : 0.68, this.upright ? 0.72 : -0.94), put, box };
  }

  // The points of a way, as a line of two or a bow of three.
  path({ from, to, back }, nodes) {
    const [a, b] = [nodes[from], nodes[to]], down = this.upright;
    const edge = (node, sign) => ({ x: node.x + (down ? 0 : (sign * (node.w ?? 0)) / 2), y: node.y + (down ? (sign * (node.h ?? 0)) / 2 : 0) });
    if (from === "real") return down ? [{ x: a.x, y: a.y + 12 }, { x: Math.min(a.x, b.x + b.w / 2 - 14), y: b.y - b.h / 2 - 2 }] : [{ x: a.x, y: a.y + 9 }, { x: b.x, y: b.y - b.h / 2 - 2 }];
    const gap = from === "noise" || to === "verdict" ? 12 : 2;
    if (!back) {
      const start = edge(a, 1), end = edge(b, -1), g = (n) => (n.w ? 2 : gap);
      return down ? [{ x: start.x, y: start.y + g(a) }, { x: end.x, y: end.y - g(b) }] : [{ x: start.x + g(a) + (a.w ? 0 : 14), y: start.y }, { x: end.x - g(b) - (b.w ? 0 : 20), y: end.y }];
    }
    const away = down ? -(nodes.box.w / 2) : nodes.box.h / 2; // gradients come back on the other side
    const out = down ? -18 : 16;
    if (from === "verdict") {
      const start = down ? { x: a.x - 26, y: a.y - 14 } : { x: a.x - 4, y: a.y + 26 };
      return down ? [start, { x: b.x + away - out * 0.2 - 14, y: (a.y + b.y + b.h / 2) / 2 }, { x: b.x + away + 16, y: b.y + b.h / 2 + 2 }]
        : [start, { x: (a.x + b.x + b.w / 2) / 2, y: b.y + away + out }, { x: b.x + b.w / 2 - 12, y: b.y + away + 2 }];
    }
    return down ? [{ x: a.x + away - 2, y: a.y }, { x: a.x + away + 2.2 * out, y: (a.y + b.y) / 2 }, { x: b.x + away - 2, y: b.y }]
      : [{ x: a.x - 10, y: a.y + away + 2 }, { x: (a.x + b.x) / 2, y: a.y + away + 2.2 * out }, { x: b.x + 10, y: b.y + away + 2 }];
  }

  drawWay(context, theme, way, nodes) {
    const points = this.path(way, nodes), on = this.spec.flows.includes(way.name), colour = theme.colour(way.colour);
    context.globalAlpha = on ? 1 : 0.3;
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = on ? 2.2 : 1.5;
    context.setLineDash(way.back ? [6, 5] : []);
    context.beginPath();
    context.moveTo(points[0].x, points[0].y);
    if (points.length === 2) context.lineTo(points[1].x, points[1].y);
    else context.quadraticCurveTo(points[1].x, points[1].y, points[2].x, points[2].y);
    context.stroke();
    context.setLineDash([]);
    const [before, end] = points.slice(-2), angle = Math.atan2(end.y - before.y, end.x - before.x);
    context.beginPath();
    for (const turn of [0, 2.6, -2.6]) context.lineTo(end.x + (turn ? 9 * Math.cos(angle + turn) : 0), end.y + (turn ? 9 * Math.sin(angle + turn) : 0));
    context.fill();
    const now = performance.now();
    if (on && now < this.until) {
      for (let i = 0; i < DOTS; i++) {
        const { x, y } = along(points, (now / PACE + i / DOTS) % 1);
        context.beginPath();
        context.arc(x, y, 4, 0, 2 * Math.PI);
        context.fill();
      }
    }
    context.globalAlpha = 1;
  }

  drawNode(context, theme, { x, y, w, h }, letter, name, loss, colour, learns) {
    context.beginPath();
    context.roundRect(x - w / 2, y - h / 2, w, h, 12);
    context.fillStyle = theme.background;
    context.fill();
    context.globalAlpha = learns ? 1 : 0.55;
    context.strokeStyle = colour;
    context.lineWidth = learns ? 3 : 1.5;
    context.stroke();
    context.globalAlpha = 1;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = theme.text;
    context.font = theme.fontOf(17, 700);
    const named = this.upright || this.room.w > theme.size(NAMED);
    context.fillText(letter, x, y - theme.size(named ? 18 : 11));
    context.font = theme.fontOf(14);
    if (named) context.fillText(name, x, y + theme.size(1));
    context.fillText(named ? `loss ${loss}` : loss, x, y + theme.size(named ? 19 : 13));
  }

  drawWords(context, theme, nodes) {
    const { spec, upright } = this, { real, noise, verdict, G, D, box } = nodes;
    const write = (text, x, y, colour, align = "center", weight = 600) => {
      context.font = theme.fontOf(14, weight);
      context.textAlign = align;
      context.textBaseline = "middle";
      context.fillStyle = colour;
      context.fillText(text, x, y);
    };
    const fake = theme.colour("class_0"), blue = theme.colour("class_1"), red = theme.colour("gradient"), size = theme.size(17);
    write(upright ? "noise z" : "noise", noise.x, noise.y, theme.text);
    write("real", real.x, real.y, blue);
    if (upright) {
      write("fakes", (G.x + D.x) / 2 + 10, (G.y + D.y) / 2 - size * 0.4, fake, "left");
      write("push", G.x - box.w / 2 - 28, (G.y + D.y) / 2, red, "right");
      write(`${spec.score} of real ${spec.verdicts[0]}`, verdict.x, verdict.y - size * 0.15, blue);
      write(`of fakes ${spec.verdicts[1]}`, verdict.x, verdict.y + size * 0.85, fake);
    } else {
      write("fakes", (G.x + D.x) / 2, G.y - size * 0.8, fake);
      write("push", (G.x + D.x) / 2, G.y + box.h / 2 + size * 1.75, red);
      write(spec.verdicts[0], verdict.x, verdict.y - size * 0.6, blue);
      write(spec.verdicts[1], verdict.x, verdict.y + size * 0.6, fake);
    }
  }
}

const WAYS = [
  { name: "noise", from: "noise", to: "G", colour: "neutral" },
  { name: "forge", from: "G", to: "D", colour: "class_0" },
  { name: "real", from: "real", to: "D", colour: "class_1" },
  { name: "judge", from: "D", to: "verdict", colour: "text" },
  { name: "teach_d", from: "verdict", to: "D", colour: "gradient", back: true },
  { name: "teach_g", from: "D", to: "G", colour: "gradient", back: true },
];

// The place at a share of the way.
function along(points, t) {
  const [a, b, c] = points;
  if (!c) return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
  const mix = (p, q) => ({ x: p.x + (q.x - p.x) * t, y: p.y + (q.y - p.y) * t });
  return mix(mix(a, b), mix(b, c));
}
