// Lengths and angles that a reader draws on a film. They belong to the film, and are lost when the page is closed.

const SVG = "http://www.w3.org/2000/svg";
const drawn = new Map(); // by the film's address

export class Measures {
  constructor(pane) {
    this.pane = pane;
    const { film, mm } = pane.figure.dataset;
    if (!drawn.has(film)) drawn.set(film, []);
    this.list = drawn.get(film);
    [this.down, this.across] = mm ? mm.split(" ").map(Number) : [1, 1];
    this.unit = mm ? "mm" : "px";
    this.layer = pane.marks.appendChild(document.createElementNS(SVG, "g"));
    this.layer.setAttribute("class", "measures");
  }

  // Begins a length, or begins an angle or gives it its second arm.
  begin(kind, point) {
    const last = this.list.at(-1);
    if (kind === "angle" && last?.kind === "angle" && last.points.length === 2) last.points.push(point);
    else this.list.push({ kind, points: [point, point] });
  }

  drag(point) {
    this.list.at(-1).points.splice(-1, 1, point);
  }

  // A press without a drag means nothing.
  end() {
    const [one, other] = this.list.at(-1)?.points.slice(-2) ?? [];
    if (one && Math.hypot(one.x - other.x, one.y - other.y) * this.pane.scale < 3) this.list.pop();
  }

  draw() {
    this.layer.replaceChildren(...this.list.flatMap((one) => this.shapes(one)));
  }

  shapes({ kind, points }) {
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("points", points.map(({ x, y }) => `${x},${y}`).join(" "));
    const text = document.createElementNS(SVG, "text");
    const place = kind === "angle" ? points[1] : points.at(-1);
    const px = 1 / this.pane.scale;
    text.setAttribute("x", place.x + 8 * px);
    text.setAttribute("y", place.y - 6 * px);
    text.textContent = kind === "angle" ? this.angle(points) : this.length(points);
    return [line, text];
  }

  length([one, other]) {
    const length = Math.hypot((one.x - other.x) * this.across, (one.y - other.y) * this.down);
    return `${length.toFixed(this.unit === "mm" ? 1 : 0)} ${this.unit}`;
  }

  angle([one, middle, other]) {
    if (!other) return "";
    const direction = (point) => Math.atan2((point.y - middle.y) * this.down, (point.x - middle.x) * this.across);
    const between = Math.abs(direction(one) - direction(other));
    return `${((Math.min(between, 2 * Math.PI - between) * 180) / Math.PI).toFixed(1)}°`;
  }
}

export function removeLast() {
  const list = [...drawn.values()].findLast((one) => one.length);
  list?.pop();
}

export function removeAll() {
  for (const list of drawn.values()) list.length = 0;
}
