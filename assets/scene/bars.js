// Classes and their probabilities as bars, one below the other.

// Within x, y, w, h: the `answer` is bold, and the `truth` (-1: unknown) ticked.  Gives the height of a line.
export function bars(context, theme, { x, y, w, h, classes, probabilities, answer, truth, colour = "positive" }) {
  const line = Math.min(h / classes.length, theme.size(26));
  context.font = theme.fontOf(13);
  const names = Math.min(w * 0.45, Math.max(...classes.map((name) => context.measureText(name).width)) + 22);
  context.font = theme.fontOf(13, 700);
  const room = Math.max(10, w - names - context.measureText("> 99 %").width - 7);
  classes.forEach((name, k) => {
    const p = probabilities[k], top = y + k * line;
    context.font = theme.fontOf(13, k === answer ? 700 : 400);
    context.fillStyle = theme.text;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillText((k === truth ? "✓ " : "") + name, x + (k === truth ? 0 : 14), top + line / 2, names - 4);
    context.fillStyle = theme.colour(k === answer ? colour : "neutral");
    context.fillRect(x + names, top + line * 0.2, Math.max(1.5, room * p), line * 0.6);
    if (p >= 0.005) {
      context.fillStyle = theme.text;
      context.fillText(p > 0.995 && p < 1 ? "> 99 %" : `${(100 * p).toFixed(0)} %`, x + names + room * p + 5, top + line / 2);
    }
  });
  return line;
}
