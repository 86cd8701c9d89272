// What can be saved of a panel: the picture, a slide of it, a film, and its numbers.

const version = new URL(import.meta.url).search;
const [{ paint }, { Filming, films }] = await Promise.all(["sheet", "filming"].map((name) => import(`./${name}.js${version}`)));

const FILM = "Film";

export class Saving {
  // `tool(text, label, action)` makes a button in the head of the panel.
  constructor(panel, tool) {
    this.panel = panel;
    tool("PNG", "Save this picture", () => this.picture());
    tool("Slide", "Twice as large, with question, settings and link", () => this.slide());
    if (films()) this.button = tool(FILM, "Record this picture while it moves", () => this.shoot());
    if (panel.content.csv) tool("CSV", "Save these numbers as CSV", () => offer(`${panel.key}.csv`, new Blob([panel.content.csv()], { type: "text/csv" })));
  }

  picture() {
    const { panel } = this, { ratio } = panel;
    download(`${panel.key}.png`, paint(panel, document.createElement("canvas"), { ratio }).toDataURL("image/png"));
  }

  // Who shows the run says what it is about; else it is what the page is.
  slide() {
    const { panel } = this, about = { question: document.querySelector("h1")?.textContent };
    this.tell("about", about);
    const sheet = paint(panel, document.createElement("canvas"), { ratio: 2 * panel.ratio, about });
    download(`${panel.key}-slide.png`, sheet.toDataURL("image/png"));
  }

  // Begins a film, or ends it.  Who shows the run may let it begin anew for that.
  shoot() {
    if (this.film) return this.film.stop();
    this.film = new Filming(this.panel, {
      told: (seconds) => this.say(`Stop ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`),
      ended: (film, suffix) => {
        this.film = undefined;
        this.say(FILM);
        offer(`${this.panel.key}.${suffix}`, film);
      },
    });
    this.say("Stop 0:00");
    this.tell("filming", null);
  }

  say(text) {
    this.button.textContent = text;
    this.button.className = text === FILM ? "" : "lasting";
    this.button.ariaLabel = text === FILM ? `${FILM}: ${this.button.title}` : `${text}: end the film and save it`;
  }

  tell(name, detail) {
    this.panel.frame.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail }));
  }

  // The run has another picture.
  moved() {
    this.film?.moved();
  }

  // It is on the canvas.
  draw() {
    this.film?.draw();
  }

  end() {
    this.film?.stop();
  }
}

function offer(name, blob) {
  const address = URL.createObjectURL(blob);
  download(name, address);
  setTimeout(() => URL.revokeObjectURL(address));
}

function download(name, address) {
  const link = document.createElement("a");
  Object.assign(link, { download: name, href: address });
  link.click();
}
