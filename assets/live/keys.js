// Pictures that come as differences, put together: of each run and part the arrays of the two newest key pictures are
// kept, as in engine/live/keys.py.

const version = new URL(import.meta.url).search;
const { decode } = await import(`../scene/decode.js${version}`);

const KEPT = 2; // key pictures of a run and part

export class Keys {
  constructor() {
    this.forget();
  }

  // After a hello: whoever is greeted has confirmed nothing yet, and so gets what it knows whole.
  forget() {
    this.kept = new Map(); // part and run -> number -> arrays, oldest first
    this.lost = new Set(); // parts and runs of which there was a picture that could not be put together
  }

  // The picture in a message; or null if it builds on one that is not here.  Until one of that part comes whole, nothing
  // of it is a picture: who confirms one would confirm those before it.
  read(message) {
    const of = (header) => `${header.part} ${header.run}`;
    const picture = decode(new Uint8Array(message), (header) => this.kept.get(of(header))?.get(header.base));
    const name = of(picture), whole = picture.base === null;
    if (whole) this.lost.delete(name);
    if (!picture.arrays) this.lost.add(name);
    if (this.lost.has(name)) return null;
    if (picture.keep) this.keep(name, picture, message);
    return picture;
  }

  // What it has from an older message is copied, lest that be kept whole for its sake.
  keep(name, { n, arrays }, message) {
    if (!this.kept.has(name)) this.kept.set(name, new Map());
    const keys = this.kept.get(name);
    keys.set(n, arrays.map(({ data, shape }) => ({ data: data.buffer === message ? data : data.slice(), shape })));
    while (keys.size > KEPT) keys.delete(keys.keys().next().value);
  }
}
