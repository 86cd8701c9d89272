// What is printed wrongly on a canvas: words that are cut at its edge, and words over other words.

const written = new WeakMap(); // canvas -> where each word stands, in its pixels, since it was last wiped
const pen = CanvasRenderingContext2D.prototype, { fillText, clearRect } = pen;

pen.clearRect = function (...place) {
  written.delete(this.canvas);
  return clearRect.apply(this, place);
};

pen.fillText = function (text, x, y, ...most) {
  const size = this.measureText(text), turned = this.getTransform();
  const squeezed = most.length && size.width > most[0] ? Math.max(0, most[0]) / size.width : 1;
  const corners = [-size.actualBoundingBoxLeft * squeezed, size.actualBoundingBoxRight * squeezed].flatMap((dx) =>
    [-size.actualBoundingBoxAscent, size.actualBoundingBoxDescent].map((dy) =>
      turned.transformPoint({ x: x + dx, y: y + dy }))); // left top, left bottom, right top, right bottom
  const xs = corners.map((at) => at.x), ys = corners.map((at) => at.y);
  const box = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
  if (text && this.globalAlpha) written.set(this.canvas, [...(written.get(this.canvas) ?? []), { text, corners, ...box }]);
  return fillText.call(this, text, x, y, ...most);
};

window.misprints = (canvas) => {
  const boxes = written.get(canvas) ?? [];
  const slack = 1.5 * devicePixelRatio; // an accent may stand out by as much
  const right = canvas.width + slack, bottom = canvas.height + slack;
  const cut = boxes.filter((box) => box.left < -slack || box.top < -slack || box.right > right || box.bottom > bottom);
  // Two boxes, however they are turned, are apart if their shadows are on a line along an edge of one of them.
  const shadow = ({ corners }, [x, y]) => corners.map((at) => at.x * x + at.y * y);
  const shared = (a, b) => Math.min(Math.max(...a), Math.max(...b)) - Math.max(Math.min(...a), Math.min(...b));
  const along = ({ corners: [from, ...others] }) => others.slice(0, 2).map((to) => {
    const [x, y] = [to.x - from.x, to.y - from.y], long = Math.hypot(x, y) || 1;
    return [x / long, y / long];
  });
  const meet = (a, b) => [...along(a), ...along(b)].every((line) => shared(shadow(a, line), shadow(b, line)) > slack);
  const over = boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => meet(a, b)).map((b) => [a, b]));
  return [
    ...cut.map(({ text }) => `“${text}” is cut`),
    ...over.map(([a, b]) => `“${a.text}” and “${b.text}” lie over each other`),
  ];
};
