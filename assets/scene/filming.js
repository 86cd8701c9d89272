// A film of a panel: its sheet, recorded while the panel moves.  It ends when it is told to, when nothing has moved for a
// while, or when it is long enough.

const version = new URL(import.meta.url).search;
const { paint } = await import(`./sheet.js${version}`);

const TYPES = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
const RATE = 30, BITS = 8e6; // pictures, and bits, a second
const STILL = 3000, LONGEST = 120000; // milliseconds
const LAST = 200; // for which the last picture is seen

const type = () => (globalThis.MediaRecorder && HTMLCanvasElement.prototype.captureStream ? TYPES.find((each) => MediaRecorder.isTypeSupported(each)) : undefined);

// Whether this browser can.
export const films = () => Boolean(type());

export class Filming {
  // `told(seconds)` says each second how long it is; `ended(blob, suffix)` is called once.
  constructor(panel, { told, ended }) {
    Object.assign(this, { panel, told, ended, pieces: [], began: performance.now() });
    this.sheet = document.createElement("canvas");
    this.screen = document.createElement("canvas"); // as large as the first picture, however the panel grows
    this.draw();
    const stream = this.screen.captureStream(RATE);
    this.recorder = new MediaRecorder(stream, { mimeType: type(), videoBitsPerSecond: BITS });
    this.recorder.addEventListener("dataavailable", ({ data }) => this.pieces.push(data));
    this.recorder.addEventListener("stop", () => {
      const { mimeType } = this.recorder;
      for (const track of stream.getTracks()) track.stop();
      ended(new Blob(this.pieces, { type: mimeType }), mimeType.includes("mp4") ? "mp4" : "webm");
    });
    this.recorder.start();
    this.timer = setInterval(() => this.look(), 1000);
  }

  draw() {
    const { sheet, screen } = this;
    paint(this.panel, sheet, { ratio: this.panel.ratio });
    if (!this.sized) Object.assign(screen, { width: 2 * Math.ceil(sheet.width / 2), height: 2 * Math.ceil(sheet.height / 2) }); // MP4 wants even ones
    this.sized = true;
    const context = screen.getContext("2d"), scale = Math.min(screen.width / sheet.width, screen.height / sheet.height);
    context.fillStyle = this.panel.scene.theme.background;
    context.fillRect(0, 0, screen.width, screen.height);
    context.drawImage(sheet, 0, 0, sheet.width * scale, sheet.height * scale);
  }

  // There is another picture of the run.
  moved() {
    this.last = performance.now();
  }

  look() {
    const now = performance.now();
    this.told(Math.round((now - this.began) / 1000));
    if (now - this.began > LONGEST || now - (this.last ?? now) > STILL) this.stop();
  }

  stop() {
    if (this.stopping) return;
    this.stopping = true;
    clearInterval(this.timer);
    this.draw();
    setTimeout(() => this.recorder.stop(), LAST);
  }
}
