// Bytes from engine/scene/scene.py, or those of engine/live/keys.py -> {height, rows, arrays}.  Arrays are views into the message: nothing is copied.

const TYPES = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f2: globalThis.Float16Array ?? Uint16Array, f4: Float32Array, f8: Float64Array };
const MAGICS = [0x314e4353, 0x324e4353]; // "SCN1" and "SCN2", little-endian
const SAME = -1; // in place of an offset: as in the picture that this one builds on

// `known(header)` has the arrays of the picture `header.base`.  Without them `arrays` is null: it cannot be put together.
export function decode(data, known = () => undefined) {
  const bytes = data.byteOffset % 8 ? data.slice() : data;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!MAGICS.includes(view.getUint32(0, true))) throw new Error("This is not a scene, or one of another version: reload the page.");
  const length = view.getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const start = bytes.byteOffset + Math.ceil((8 + length) / 8) * 8;
  const builds = (header.base ?? null) !== null, before = builds ? known(header) : undefined;
  if (builds && !header.arrays.every(([, offset], k) => offset !== SAME || before?.[k])) return { ...header, arrays: null };
  header.arrays = header.arrays.map(([type, offset, shape], k) => {
    if (offset === SAME) return before[k];
    const data = new TYPES[type](bytes.buffer, start + offset, shape.reduce((a, b) => a * b, 1));
    return { data: type === "f2" && !globalThis.Float16Array ? Float32Array.from(data, half) : data, shape };
  });
  return header;
}

// What the bits of a float16 mean, where the browser has no word for it.
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, rest = bits & 1023;
  if (exponent === 31) return rest ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + rest / 1024) : 2 ** -24 * rest);
}

// Numbers that were sent in two bytes each: see `Arrays.fine` in engine/scene/arrays.py.
export function fine({ data }, scale) {
  if (!scale) return data;
  const [first, step] = scale, numbers = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) numbers[i] = data[i] === 65535 ? NaN : first + (data[i] + 0.5) * step;
  return numbers;
}
