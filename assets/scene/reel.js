// A slider through time, from data to noise and back from noise to samples, over moments that have all come already.
// It runs by itself when asked to; nothing goes to the server.

const version = new URL(import.meta.url).search;
const { element } = await import(`./panel.js${version}`);

const SECONDS = 7; // from one end to the other

export class Reel {
  // `shown` is called whenever the moment changes.
  constructor(panel, shown) {
    this.shown = shown;
    this.held = null; // what the visitor chose; until then the newest samples
    const row = element("div", "stops reel");
    panel.frame.insertBefore(row, panel.note);
    this.button = row.appendChild(element("button"));
    this.button.type = "button";
    this.input = row.appendChild(element("input"));
    Object.assign(this.input, { type: "range", min: 0, max: 2, step: 0.005, ariaLabel: "Time: to noise, and back" });
    this.text = row.appendChild(element("output"));
    this.button.addEventListener("click", () => (this.running ? this.stop() : this.run()));
    this.input.addEventListener("input", () => {
      const at = Number(this.input.value); // before stop() writes the old moment there
      this.stop();
      this.choose(at);
    });
    for (const control of [this.button, this.input]) control.addEventListener("keydown", (event) => event.stopPropagation());
    this.label();
  }

  // Moments `times` of `count` values each: `forward` from 0 to 1, `back` from 1 towards 0.
  update({ forward, back, count }) {
    Object.assign(this, { forward, back, count });
    this.label();
  }

  // 0 to 1 while noise is added, 1 to 2 while it is taken away.
  get at() {
    return this.held ?? 2;
  }

  get time() {
    return this.at <= 1 ? this.at : 2 - this.at;
  }

  choose(at) {
    this.held = at >= 2 ? null : at; // at the end it goes along with what is new
    this.label();
    this.shown();
  }

  label() {
    this.input.value = this.at;
    const time = `t = ${this.time.toFixed(2)}`;
    this.said = this.at === 0 ? "the data" : this.at >= 2 ? "the samples" : this.at <= 1 ? `${time}, adding noise` : `${time}, removing noise`;
    this.text.textContent = this.said;
    this.input.setAttribute("aria-valuetext", this.said);
    this.button.textContent = this.running ? "❚❚" : "▶";
    this.button.title = this.button.ariaLabel = this.running ? "Stop the time" : "Run through the time";
  }

  run() {
    let last = performance.now();
    if (this.at >= 2) this.held = 0;
    const tick = (now) => {
      this.running = requestAnimationFrame(tick);
      const next = this.at + (2 * (now - last)) / (1000 * SECONDS);
      last = now;
      if (next >= 2) this.stop();
      this.choose(Math.min(2, next));
    };
    this.running = requestAnimationFrame(tick);
    this.label();
  }

  stop() {
    cancelAnimationFrame(this.running);
    this.running = undefined;
    this.label();
  }

  // The values at the present moment, between the two moments that came around it.
  get now() {
    const { forward, back } = this;
    return this.at <= 1 ? between(forward.times, forward.data, this.count, this.time) : between(back.times, back.data, this.count, this.time);
  }
}

// `data` holds `count` values for each of `times`, which only rise or only fall; the values at `time`.
export function between(times, data, count, time) {
  const rising = times.at(-1) > times[0];
  let i = 0;
  while (i + 2 < times.length && (rising ? times[i + 1] < time : times[i + 1] > time)) i++;
  const j = Math.min(i + 1, times.length - 1);
  const share = i === j ? 0 : Math.max(0, Math.min(1, (time - times[i]) / (times[j] - times[i])));
  const mixed = new Float32Array(count);
  for (let k = 0; k < count; k++) mixed[k] = data[i * count + k] * (1 - share) + data[j * count + k] * share;
  return mixed;
}
