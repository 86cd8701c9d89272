// Runs in every page before its own scripts.  Counts what the page receives, and on request what it shows.
(() => {
  const received = { messages: 0, bytes: 0 };
  window.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      this.addEventListener("message", ({ data }) => {
        received.messages += 1;
        received.bytes += data.byteLength ?? data.size ?? data.length;
      });
    }
  };

  // The first element for a selector, those inside components too.
  const find = (selector, root = document) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.matches(selector)) return element;
      const inside = element.shadowRoot && find(selector, element.shadowRoot);
      if (inside) return inside;
    }
    return null;
  };

  let place = null; // of the step counter: looked for again when the page has drawn another one
  const counter = () => {
    if (!place?.isConnected) place = find(".st-key-step, .counter");
    return place?.textContent ?? "";
  };
  const step = () => Number((counter().match(/\d[\d,]*/) ?? ["0"])[0].replaceAll(",", ""));

  // Drawings on the page, those inside components too.
  const drawings = (root = document) =>
    [...root.querySelectorAll("*")].flatMap((element) => [
      ...(element.matches("canvas, svg.marks, svg.main-svg, [data-testid=stImage] img") ? [element] : []),
      ...(element.shadowRoot ? drawings(element.shadowRoot) : []),
    ]);

  // Whether a canvas shows more than one colour; every 97th pixel is looked at.
  const painted = (canvas) => {
    if (!canvas.matches("canvas") || !canvas.width || !canvas.height) return false;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const pixels = new Uint32Array(data.buffer);
    return pixels.some((pixel, i) => i % 97 === 0 && pixel !== pixels[0]);
  };

  let seen;
  let tasks;

  window.probe = {
    step,

    // Whether there is a picture on the page.
    picture: () => drawings().some(painted),

    start() {
      const now = performance.now();
      seen = { began: now, last: now, frames: 0, animation: 0, stall: 0, task: 0, remounts: 0, text: counter(),
               firstStep: step(), received: { ...received }, drawings: new Set(drawings()), on: true };  // prettier-ignore
      let before = now;
      let count = 0;
      const state = seen;
      const tick = () => {
        if (!state.on) return;
        const now = performance.now();
        state.stall = Math.max(state.stall, now - before);
        before = now;
        count += 1;
        const text = counter();
        if (text !== state.text) Object.assign(state, { text, frames: state.frames + 1, last: now, animation: count });
        if (count % 30 === 0) {
          const current = drawings();
          state.remounts += current.filter((drawing) => !state.drawings.has(drawing)).length;
          state.drawings = new Set(current);
        }
        requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
      tasks = new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) state.task = Math.max(state.task, duration);
      });
      tasks.observe({ type: "longtask" });
    },

    // What was seen until the counter last changed: a run that ended earlier than the watching does not count as slow.
    stop() {
      seen.on = false;
      tasks.disconnect();
      const seconds = (seen.last - seen.began) / 1000;
      return {
        seconds, frames: seen.frames / seconds, animation: seen.animation / seconds, stall: seen.stall, task: seen.task,
        steps: (step() - seen.firstStep) / seconds, remounts: seen.remounts, drawings: seen.drawings.size,
        messages: (received.messages - seen.received.messages) / seconds,
        megabytes: (received.bytes - seen.received.bytes) / seconds / 1e6,
      };  // prettier-ignore
    },

    // Times the way from the last key pressed, or another `event`, to the first animation frame in which the first
    // drawing, or the `largest`, is another one.
    timeKey({ event = "keydown", largest = false } = {}) {
      const size = ({ width, height }) => width * height;
      const [canvas] = largest ? drawings().sort((a, b) => size(b) - size(a)) : drawings();
      const before = canvas.toDataURL();
      let pressed = null;
      window.probe.answered = null;
      addEventListener(event, (key) => {
        const first = pressed === null;
        pressed = key.timeStamp;
        const tick = () => {
          if (canvas.toDataURL() === before) requestAnimationFrame(tick);
          else window.probe.answered ??= performance.now() - pressed;
        };
        if (first) tick();
      }, { capture: true });  // prettier-ignore
    },

    // Times the way from the next click to the first animation frame in which the counter shows another step.
    timeClick() {
      const before = step();
      window.probe.clicked = null;
      addEventListener("click", (click) => {
        const tick = () => {
          if (step() === before) requestAnimationFrame(tick);
          else window.probe.clicked = performance.now() - click.timeStamp;
        };
        tick();
      }, { capture: true, once: true });  // prettier-ignore
    },
  };
})();
