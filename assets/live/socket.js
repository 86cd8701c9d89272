// A socket that comes back: with growing pauses, and not everybody at once.

const FIRST = 500, LONGEST = 15000; // milliseconds until it tries again
const OVER = new Set([4404, 4403, 4408, 4413, 4429]); // the server meant it

export class Connection {
  // `opened(send)`, `received(data)` (a text or an ArrayBuffer), `lost(seconds, code)` (null: for good).
  constructor(address, { opened, received, lost }) {
    Object.assign(this, { address, opened, received, lost, pause: FIRST });
    this.connect();
    addEventListener("online", () => this.hurry());
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const socket = (this.socket = new WebSocket(this.address));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.opened();
    socket.onmessage = ({ data }) => {
      this.pause = FIRST; // only what answers counts as back
      this.received(data);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.socket) return;
      if (OVER.has(code)) return this.lost(null, code);
      const wait = this.pause * (0.5 + Math.random());
      this.pause = Math.min(LONGEST, this.pause * 2);
      this.lost(wait / 1000, code);
      this.timer = setTimeout(() => this.connect(), wait);
    };
  }

  // The network is back: do not wait until the pause is over.
  hurry() {
    if (this.timer !== undefined) this.connect();
  }

  close() {
    clearTimeout(this.timer);
    const { socket } = this;
    this.timer = this.socket = undefined;
    socket.close();
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
