// What a page of Streamlit's is to be told, so that it is drawn anew: each thing once, and one at a time.  A second one
// would bring the page what its widgets said before the first was answered.

const ANSWERED = 3000; // milliseconds after which one counts as answered, whatever the page says

export class Nudges {
  // `send({ kind, version, step })` tells the page; `drawn(kind, version, step)` says whether it shows that already.
  constructor(send, drawn) {
    Object.assign(this, { send, drawn, said: "" });
  }

  tell(kind, version, step) {
    if (this.drawn(kind, version, step)) return;
    const said = `${kind} ${version} ${step}`;
    if (said === this.said) return;
    if (this.pending !== undefined) {
      // Where a run was to stop a lesson waits for the one beside it too, though the page may show this one at rest.
      if (kind !== "rested" || this.next?.[0] !== "reached") this.next = [kind, version, step];
      return;
    }
    this.said = said;
    this.pending = setTimeout(() => this.answered(), ANSWERED);
    this.send({ kind, version, step });
  }

  answered() {
    const { next } = this;
    this.end();
    if (next) this.tell(...next);
  }

  // The same may be told once more.
  forget() {
    this.said = "";
  }

  end() {
    clearTimeout(this.pending);
    this.pending = this.next = undefined;
  }
}
