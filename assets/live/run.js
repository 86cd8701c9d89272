// One run as a page has it: what was told of it last, and what can be asked of it.
//
// What shows a run or steers it takes a `LiveRun` and listens; none of it knows a page.  Events: "told" (`told` has
// changed), "picture" (detail: its bytes), "drawn" (it is), "beside" (detail: what the picture of another run tells),
// "knobs" (detail: what else was said with them), "refused" (detail: a sentence), "asked" (what waits for an answer has
// changed), "welcome" (a hello is answered), "away" (`away` is a sentence while there is no connection, "" again when it
// is back), "beginning" (what is asked for now goes first), "begun", "over" (detail: why; what is asked next opens
// anew), and what else the protocol has, by its type.

const version = new URL(import.meta.url).search;
const { Connection } = await import(`./socket.js${version}`);

const UNKNOWN = 4404; // the code with which the socket of a run is closed that is not here

export class LiveRun extends EventTarget {
  // `open` is asked once there is something to do, and promises {run, key}; it may refuse with an Error that has a
  // sentence.  `parts`, `panels` and `beside` as in the protocol's hello.  `may`: what is possible until told otherwise.
  // `alive`: seconds between two signs of life, since a run that nobody asks about is put away.  `gone`: what is to be done
  // where there is no such run any more.
  constructor({ open, parts = ["stage", "curves"], panels = null, beside = false, may = "watch", alive = 30, gone = "" }) {
    super();
    Object.assign(this, { open, hello: { parts, panels, beside }, may, alive, gone, told: {}, away: "", asked: new Map() });
    this.others = new Map(); // what is told of those beside it, by id
  }

  // The connection; opened if there is none yet.
  begin() {
    if (this.beginning) return;
    this.beginning = this.open().then(
      ({ run, key }) => this.connect(run, key),
      (error) => this.end(error.message),
    );
    this.emit("beginning");
  }

  connect(run, key) {
    const address = new URL(`live/${run}`, document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    this.id = run;
    this.hello = { ...this.hello, type: "hello", key };
    this.connection = new Connection(address, {
      opened: () => this.greet(),
      received: (data) => this.receive(data),
      lost: (seconds, code) => {
        if (seconds === null) this.end(`${this.told.message || "This run cannot be watched any more."} ${code === UNKNOWN ? this.gone : ""}`.trim());
        else this.leave("The connection is lost. This page comes back by itself; if it does not, look after the network and load it again.");
      },
    });
    this.pulse = setInterval(() => this.seen(!document.hidden), 1000 * this.alive);
    this.emit("begun");
  }

  greet() {
    this.greeted = false; // until the run answers: one that waits for its place does not hear what is asked
    this.connection.send(this.hello);
  }

  // What was asked and not answered: before there was a connection, or a place, or on one that was lost meanwhile.  The
  // run knows those that it has done by their ids.
  repeat() {
    this.greeted = true;
    for (const { message } of this.asked.values()) this.connection.send(message);
  }

  // What is in sight has changed: the last hello counts.
  look(hello) {
    Object.assign(this.hello, hello);
    this.connection?.send(this.hello);
  }

  receive(data) {
    if (this.away) this.leave("");
    if (typeof data !== "string") this.emit("picture", data);
    else this.hear(JSON.parse(data));
  }

  hear({ type, ...message }) {
    if (type === "turned") return this.emit("knobs", message);
    if (type !== "status") return this.emit(type, message);
    const { did, refused, config, may, ...told } = message;
    const own = (told.run ?? this.id) === this.id;
    if (may) {
      this.may = may;
      this.emit("welcome");
    }
    if (own) this.tell(told);
    else this.meet(told);
    if (may) this.repeat();
    if (config && own) this.emit("knobs", { config });
    if (refused) this.emit("refused", refused);
    if (did === undefined) return;
    this.asked.get(did)?.answer(refused ?? null);
    this.asked.delete(did);
    this.emit("asked");
  }

  // What a picture's header says, or a status.
  tell(told) {
    this.told = { ...this.told, ...told };
    this.emit("told");
  }

  // How another fares, which stands beside it.
  meet(told) {
    this.others.set(told.run, { ...this.others.get(told.run), ...told });
    this.emit("beside", told);
  }

  // Nobody looks any more.
  close() {
    clearInterval(this.pulse);
    this.connection?.close();
    this.connection = undefined;
  }

  leave(sentence) {
    this.away = sentence;
    this.emit("away");
  }

  // Nothing more will come; what is asked next opens anew.
  end(sentence) {
    clearInterval(this.pulse);
    this.beginning = this.connection = undefined;
    this.greeted = false;
    for (const { answer } of this.asked.values()) answer(sentence);
    this.asked.clear();
    this.away = "";
    this.emit("over", sentence);
  }

  // ------------------------------------------------------------- what can be asked

  // Each promises null when it is done, or the sentence with which it was refused.
  do(verb, value = null, { rough = false } = {}) {
    return this.ask({ type: "do", verb, value, ...(rough && { rough }) });
  }

  turn(knobs) {
    return this.ask({ type: "turn", knobs });
  }

  pick(pick) {
    return this.ask({ type: "pick", run: this.told.run, held: false, ...pick });
  }

  confirm({ n, run }) {
    this.connection?.send({ type: "ack", n, run });
  }

  seen(visible) {
    this.connection?.send({ type: "seen", value: visible });
  }

  ask(message) {
    this.begin();
    const asked = { ...message, id: name() };
    const answered = new Promise((answer) => this.asked.set(asked.id, { message: asked, answer }));
    if (this.greeted) this.connection.send(asked);
    this.emit("asked");
    return answered;
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

// Not `crypto.randomUUID`: a class may come over plain HTTP, where there is none.
const name = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36).padStart(7, "0")).join("");
