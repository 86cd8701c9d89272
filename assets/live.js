// Watches one run: pictures come over a socket, are drawn, and are confirmed when they are on the canvas.
//
//   live/socket.js   a connection that comes back

const version = new URL(import.meta.url).search;
const [{ Connection }, { decode }, { mount }] = await Promise.all(
  ["live/socket", "scene/decode", "scene"].map((name) => import(`./${name}.js${version}`)),
);

const WORDS = { waiting: "waiting", running: "running", paused: "paused", done: "finished", diverged: "diverged", failed: "stopped", lost: "put away" };
const main = document.querySelector("main");
const run = main.dataset.run;
const status = main.querySelector(".status");
const places = { stage: main.querySelector(".stage"), curves: main.querySelector(".curves") };
const headers = {}; // the newest picture of each part
let told = {};
let away = null; // a sentence while there is no connection

if (run) {
  await document.fonts.load("16px Inter", "aσ"); // what is written on a canvas is not written anew
  const address = new URL(`live/${run}`, document.baseURI);
  address.protocol = address.protocol.replace("http", "ws");
  const connection = new Connection(address, {
    opened: () => connection.send({ type: "hello", key: null, parts: ["stage", "curves"], panels: null, beside: false }),
    received: (data) => {
      away = null;
      if (typeof data === "string") tell(JSON.parse(data));
      else draw(decode(new Uint8Array(data)));
    },
    lost: (seconds) => {
      away = seconds === null ? told.message || "This run cannot be watched any more." : "The connection is lost; this page tries to come back.";
      write();
    },
  });

  // Confirmed when the browser has painted it; a hidden tab paints nothing, so it asks for nothing either.
  const draw = (header) => {
    headers[header.part] = header;
    show(header.part);
    tell(header);
    requestAnimationFrame(() => connection.send({ type: "ack", n: header.n, run: header.run }));
  };
  document.addEventListener("visibilitychange", () => connection.send({ type: "seen", value: !document.hidden }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => Object.keys(headers).forEach(show));
}

function show(part) {
  mount({ parentElement: places[part], data: headers[part], setTriggerValue() {} });
}

function tell(message) {
  told = { ...told, ...message };
  write();
}

function write() {
  const { step = 0, last_step: last = 0, status: state, rate, message } = told;
  const words = [`Step ${step.toLocaleString("en")}${step < last ? ` of ${last.toLocaleString("en")}` : ""}`];
  if (state) words.push(rate ? `${Math.round(rate).toLocaleString("en")} a second` : WORDS[state] ?? state);
  if (message && !away) words.push(message);
  const text = away ?? words.join(" · ");
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("away", away !== null);
}
