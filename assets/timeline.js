// The timeline: a range input whose end moves while the run goes on.  It keeps its place in the page, so that dragging
// is smooth, and tells the server at most ten times a second where the visitor has dragged it to.

export function draw(component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector('.timeline');
  const input = root.querySelector('input');
  const state = (root.state ??= { held: false, sent: 0, timer: 0 });
  // The server may read a trigger several times: it knows one by its id.
  state.send = (step) => setTriggerValue('seek', { step, id: crypto.getRandomValues(new Uint32Array(2)).join('') });
  if (!input.oninput) listen(input, state);
  input.max = Math.max(1, data.last);
  input.disabled = data.last === 0;
  // While it is held, or just after, the hand is right and the server is late.
  if (!state.held && performance.now() - state.sent > 600) input.value = data.step;
  input.style.setProperty('--filled', `${(100 * input.value) / input.max}%`);
  root.querySelector('.start').textContent = '0';
  root.querySelector('.end').textContent = data.last.toLocaleString('en-US');
  root.querySelector('.marks').replaceChildren(...data.marks.map((step) => mark(step, data.last)));
}

function mark(step, last) {
  const dot = document.createElement('i');
  dot.style.left = `${(100 * step) / Math.max(1, last)}%`;
  dot.title = `A setting was changed at step ${step.toLocaleString('en-US')}`;
  return dot;
}

function listen(input, state) {
  const send = () => {
    clearTimeout(state.timer);
    const wait = Math.max(0, 100 - (performance.now() - state.sent));
    state.timer = setTimeout(() => {
      state.sent = performance.now();
      state.send(Number(input.value));
    }, wait);
  };
  input.oninput = () => {
    input.style.setProperty('--filled', `${(100 * input.value) / input.max}%`);
    send();
  };
  input.onpointerdown = () => (state.held = true);
  input.onpointerup = input.onpointercancel = () => (state.held = false);
}
