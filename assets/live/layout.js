// What of a stage is seen first: the row of the hero, as high as the window has room for.  Every other row is a tab; where
// the hero is words only, the first picture stands below them.

const version = new URL(import.meta.url).search;
const { drawn } = await import(`../scene/rows.js${version}`);

export const ALL = "*"; // among the keys that are open: every tab is
const LEAST = 300; // pixels of a picture that can be read, in a window that has them
const NARROW = 640; // and of a stage on which panels stand below each other: see scene.css
const BESIDE = 300; // pixels of a panel that has another one beside it
const HEAD = 96; // of a panel: title, legend and axes
const BELOW = 360; // and of a picture below a hero that is a table

// `rows` are those of a header, `hero` the key of a panel (where there is none, the first of all takes its place), `open`
// the keys of tabs that are open; `alone`: nothing stands beside the hero.  `width` is what the stage has, `room` what the
// `window` has left for it in height.  Returns the rows that are seen, how many of them stand ahead of the tabs, the height
// of all, and the tabs: [key of the first panel, title, whether it is open].
export function arranged({ rows, height }, { hero: wanted, alone, open, width, room, window }) {
  const at = Math.max(0, rows.findIndex((row) => row.some(({ key }) => key === wanted)));
  if (!rows.length) return { rows, height, ahead: 1, tabs: [] };
  const row = rows[at], hero = row.some(({ key }) => key === wanted) ? wanted : row[0].key, first = row.filter(({ key }) => key === hero);
  const weight = row.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const fits = !alone && width > NARROW && row.every(({ weight: own = 1 }) => (width * own) / weight >= BESIDE);
  const seen = fits ? row : first;
  const folded = [...row.filter((panel) => !seen.includes(panel)).map((panel) => [panel]), ...rows.filter((_, k) => k !== at)];
  const others = width > NARROW ? folded : folded.flatMap((each) => (drawn(each) ? each.map((panel) => [panel]) : [each]));
  const shares = rows.filter(drawn).reduce((sum, each) => sum + (each[0].share ?? 1), 0) || 1;
  const natural = (share) => Math.max(LEAST, (height * (share ?? 1)) / shares);
  const wide = width * (seen.length > 1 ? (seen.find(({ key }) => key === hero)?.weight ?? 1) / weight : 1);
  const high = Math.max(Math.min(LEAST, window / 2), Math.min(room, wide + HEAD));
  const isOpen = ([{ key }]) => open.has(ALL) || open.has(key);
  const below = drawn(seen) ? undefined : others.find(drawn);
  const ahead = below ? [sized(seen), sized(below, BELOW)] : [sized(seen, high)];
  const tabs = others.filter((each) => each !== below);
  const shown = [...ahead, ...tabs.filter(isOpen).map((each) => sized(each, natural(each[0].share)))];
  const pixels = shown.filter(drawn).reduce((sum, each) => sum + each[0].share, 0);
  return {
    rows: shown,
    ahead: ahead.length,
    height: pixels + 12 * Math.max(0, shown.filter(drawn).length - 1), // the gaps: see Scene.build
    tabs: tabs.map((each) => [each[0].key, each.find(({ title }) => title)?.title ?? "In numbers", isOpen(each)]),
  };
}

const sized = (row, share) => [{ ...row[0], share }, ...row.slice(1)];
