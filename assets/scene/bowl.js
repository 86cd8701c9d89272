// A surface in three dimensions, seen from above at an angle, with balls that roll on it and the ways that they have
// come.  It is drawn once for each way of looking at it, and lies below the balls as a picture.

const version = new URL(import.meta.url).search;
const { css, format } = await import(`./theme.js${version}`);

const MESH = 5; // every so many cells a line
const FLATTEST = 8, STEEPEST = 85; // degrees from above
const TURN = 0.4; // degrees for each pixel of a drag

export class Bowl {
  constructor() {
    this.pannable = true;
    this.view = null; // {yaw, pitch, near} once the visitor has turned it
    this.cursor = "grab";
    this.legend = [];
  }

  update(spec, arrays) {
    this.spec = spec;
    this.heights = arrays[spec.heights];
    this.shade = arrays[spec.shade].data;
    this.legend = spec.rolling;
    this.ways = spec.rolling.map((each) => ({ ...each, places: arrays[each.xyz].data }));
    const { data } = this.heights;
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += data[i] * (1 + (i % 97));
    this.shape = [sum, data.length, spec.high, ...spec.extent].join();
  }

  get seen() {
    return this.view ?? { yaw: this.spec.yaw, pitch: this.spec.pitch, near: 1 };
  }

  layout(width, height) {
    const { yaw, pitch, near } = this.seen, { extent: [l, r, b, t], low, high, tall } = this.spec;
    const a = (yaw * Math.PI) / 180, p = (pitch * Math.PI) / 180;
    const wide = Math.max(r - l, t - b);
    const [sin, cos, up, flat] = [Math.sin(a), Math.cos(a), Math.cos(p), Math.sin(p)];
    // Of everything between floor and rim, so that it fills the panel however it is turned.
    const reachX = (Math.abs(cos) * (r - l) + Math.abs(sin) * (t - b)) / wide;
    const reachY = ((Math.abs(sin) * (r - l) + Math.abs(cos) * (t - b)) / wide) * flat + tall * up;
    const unit = near * Math.min((width - 24) / reachX, (height - 24) / reachY);
    const middle = height / 2 + (unit * tall * up) / 2;
    this.box = { x: 0, y: 0, w: width, h: height };
    // To pixels, and how far away: what is further is drawn first.
    this.project = (x, y, z) => {
      const u = (x - (l + r) / 2) / wide, v = (y - (b + t) / 2) / wide, h = ((z - low) / (high - low)) * tall;
      const across = u * cos + v * sin, away = v * cos - u * sin;
      return [width / 2 + unit * across, middle - unit * (away * flat + h * up), away];
    };
  }

  draw(context, width, height, theme, { hidden }) {
    this.layout(width, height);
    this.paint(context.canvas.width / width, width, height, theme);
    context.drawImage(this.sheet, 0, 0, width, height);
    this.balls = [];
    for (const way of this.ways) if (!hidden.has(way.name)) this.roll(context, way, theme);
    this.said = this.balls.map(({ name, z }) => `${name} at height ${format(z)}`).join(", ");
  }

  roll(context, { name, colour, places }, theme) {
    context.strokeStyle = context.fillStyle = theme.colour(colour);
    context.lineWidth = 2.5;
    context.lineJoin = "round";
    context.beginPath();
    let open = false, last = null;
    for (let i = 0; i < places.length; i += 3) {
      const [x, y, z] = [places[i], places[i + 1], places[i + 2]];
      last = Number.isFinite(x + y + z) ? { name, x, y, z, at: this.project(x, y, z) } : null;
      if (last) context[open ? "lineTo" : "moveTo"](last.at[0], last.at[1]);
      open = Boolean(last);
    }
    context.stroke();
    if (!last) return; // it has left the picture
    const [px, py] = last.at;
    context.beginPath();
    context.arc(px, py - 7, 8, 0, 2 * Math.PI); // it lies on the surface
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = theme.background;
    context.stroke();
    this.balls.push(last);
  }

  paint(ratio, width, height, theme) {
    const made = [this.shape, theme.version, ratio, width, height, ...Object.values(this.seen)].join();
    if (made === this.made) return;
    this.made = made;
    this.sheet ??= document.createElement("canvas");
    Object.assign(this.sheet, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = this.sheet.getContext("2d");
    context.scale(ratio, ratio);
    const { extent: [l, r, b, t], high, palette } = this.spec, { data, shape: [rows, columns] } = this.heights;
    const lut = theme.lut(palette), lines = theme.dark ? "rgb(255 255 255 / 0.28)" : "rgb(20 40 60 / 0.3)";
    const at = (i, j) => [l + ((r - l) * j) / (columns - 1), b + ((t - b) * i) / (rows - 1), data[i * columns + j]];
    const cells = [];
    for (let i = 0; i + 1 < rows; i++) {
      for (let j = 0; j + 1 < columns; j++) {
        const corners = [at(i, j), at(i, j + 1), at(i + 1, j + 1), at(i + 1, j)];
        const shape = below(corners, high);
        if (shape.length < 3) continue;
        const points = shape.map((corner) => this.project(...corner));
        cells.push({ i, j, points, away: this.project(...corners[0])[2] + this.project(...corners[2])[2] });
      }
    }
    cells.sort((a, b) => b.away - a.away);
    context.lineJoin = "round";
    for (const { i, j, points } of cells) {
      context.beginPath();
      points.forEach(([x, y], k) => context[k ? "lineTo" : "moveTo"](x, y));
      context.closePath();
      context.fillStyle = context.strokeStyle = css(lut[Math.min(254, this.shade[i * columns + j])]);
      context.lineWidth = 1;
      context.fill();
      context.stroke();
      context.strokeStyle = lines;
      context.lineWidth = 0.8;
      for (const [on, from, to] of [[i % MESH === 0, at(i, j), at(i, j + 1)], [j % MESH === 0, at(i, j), at(i + 1, j)]]) {
        const edge = on ? below([from, to], high) : [];
        if (edge.length < 2) continue;
        context.beginPath();
        edge.slice(0, 2).forEach((corner, k) => context[k ? "lineTo" : "moveTo"](...this.project(...corner)));
        context.stroke();
      }
    }
  }

  describe(px, py) {
    const near = this.balls?.find(({ at: [x, y] }) => Math.hypot(px - x, py - y + 7) < 14);
    if (!near) return null;
    return { title: near.name, rows: [["θ₁", format(near.x)], ["θ₂", format(near.y)], ["height", format(near.z)]] };
  }

  pan(dx, dy) {
    const { yaw, pitch, near } = this.seen;
    this.view = { yaw: yaw + TURN * dx, pitch: Math.min(STEEPEST, Math.max(FLATTEST, pitch + TURN * dy)), near };
  }

  zoom(x, y, factor) {
    const { yaw, pitch, near } = this.seen;
    this.view = { yaw, pitch, near: Math.min(8, Math.max(0.5, near / factor)) };
  }

  inside() {
    return true;
  }

  click() {
    return null;
  }
}

// The part of a polygon [[x, y, z], …] that lies below a height.
function below(corners, high) {
  if (corners.every(([, , z]) => z <= high)) return corners;
  const kept = [];
  corners.forEach((a, k) => {
    const c = corners[(k + 1) % corners.length];
    if (a[2] <= high) kept.push(a);
    if (a[2] <= high !== c[2] <= high) {
      const share = (high - a[2]) / (c[2] - a[2]);
      kept.push(a.map((v, n) => v + share * (c[n] - v)));
    }
  });
  return kept;
}
