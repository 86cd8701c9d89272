// Watches one run, and changes nothing: the stage, curves, how it fares, and what its knobs say.
//
//   live/socket.js    a connection that comes back
//   live/run.js       one run: what is told of it, and what can be asked of it
//   live/stage.js     its pictures, drawn and confirmed; keys.js puts those together that come as differences
//   live/status.js    the step with its rate, what to look at, whether there is a connection
//   live/transport.js, timeline.js, knobs.js    what steers it: see embed.js

const version = new URL(import.meta.url).search;
const [{ LiveRun }, { Stage }, { status }, { element }] = await Promise.all(
  ["run", "stage", "status", "element"].map((name) => import(`./live/${name}.js${version}`)),
);

const main = document.querySelector("main");
if (main.dataset.run) {
  const labels = JSON.parse(document.getElementById("lab").textContent);
  const run = new LiveRun({ open: async () => ({ run: main.dataset.run, key: null }), gone: "Ask whoever sent you the address for a new one." });
  const stage = new Stage({ stage: main.querySelector(".stage"), curves: main.querySelector(".curves") }, run);
  status(main.querySelector(".told"), run);
  run.addEventListener("knobs", ({ detail: { config = {} } }) => {
    main.querySelector(".settings").replaceChildren(
      ...Object.entries(config).map(([name, text]) => {
        const pair = element("div");
        pair.append(element("dt", "", labels[name] ?? name), element("dd", "", text.replaceAll(",", ", ").replaceAll("_", " ")));
        return pair;
      }),
    );
  });
  stage.load();
  run.begin();
}
