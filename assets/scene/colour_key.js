// What colours say, in one line: words, a bar of a colour map, words, and the same again for the next map.

const BAR = 46; // pixels

// From x, y on; each of `parts` is [what it is at its lowest, name of the colour map, what it is at its highest].
export function colourKey(context, theme, x, y, parts) {
  const high = theme.size(13);
  context.font = theme.fontOf(13);
  context.textAlign = "left";
  context.textBaseline = "middle";
  const say = (text) => {
    context.fillStyle = theme.colour("neutral");
    context.fillText(text, x, y + high / 2);
    x += context.measureText(text).width + 6;
  };
  for (const [least, palette, most] of parts) {
    say(least);
    const stops = theme.palette.maps[palette][theme.mode], shade = context.createLinearGradient(x, 0, x + BAR, 0);
    stops.forEach((stop, i) => shade.addColorStop(i / (stops.length - 1), stop));
    context.fillStyle = shade;
    context.fillRect(x, y + 1, BAR, high - 2);
    context.strokeStyle = theme.colour("grid");
    context.lineWidth = 1;
    context.strokeRect(x, y + 1, BAR, high - 2);
    x += BAR + 6;
    say(most);
    x += 14;
  }
}
