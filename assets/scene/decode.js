// Bytes from engine/scene/scene.py, or those of engine/live/protocol.py -> {height, rows, arrays}.  Arrays are views into the message: nothing is copied.

const TYPES = { u1: Uint8Array, u2: Uint16Array, f4: Float32Array };
const MAGICS = [0x314e4353, 0x324e4353]; // "SCN1" and "SCN2", little-endian

export function decode(data) {
  const bytes = data.byteOffset % 8 ? data.slice() : data;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!MAGICS.includes(view.getUint32(0, true))) throw new Error("This is not a scene, or one of another version: reload the page.");
  const length = view.getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const start = bytes.byteOffset + Math.ceil((8 + length) / 8) * 8;
  header.arrays = header.arrays.map(([type, offset, shape]) => ({
    data: new TYPES[type](bytes.buffer, start + offset, shape.reduce((a, b) => a * b, 1)),
    shape,
  }));
  return header;
}
