// What a browser keeps for us in a storage of its own, as JSON.  One that keeps nothing shows each page as it is at first.

// What stands under `key`; `otherwise` where nothing does, or something that is not ours.
export function read(storage, key, otherwise) {
  try {
    return JSON.parse(window[storage].getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

// Whether there was room for it.
export function write(storage, key, value) {
  try {
    window[storage].setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

// Which lessons have been seen to their end: {"gan/collapse": true}.
export const LESSONS = "playground.lessons";
export const lessons = () => {
  const kept = read("localStorage", LESSONS, {});
  return typeof kept === "object" ? kept : {};
};
