// Where the nodes of a network stand: its layers side by side from left to right or, where it is narrow and tall, below
// each other from top to bottom.  `u` is how far along the network something is, `v` how far across a layer.

const CLOSE = 24; // pixels below which the nodes of a layer stand in two rows, one beside the other
const NARROW = 380; // pixels of width below which a tall drawing has its layers below each other
const LARGEST = 92; // pixels of a node
const OUTPUT = { share: 1.8, largest: 180, foot: 56 }; // of a single picture at the end, with room below it
export const LINE = 24; // pixels for the buttons of a layer

// `measure` tells the width of a text and `size` how large so many pixels are; `buttons`: each hidden layer has some.
export function layout(columns, width, height, { measure, size, buttons }) {
  const down = width < NARROW && height > 1.1 * width;
  return (down ? below : beside)(columns, width, height, { measure, size, buttons });
}

function beside(columns, width, height, { measure, size, buttons }) {
  const titled = columns.some((column) => column.title);
  const head = (titled ? size(14) + 10 : 6) + (buttons ? LINE : 4);
  const room = height - head - 6;
  const margin = (labels) => Math.min(90, Math.max(0, ...labels.map((label) => measure(label))) + 10);
  const left = margin(columns[0].labels), right = columns.length > 1 ? margin(columns.at(-1).labels) : 0;
  const free = width - left - right - 8;
  const single = columns.length > 2 && isPicture(columns.at(-1)) && room > 160 && free / columns.length > 44;
  const pitch = free / (columns.length - 1 + (single ? OUTPUT.share : 1));
  const middles = columns.map((_, c) => left + 4 + pitch * (c + 0.5));
  if (single) middles[middles.length - 1] += (pitch * (OUTPUT.share - 1)) / 2;
  const nodes = columns.flatMap((column, c) => {
    const count = column.labels.length;
    const across = room / count < CLOSE && pitch > 2 * CLOSE ? 2 : 1, rows = Math.ceil(count / across);
    const slot = Math.min(room / rows, 128);
    const large = single && c === columns.length - 1;
    const extent = large
      ? Math.max(3, Math.min(room - OUTPUT.foot, pitch * OUTPUT.share * 0.76, OUTPUT.largest))
      : Math.max(3, Math.min(slot * (slot < 48 ? 0.9 : 0.82), (pitch * (across > 1 ? 0.6 : 0.56)) / across, LARGEST));
    const top = head + (room - slot * rows) / 2;
    return column.labels.map((label, index) => {
      const u = middles[c] + ((index % across) - (across - 1) / 2) * (extent + 3);
      const v = large ? Math.min(head + room / 2, head + room - OUTPUT.foot - extent / 2) : top + slot * (Math.floor(index / across) + 0.5);
      return { c, index, label, u, v, size: extent };
    });
  });
  // Where columns stand close, "Layer 3" is written "3", and the words on either side of the numbers reach outwards.
  const close = columns.some(({ title }) => title && measure(title) > pitch - 6);
  const titles = columns.map(({ title }, c) => {
    const side = close ? Number(c === columns.length - 1) - Number(c === 0) : 0;
    const x = middles[c] - side * Math.min(8, pitch / 4);
    return title && { text: close ? title.split(" ").at(-1) : title, x, y: 2, align: ["right", "center", "left"][side + 1] };
  });
  const spots = middles.slice(1, -1).map((x) => ({ x, y: head - LINE / 2 - 2, width: pitch, middle: true }));
  return { down: false, single, nodes: placed(nodes, false), titles, spots };
}

function below(columns, width, height, { measure, size, buttons }) {
  const edge = 6;
  const words = Math.max(0, ...columns.map(({ title }) => (title ? measure(title) + 10 : 0)));
  const line = Math.max(buttons ? LINE : 0, size(14) + 4);
  const titled = columns.some((column) => column.title) ? line : 0;
  const single = columns.length > 2 && isPicture(columns.at(-1)) && height / columns.length > 60;
  const pitch = (height - edge) / (columns.length + (single ? 0.4 : 0));
  const titles = [], spots = [];
  const nodes = columns.flatMap((column, c) => {
    const count = column.labels.length, tall = single && c === columns.length - 1;
    const first = c === 0, last = c === columns.length - 1 && !first, ends = first || last;
    const own = pitch * (tall ? 1.4 : 1), from = edge + pitch * c;
    const named = ends && column.labels.some(Boolean); // inputs above themselves, and outputs below
    const head = ends ? (named ? size(14) + 6 : 0) : titled;
    const span = ends ? width - 2 * words : width; // the titles of the ends stand beside them, those of the others above
    const rows = span / count < CLOSE && (own - head) / 2 > 14 ? 2 : 1, across = Math.ceil(count / rows);
    const slot = Math.min(span / across, 128);
    const extent = Math.max(3, Math.min(slot * 0.88, ((own - head) / rows) * 0.78, tall ? OUTPUT.largest : 44));
    // Inputs as far up as there is room, all else as far down: the weights come from above.
    const u = first ? from + head + extent / 2 : from + own - 4 - (last ? head : 0) - extent / 2 - (rows - 1) * (extent + 3);
    const top = ends ? u - size(14) / 2 : u - extent / 2 - titled + (titled - size(14)) / 2;
    if (column.title) titles[c] = { text: column.title, x: 2, y: top, align: "left" };
    if (!ends) spots.push({ x: column.title ? measure(column.title) + 8 : 2, y: u - extent / 2 - titled / 2, width, middle: false });
    const left = (width - slot * across) / 2;
    return column.labels.map((label, index) => ({
      c, index, label, u: u + Math.floor(index / across) * (extent + 3), v: left + slot * ((index % across) + 0.5), size: extent,
    }));
  });
  return { down: true, single: false, nodes: placed(nodes, true), titles, spots };
}

const placed = (nodes, down) => nodes.map((node) => ({ ...node, x: down ? node.v : node.u, y: down ? node.u : node.v }));

const isPicture = ({ labels, values }) => labels.length === 1 && values !== undefined;
