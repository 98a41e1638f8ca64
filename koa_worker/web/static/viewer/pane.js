// One pane of the viewer: a film or a part of it, with marks over it.

import { filmAt } from "./film.js";
import { Measures } from "./measures.js";

const LARGEST_SCALE = 16;
const DENSEST = 2; // canvas pixels for one of the page, at most

export class Pane {
  // `focus` is the box of a knee, or null for the whole film.
  constructor(figure, viewer, focus) {
    this.figure = figure;
    this.viewer = viewer;
    this.stage = figure.querySelector(".stage");
    this.picture = figure.querySelector(".base");
    this.marks = figure.querySelector(".marks");
    this.state = figure.querySelector(".state");
    this.width = Number(figure.dataset.width);
    this.height = Number(figure.dataset.height);
    this.focus = focus ?? { x: 0, y: 0, width: this.width, height: this.height };
    this.room = focus ? 1.25 : 1;
    this.fitted = true;
    this.scale = 1; // page pixels for one of the film
    this.x = this.y = 0; // the film's point at the middle of the pane
    this.canvas = this.stage.insertBefore(document.createElement("canvas"), this.stage.firstChild);
    this.measures = new Measures(this);
    this.film = null;
    this.marks.setAttribute("preserveAspectRatio", "none");
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(this.stage);
    this.picture.addEventListener("load", () => this.draw());
    this.seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.load();
    });
    this.seen.observe(this.stage);
  }

  leave() {
    this.sized.disconnect();
    this.seen.disconnect();
    this.figure.remove();
  }

  async load() {
    this.seen.disconnect();
    this.state.textContent = "Loading the original…";
    try {
      this.film = await filmAt(this.figure.dataset.film);
      this.stage.dataset.shows = "original";
    } catch {
      this.stage.dataset.shows = "smaller";
    }
    this.draw();
    this.viewer.tell();
  }

  resize() {
    const dense = Math.min(devicePixelRatio, DENSEST);
    this.across = this.stage.clientWidth;
    this.down = this.stage.clientHeight;
    this.canvas.width = Math.max(Math.round(this.across * dense), 1);
    this.canvas.height = Math.max(Math.round(this.down * dense), 1);
    this.stage.style.setProperty("--shape", `${this.across} / ${this.down}`);
    this.image = null;
    if (this.fitted) this.fit();
    this.paint(); // at once: a canvas that was given a new size is empty
  }

  fit() {
    const { x, y, width, height } = this.focus;
    this.fitted = true;
    this.scale = Math.min(this.across / width, this.down / height) / this.room || 1;
    this.x = x + width / 2;
    this.y = y + height / 2;
    this.draw();
  }

  // A new scale, while the film's point under a point of the pane stays there.
  zoomTo(scale, across = this.across / 2, down = this.down / 2) {
    const smallest = Math.min(this.across / this.width, this.down / this.height) / 2;
    const before = this.at(across, down);
    this.scale = Math.min(Math.max(scale, smallest), LARGEST_SCALE);
    const after = this.at(across, down);
    this.fitted = false;
    this.move((after.x - before.x) * this.scale, (after.y - before.y) * this.scale);
  }

  move(across, down) {
    this.fitted = false;
    this.x = Math.min(Math.max(this.x - across / this.scale, 0), this.width);
    this.y = Math.min(Math.max(this.y - down / this.scale, 0), this.height);
    this.draw();
  }

  // The film's point at a point of the pane.
  at(across, down) {
    return { x: this.x + (across - this.across / 2) / this.scale, y: this.y + (down - this.down / 2) / this.scale };
  }

  draw() {
    this.waiting ??= requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.waiting);
    this.waiting = null;
    if (!this.across || !this.down) return;
    const began = performance.now();
    const start = this.at(0, 0);
    if (this.film) this.paintFilm(start);
    else this.paintPicture(start);
    this.marks.setAttribute("viewBox", `${start.x} ${start.y} ${this.across / this.scale} ${this.down / this.scale}`);
    this.marks.style.setProperty("--px", 1 / this.scale);
    this.stage.classList.toggle("zoomed", !this.fitted);
    this.measures.draw();
    this.tell();
    this.canvas.dataset.ms = (performance.now() - began).toFixed(2);
  }

  paintFilm(start) {
    const { width, height } = this.canvas;
    this.image ??= new ImageData(width, height);
    const step = this.across / (width * this.scale);
    const part = `${width} ${height} ${start.x} ${start.y} ${step}`;
    if (this.sampled !== part) {
      // Kept for the next window: looking up the shades takes a tenth of the time.
      if (this.values?.length !== width * height) this.values = new Uint16Array(width * height);
      this.film.sample(this.values, width, height, start.x, start.y, step);
      this.sampled = part;
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    const shades = this.viewer.shades(this.film);
    const values = this.values;
    for (let at = 0; at < pixels.length; at++) pixels[at] = shades[values[at]];
    this.brush().putImageData(this.image, 0, 0);
  }

  // The pixels are computed and kept by the CPU, so that nothing is sent to a GPU and back.
  brush() {
    return this.canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  }

  // The small image of the report, until the original is loaded or if there is none any more.
  paintPicture(start) {
    if (!this.picture.complete || !this.picture.naturalWidth) return;
    const brush = this.brush();
    const dense = (this.canvas.width / this.across) * this.scale;
    brush.fillRect(0, 0, this.canvas.width, this.canvas.height);
    brush.drawImage(this.picture, -start.x * dense, -start.y * dense, this.width * dense, this.height * dense);
  }

  tell() {
    const scale = `${Math.round(this.scale * 100)} %`;
    if (this.film) this.state.textContent = `${scale} · ${this.film.width} × ${this.film.height} · ${this.film.bits} bits`;
    else if (this.stage.dataset.shows === "smaller") this.state.textContent = `${scale} · the original is not available: small picture`;
  }
}
