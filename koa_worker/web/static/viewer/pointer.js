// The actions of mouse, fingers and wheel on a pane: move, zoom at the pointer, window, measure.

const LINE = 16; // pixels, of a wheel that counts in lines

export class Pointer {
  constructor(viewer) {
    this.viewer = viewer;
    this.last = null; // the pane that was touched last
  }

  follow(panes) {
    this.last = null;
    for (const pane of panes) {
      const fingers = new Map();
      const on = (name, act, how) => pane.stage.addEventListener(name, (event) => act.call(this, event, pane, fingers), how);
      on("wheel", this.wheel, { passive: false });
      on("pointerdown", this.grab);
      on("pointermove", this.drag);
      on("pointerup", this.loose);
      on("pointercancel", this.loose);
      on("dblclick", () => pane.fit());
      on("focus", () => (this.last = pane));
      on("contextmenu", (event) => event.preventDefault());
    }
  }

  // The wheel zooms only once the viewer was touched, so that scrolling past does not zoom.
  wheel(event, pane) {
    if (!event.ctrlKey && !this.viewer.root.contains(document.activeElement)) return;
    event.preventDefault();
    const by = Math.exp(-event.deltaY * (event.deltaMode ? LINE : 1) * (event.ctrlKey ? 0.01 : 0.0015));
    const { x, y } = within(event, pane);
    if (this.viewer.linked) for (const one of this.viewer.panes) one.zoomTo(one.scale * by, x, y);
    else pane.zoomTo(pane.scale * by, x, y);
  }

  grab(event, pane, fingers) {
    this.last = pane;
    pane.stage.focus({ preventScroll: true });
    fingers.set(event.pointerId, within(event, pane));
    this.does = event.button === 2 || event.shiftKey ? "window" : event.button === 1 ? "move" : this.viewer.tool;
    if (this.does === "move" && pane.fitted && event.pointerType === "touch" && fingers.size === 1) return; // may be a scroll
    event.preventDefault();
    pane.stage.setPointerCapture(event.pointerId);
    if (this.measuring && fingers.size === 1) {
      const { x, y } = within(event, pane);
      pane.measures.begin(this.does, pane.at(x, y));
    }
  }

  get measuring() {
    return this.does === "ruler" || this.does === "angle";
  }

  drag(event, pane, fingers) {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = within(event, pane);
    if (fingers.size === 2) this.pinch(event.pointerId, now, pane, fingers);
    else if (pane.stage.hasPointerCapture(event.pointerId)) this.act(before, now, pane);
    fingers.set(event.pointerId, now);
  }

  act(before, now, pane) {
    const across = now.x - before.x;
    const down = now.y - before.y;
    if (this.measuring) {
      pane.measures.drag(pane.at(now.x, now.y));
      this.viewer.change(() => {});
    } else if (this.does === "window") this.viewer.widen(Math.exp(across / 250), down / 500);
    else for (const one of this.viewer.linked ? this.viewer.panes : [pane]) one.move(across, down);
  }

  // Two fingers: the point between them stays between them.
  pinch(id, now, pane, fingers) {
    const before = fingers.get(id);
    const [other] = [...fingers].filter(([one]) => one !== id).map(([, place]) => place);
    const apart = (place) => Math.max(Math.hypot(place.x - other.x, place.y - other.y), 10);
    pane.zoomTo((pane.scale * apart(now)) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
    pane.move((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  loose(event, pane, fingers) {
    if (fingers.size === 1 && this.measuring && fingers.has(event.pointerId)) {
      pane.measures.end();
      this.viewer.change(() => {});
    }
    fingers.delete(event.pointerId);
  }
}

function within(event, pane) {
  const frame = pane.stage.getBoundingClientRect();
  return { x: event.clientX - frame.left, y: event.clientY - frame.top };
}
