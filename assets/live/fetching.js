// How far a data set has come on its way to the server, which is asked once a second, past Streamlit.
// ui/inputs/data_set.py mounts it.  When it is over the page is told by the trigger `over`, until it no longer shows this.

const EVERY = 1000; // milliseconds
const places = new WeakMap(); // by the element that Streamlit gives

export function mount(component) {
  const { parentElement } = component;
  let place = places.get(parentElement);
  if (!place) places.set(parentElement, (place = new Place(parentElement)));
  place.component = component;
  place.tell(component.data.said);
  return () => {
    if (parentElement.isConnected || parentElement.host?.isConnected) return;
    clearTimeout(place.timer);
    places.delete(parentElement);
  };
}

class Place {
  constructor(parentElement) {
    this.line = parentElement.querySelector("p");
    this.next();
  }

  tell(said) {
    if (this.line.textContent !== said) this.line.textContent = said;
  }

  next() {
    this.timer = setTimeout(() => this.ask(), EVERY);
  }

  async ask() {
    try {
      const answer = await fetch(new URL(`fetching/${this.component.data.name}`, document.baseURI), { cache: "no-store" });
      const { said, over } = await answer.json();
      this.tell(said);
      if (over) this.component.setTriggerValue("over", true);
    } catch {} // it cannot be reached just now: it is asked again
    this.next();
  }
}
