// A slider through time, from data to noise and back from noise to samples, over moments that have all come already.
// From noise to samples it runs by itself, again and again, until a visitor takes hold of it; all of it is drawn from
// what has come, so it moves as smoothly as the screen does, and nothing goes to the server.

const version = new URL(import.meta.url).search;
const { element } = await import(`./panel.js${version}`);

const SECONDS = 8; // from one end to the other, and half of it back from noise
const REST = 3500; // milliseconds for which samples are looked at before noise comes again
const NOISE = 1000; // and for which noise is, before it becomes samples by itself
export const SVG = "http://www.w3.org/2000/svg";
const STILLS = 9; // moments of one picture that stand below the slider, from end to end

export class Reel {
  // `shown` is called whenever the moment changes.  With `stills` there are drawings (SVG) below the slider for what is seen then.
  constructor(panel, shown, { stills = false } = {}) {
    this.shown = shown;
    this.held = null; // what the visitor chose; until then the newest samples
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.asked = false; // whether the visitor has taken hold of the time
    const row = element("div", "stops reel");
    panel.frame.insertBefore(row, panel.note);
    this.button = row.appendChild(element("button"));
    this.button.type = "button";
    this.name = row.appendChild(element("span", "way"));
    const bar = row.appendChild(element("div", "bar"));
    this.input = bar.appendChild(element("input"));
    this.strip = stills && bar.appendChild(element("div", "stills"));
    this.stills = stills ? Array.from({ length: STILLS }, () => this.strip.appendChild(document.createElementNS(SVG, "svg"))) : [];
    const stations = bar.appendChild(element("div", "stations"));
    for (const each of [this.strip, stations]) if (each) each.ariaHidden = "true";
    for (const word of ["real", "pure noise", "drawn"]) stations.appendChild(element("span")).textContent = word;
    stations.lastChild.appendChild(element("i")).textContent = " by the network"; // where there is room
    Object.assign(this.input, { type: "range", min: 0, max: 2, step: 0.005, ariaLabel: "Time: to noise, and back" });
    this.text = row.appendChild(element("output"));
    this.button.addEventListener("click", () => {
      this.asked = true;
      if (this.running) this.stop();
      else this.run(this.at >= 2 ? 0 : this.at);
    });
    this.input.addEventListener("input", () => {
      const at = Number(this.input.value); // before stop() writes the old moment there
      this.asked = true;
      this.stop();
      this.choose(at);
    });
    for (const control of [this.button, this.input]) control.addEventListener("keydown", (event) => event.stopPropagation());
    this.label();
  }

  // Moments `times` of `count` values each: `forward` from 0 to 1, `back` from 1 towards 0.
  update(moments) {
    const drawn = moments.back.times.length > 1; // there are samples
    // Other samples begin in other noise: those on their way arrive before they are seen.
    if (this.running && drawn && this.back?.times.length > 1 && !sameStart(this.back, moments.back, moments.count)) this.next = moments;
    else this.take(moments);
    if (drawn && !this.asked && !this.running && !this.still.matches) this.run(2);
  }

  take(moments) {
    Object.assign(this, moments);
    this.next = undefined;
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
    this.said = this.at === 0 ? "the data" : this.at >= 2 ? "the samples" : this.at === 1 ? "pure noise" : this.at < 1 ? `${time}, adding noise` : `${time}, removing noise`;
    this.text.textContent = this.said.startsWith("t") && this.said[1] === " " ? this.said.split(", ")[0] : `now ${this.said}`; // which way is told by the name
    this.name.textContent = this.at < 1 ? "From picture to noise" : "From noise to picture";
    this.input.setAttribute("aria-valuetext", this.said);
    this.button.textContent = this.running ? "❚❚ Stop film" : "▶ Watch film";
    this.button.title = this.button.ariaLabel = this.running ? "Stop film" : "Watch film through the time";
  }

  // From `at` to the samples, and once they were looked at, from noise to the next ones.
  run(at) {
    let last = performance.now(), arrived = 0, waits = at === 1 ? NOISE : 0;
    this.held = at;
    const tick = (now) => {
      this.running = requestAnimationFrame(tick);
      const passed = now - last;
      last = now;
      if (waits > 0) return void (waits -= passed);
      if (this.at < 2) return this.choose(Math.min(2, this.at + (2 * passed) / (1000 * SECONDS)));
      arrived += passed;
      if (arrived < REST) return;
      arrived = 0;
      if (this.next) this.take(this.next);
      waits = NOISE;
      this.choose(1);
    };
    this.running = requestAnimationFrame(tick);
    this.label();
  }

  stop() {
    cancelAnimationFrame(this.running);
    this.running = undefined;
    if (this.next) this.take(this.next);
    this.label();
  }

  // The values at the present moment, between the two moments that came around it.
  get now() {
    return this.valuesAt(this.at);
  }

  // Those at any moment from 0 to 2.
  valuesAt(at) {
    const { times, data } = at <= 1 ? this.forward : this.back;
    return between(times, data, this.count, at <= 1 ? at : 2 - at);
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

function sameStart(one, other, count) {
  for (let i = 0; i < count; i++) if (one.data[i] !== other.data[i]) return false;
  return true;
}
