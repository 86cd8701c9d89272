// The knobs of a lab's question as the browser's own controls: sliders, lists, switches.
//
// A specification is {name, label, help, kind, live, when, value, default, …}: `value` and `default` are texts as in a
// link.  Of kind "slider" it has `stops`, [[text, shown], …]; of "number" `low` and `high`; of "choice" and "choices"
// `choices`, [[text, shown], …], "choices" also `length`, how few and how many; "switch" and "line" need nothing more.

const version = new URL(import.meta.url).search;
const { element, write } = await import(`./element.js${version}`);

// Draws into `root`.  `turn(name, text)` promises null when a knob was turned, or a sentence if it was refused.  Returns
// `show(config)`, which sets all of them to what a config (texts; what is at its default may be left out) says.
export function knobs(root, specs, turn) {
  const values = Object.fromEntries(specs.map(({ name, value }) => [name, value]));
  const held = new Set(); // under the hand, or asked for and not yet answered: the server is late
  const drawn = specs.filter(({ kind }) => MADE[kind]).map((spec) => {
    const asker = paced(async (text) => {
      const refused = await turn(spec.name, text);
      held.delete(spec.name);
      if (refused !== null) control.show(values[spec.name]);
    });
    const ask = (text) => {
      held.add(spec.name);
      asker(text);
    };
    const control = MADE[spec.kind](spec, ask);
    control.root.title = [spec.help, spec.live ? "It changes at once." : "A change restarts the run."].filter(Boolean).join(" ");
    control.show(spec.value);
    return { spec, ...control };
  });
  root.replaceChildren(...drawn.map((control) => control.root));
  const show = (config = {}) => {
    for (const { name, default: otherwise } of specs) values[name] = config[name] ?? otherwise;
    for (const { spec, root: place, show: set } of drawn) {
      if (!held.has(spec.name)) set(values[spec.name]);
      place.hidden = !applies(spec, specs, values);
    }
  };
  show({ ...values });
  return show;
}

// Whether what a knob waits for holds: [name, [text, …]] or null.
function applies(spec, specs, values) {
  if (!spec.when) return true;
  const [name, texts] = spec.when, other = specs.find((each) => each.name === name);
  return values[name].split(",").some((text) => texts.includes(text)) && (!other || applies(other, specs, values));
}

// One question at a time, and then the newest.
function paced(ask) {
  let busy = false, next;
  return async (text) => {
    next = text;
    if (busy) return;
    busy = true;
    while (next !== undefined) {
      const now = next;
      next = undefined;
      await ask(now);
    }
    busy = false;
  };
}

// Each: (specification, ask) -> {root, show(text)}.
const MADE = {
  slider({ label, live, stops }, ask) {
    const { root, head } = labelled("label", label, live, "slider");
    const output = head.appendChild(element("span", "set")), input = root.appendChild(element("input"));
    output.ariaHidden = "true"; // the slider says it
    let all = stops;
    Object.assign(input, { type: "range", min: 0, max: stops.length - 1, step: 1 });
    const say = () => {
      const [, shown] = all[input.value];
      write(output, shown);
      input.setAttribute("aria-valuetext", shown);
    };
    input.addEventListener("input", () => {
      say();
      if (live) ask(all[input.value][0]); // a restart for each stop on the way would show nothing
    });
    input.addEventListener("change", () => live || ask(all[input.value][0]));
    return {
      root,
      show(text) {
        all = stops.some(([stop]) => Number(stop) === Number(text)) ? stops : [...stops, [text, text]].sort((a, b) => a[0] - b[0]);
        input.max = all.length - 1;
        input.value = all.findIndex(([stop]) => Number(stop) === Number(text));
        say();
      },
    };
  },

  number({ label, live, low, high }, ask) {
    return typed(label, live, { type: "number", min: low, max: high, step: 1 }, ask);
  },

  line({ label, live }, ask) {
    return typed(label, live, { type: "text", spellcheck: false, autocomplete: "off" }, ask);
  },

  choice({ label, live, choices }, ask) {
    const { root } = labelled("label", label, live, "choice");
    const input = root.appendChild(element("select"));
    input.append(...choices.map(([text, shown]) => new Option(shown, text)));
    input.addEventListener("change", () => ask(input.value));
    return { root, show: (text) => (input.value = text) };
  },

  switch({ label, live }, ask) {
    const root = element("label", "knob switch"), input = element("input");
    Object.assign(input, { type: "checkbox" });
    input.setAttribute("role", "switch");
    root.append(input, name(label, live));
    input.addEventListener("change", () => ask(input.checked ? "1" : "0"));
    return { root, show: (text) => (input.checked = text === "1") };
  },

  choices({ label, live, choices, length: [fewest, most] }, ask) {
    const { root } = labelled("fieldset", label, live, "choices");
    const row = root.appendChild(element("div", "row-of-choices"));
    const inputs = choices.map(([text, shown]) => {
      const each = row.appendChild(element("label")), input = each.appendChild(element("input"));
      Object.assign(input, { type: "checkbox", value: text });
      each.append(shown);
      return input;
    });
    const chosen = () => inputs.filter(({ checked }) => checked).map(({ value }) => value);
    const bound = () => inputs.forEach((input) => (input.disabled = chosen().length === (input.checked ? fewest : most)));
    row.addEventListener("change", () => {
      bound();
      ask(chosen().join(","));
    });
    return {
      root,
      show(text) {
        for (const input of inputs) input.checked = text.split(",").includes(input.value);
        bound();
      },
    };
  },
};

function typed(label, live, attributes, ask) {
  const { root } = labelled("label", label, live, "typed");
  const input = root.appendChild(element("input"));
  Object.assign(input, attributes);
  input.addEventListener("change", () => input.value.trim() && ask(input.value.replaceAll(" ", "")));
  return { root, show: (text) => (input.value = text) };
}

function labelled(tag, label, live, kind) {
  const root = element(tag, `knob ${kind}`);
  const head = root.appendChild(element(tag === "fieldset" ? "legend" : "span", "named"));
  head.append(name(label, live));
  return { root, head };
}

function name(label, live) {
  const said = element("span", "", label);
  if (live) said.append(element("span", "dot"));
  return said;
}
