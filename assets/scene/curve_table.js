// Curves as numbers: {name, x, y}, each x sorted, found by their step and written as a table.

// The index of the value in sorted `values` that is nearest to `wanted` on an axis with these places; -1 if there is none.
export function closest(values, wanted, place = (x) => x) {
  let low = 0, high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && place(wanted) - place(values[low - 1]) <= place(values[low]) - place(wanted) ? low - 1 : high;
}

// Every step at which one of the curves has a point.
export function together(curves) {
  return [...new Set(curves.flatMap(({ x }) => [...x]))].sort((a, b) => a - b);
}

// A row a step, a column a curve; empty where a curve has no point.
export function csv(x_label, curves) {
  const points = curves.map(({ x, y }) => new Map(Array.from(x, (step, i) => [step, y[i]])));
  const rows = together(curves).map((step) => [shortest(step), ...points.map((each) => shortest(each.get(step)))]);
  return [[x_label, ...curves.map(({ name }) => name)].map(quoted), ...rows].map((row) => `${row.join(",")}\n`).join("");
}

// A name begins no formula, whichever program opens the table.
const inert = (text) => (/^[=+@\t\r-]/.test(text) ? `'${text}` : text);
const quoted = (text) => (/[",\r\n]/.test(text) ? `"${inert(text).replaceAll('"', '""')}"` : inert(text));

// A float32 in as few digits as tell it from its neighbours.
function shortest(value) {
  if (!Number.isFinite(value)) return "";
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}
