// The pictures of a run: drawn as they come, confirmed when they are on the canvas.

const version = new URL(import.meta.url).search;
const HELD = 40; // milliseconds between two places of a drag that are told: a server hears out fifty of these a second

// `places` holds an element for each part; for those of a run that stands beside it by part and id, "stage Ab3…".
// `chosen(key)` says which panels are seen, `height(part)` how high a picture is to be (undefined: as high as it asks).
// `arrange(header, place)` says what of the rows is seen, and what stands between the first of them and the others.
// What is picked in one is passed on if the page may steer.
export class Stage {
  constructor(places, run, { chosen = () => true, height = () => undefined, arrange = () => ({}) } = {}) {
    Object.assign(this, { places, run, chosen, height, arrange, headers: {}, point: undefined }); // what is pointed at in the stages
    run.addEventListener("picture", ({ detail }) => this.receive(detail));
    run.addEventListener("welcome", () => {
      this.restarting = false;
      this.keys?.forget();
    });
    document.addEventListener("visibilitychange", () => run.seen(!document.hidden));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  // What draws is loaded when there is something to draw; whoever knows that there soon will be may ask earlier.
  load() {
    this.loading ??= Promise.all([
      import(`../scene.js${version}`),
      import(`./keys.js${version}`).then(({ Keys }) => (this.keys = new Keys())),
    ]);
    return this.loading;
  }

  async receive(data) {
    await this.load();
    const header = this.keys.read(data);
    if (!header) return this.restart();
    this.headers[this.name(header)] = header;
    const { arrays, rows, ...told } = header;
    if (header.run === this.run.id) this.run.tell(told);
    else this.run.meet(told);
    await this.draw(header);
    this.run.emit("drawn");
    // Confirmed when the browser has painted it; a hidden tab paints nothing, so it asks for nothing either.
    requestAnimationFrame(() => this.run.confirm(header));
  }

  // A picture builds on one that is not here: say hello anew, once, and what comes after the answer is whole.
  restart() {
    if (!this.restarting) this.run.greet();
    this.restarting = true;
  }

  name({ part, run }) {
    return run === this.run.id ? part : `${part} ${run}`;
  }

  // From here on that part is drawn there.
  put(name, place) {
    this.places[name] = place;
    if (this.headers[name]) this.draw(this.headers[name]);
  }

  async draw(header) {
    const [{ mount }] = await this.load();
    const place = this.places[this.name(header)];
    if (!place) return; // it has just gone
    const rows = header.rows.map((row) => row.filter(({ key }) => this.chosen(key))).filter((row) => row.length);
    place.hidden = !rows.length;
    const high = this.height(header.part) ?? header.height;
    const setTriggerValue = (_, pick) => this.pick(header.run, pick);
    const point = header.part === "stage" ? this.point : undefined;
    const data = { ...header, rows, height: high };
    Object.assign(data, this.arrange(data, place));
    mount({ parentElement: place, data, point, setTriggerValue, holds: this.run.may === "steer" });
  }

  redraw() {
    for (const header of Object.values(this.headers)) this.draw(header);
  }

  // Promises that it has been answered: with null, or with the sentence with which it was refused.
  pick(run, { id, step, ...pick }) {
    if (this.run.may !== "steer") return undefined;
    if (step) return this.turnAndStep({ ...pick, run });
    this.dragged = pick.held ? { ...pick, run } : undefined; // where it ends, what was on its way is wanted no more
    return pick.held ? this.drag() : this.run.pick({ ...pick, run });
  }

  async turnAndStep(pick) {
    const refused = await this.run.pick(pick);
    if (!refused) this.run.do("step", 1);
    return refused;
  }

  // While something is dragged: one question at a time, and then the newest.
  async drag() {
    if (this.dragging) return;
    this.dragging = true;
    for (let now; (now = this.dragged); ) {
      this.dragged = undefined;
      await Promise.all([this.run.pick(now), new Promise((done) => setTimeout(done, HELD))]);
    }
    this.dragging = false;
  }

  // The panels that there are, in order: [key, title].
  get panels() {
    return ["stage", "curves"].flatMap((part) => this.headers[part]?.rows.flat() ?? []).map(({ key, title }) => [key, title]);
  }
}
