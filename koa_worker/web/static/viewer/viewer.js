// The viewer: all films of a study with one set of controls. Keys work on the whole page, except while the user types.

import { Pointer } from "./pointer.js";
import { shadesOf } from "./film.js";
import { removeAll, removeLast } from "./measures.js";
import { Pane } from "./pane.js";

const ORDER = ["right", "left", "unknown"]; // the patient's right is on the left
const KEPT = "koa-viewer"; // a reader's settings of the viewer; they contain no patient data
const OVERLAYS = ["boxes", "margins", "heat"];

class Viewer {
  constructor(root) {
    this.root = root;
    this.bar = root.querySelector(".bar");
    this.place = root.querySelector(".panes");
    this.films = [...this.place.querySelectorAll(".pane:not([data-prior])")];
    this.priors = [...this.place.querySelectorAll(".pane[data-prior]")];
    this.prior = false; // whether the earlier exam hangs beside this one
    this.panes = [];
    this.likes = { layout: "knees", boxes: true, margins: false, heat: false, opacity: 50, ...kept() };
    this.tool = "move";
    this.preset = "stored";
    this.inverted = false;
    this.hidden = false;
    this.linked = false;
    this.resetWindow();
    this.pointer = new Pointer(this);
    this.actions = this.named();
    this.bar.hidden = false;
    this.bar.addEventListener("click", (event) => this.press(event.target.closest("button")));
    this.bar.addEventListener("input", (event) => this.set(event.target));
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("fullscreenchange", () => this.fit());
    root.style.setProperty("--above", `${root.getBoundingClientRect().top + scrollY}px`);
    root.classList.add("live");
    this.hang();
  }

  named() {
    return {
      fit: () => this.fit(),
      actual: () => this.each((pane) => pane.zoomTo(1 / Math.min(devicePixelRatio, 2))),
      invert: () => this.change(() => (this.inverted = !this.inverted)),
      hide: () => this.change(() => (this.hidden = !this.hidden)),
      link: () => this.change(() => (this.linked = !this.linked)),
      layout: () => this.like("layout", this.likes.layout === "knees" ? "films" : "knees", () => this.hang()),
      prior: () => this.compare(),
      full: () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen()),
      undo: () => this.change(removeLast),
      clear: () => this.change(removeAll),
      reset: () => this.reset(),
      keys: () => this.root.querySelector("dialog").showModal(),
      preset: () => this.choosePreset(),
      in: () => this.each((pane) => pane.zoomTo(pane.scale * 1.25)),
      out: () => this.each((pane) => pane.zoomTo(pane.scale / 1.25)),
      ...Object.fromEntries(["move", "window", "ruler", "angle"].map((tool) => [tool, () => this.change(() => (this.tool = tool))])),
      ...Object.fromEntries(OVERLAYS.map((name) => [name, () => this.like(name, !this.likes[name])])),
    };
  }

  // Shows the whole films, or each knee by itself.
  hang() {
    for (const pane of this.panes) pane.leave();
    const wanted = this.likes.layout === "knees" && this.knees(this.films).length ? this.eachKnee() : this.wholeFilms();
    this.panes = wanted.map(({ film, focus, name }) => {
      const figure = film.cloneNode(true);
      figure.hidden = false;
      figure.querySelector(".name").textContent = name;
      figure.querySelector(".stage").setAttribute("aria-label", `${name}. ${figure.querySelector(".stage").getAttribute("aria-label")}`);
      this.place.append(figure);
      return new Pane(figure, this, focus);
    });
    for (const film of this.films) film.hidden = true;
    this.place.classList.toggle("compares", this.prior);
    this.pointer.follow(this.panes);
    this.show();
  }

  wholeFilms() {
    const films = this.prior ? [...this.films, ...this.priors] : this.films;
    return films.map((film) => ({ film, focus: null, name: film.dataset.name }));
  }

  // Each knee, and beside it the same knee at the earlier exam.
  eachKnee() {
    const before = this.prior ? this.knees(this.priors) : [];
    const now = this.knees(this.films);
    const beside = (knee) => before.filter((one) => one.side === knee.side);
    return now.flatMap((knee, at) => (now.findIndex((one) => one.side === knee.side) === at ? [knee, ...beside(knee)] : [knee]));
  }

  compare() {
    if (!this.priors.length) return;
    this.prior = !this.prior;
    this.linked = this.prior;
    this.hang();
  }

  knees(films) {
    const found = films.flatMap((film) =>
      [...film.querySelectorAll("[data-knee]")].map((mark) => {
        const box = mark.querySelector("rect");
        const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name)));
        const from = films.length > 1 || film.dataset.prior ? ` · ${film.dataset.name}` : "";
        return { film, focus: { x, y, width, height }, name: mark.dataset.name + from, side: mark.dataset.side };
      }),
    );
    return found.sort((one, other) => ORDER.indexOf(one.side) - ORDER.indexOf(other.side));
  }

  // The pane under the last touch, or all of them if they are linked or none was touched.
  each(act) {
    const chosen = this.linked || !this.pointer.last ? this.panes : [this.pointer.last];
    for (const pane of chosen) act(pane);
  }

  fit() {
    for (const pane of this.panes) pane.fit();
  }

  reset() {
    this.resetWindow();
    this.inverted = false;
    this.preset = "stored";
    this.fit();
    this.show();
  }

  resetWindow() {
    this.shift = 0; // of the preset's window, in its widths
    this.gain = 1; // of its width
  }

  widen(by, shift) {
    this.gain = Math.min(Math.max(this.gain * by, 0.02), 20);
    this.shift += shift * this.gain;
    this.change(() => {});
  }

  windowOf(film) {
    const [low, high] = film.bases[this.preset];
    const middle = (low + high) / 2 + this.shift * (high - low);
    const half = ((high - low) / 2) * this.gain;
    return [middle - half, middle + half];
  }

  shades(film) {
    const [low, high] = this.windowOf(film);
    const asked = `${low} ${high} ${this.inverted}`;
    if (this.asked !== asked) {
      this.made = shadesOf(low, high, this.inverted);
      this.asked = asked;
    }
    return this.made;
  }

  choosePreset(name) {
    const names = [...this.bar.querySelectorAll("[data-preset] option")].map((option) => option.value);
    this.preset = name ?? names[(names.indexOf(this.preset) + 1) % names.length];
    this.change(() => this.resetWindow());
  }

  like(name, value, then = () => {}) {
    this.likes[name] = value;
    keep(this.likes);
    this.hidden = false;
    then();
    this.change(() => {});
  }

  change(how) {
    how();
    for (const pane of this.panes) pane.draw();
    this.show();
  }

  // Updates the controls and the layers of marks.
  show() {
    const on = { invert: this.inverted, hide: this.hidden, link: this.linked, prior: this.prior, [this.tool]: true };
    for (const name of OVERLAYS) on[name] = this.likes[name];
    for (const button of this.bar.querySelectorAll("button[aria-pressed]")) button.setAttribute("aria-pressed", Boolean(on[button.dataset.does]));
    this.bar.querySelector("[data-does=layout]").textContent = this.likes.layout === "knees" ? "Whole films" : "Each knee";
    const opacity = this.bar.querySelector("[data-opacity]");
    if (opacity) opacity.value = this.likes.opacity; // a blind reader has no heatmap
    this.bar.querySelector("[data-preset]").value = this.preset;
    for (const name of OVERLAYS) this.root.classList.toggle(`without-${name}`, this.hidden || !this.likes[name]);
    if (this.likes.heat) for (const heat of this.place.querySelectorAll(".heat[data-href]")) fetchHeat(heat);
    this.root.classList.toggle("bare", this.hidden);
    this.root.dataset.tool = this.tool;
    this.root.style.setProperty("--heat", this.likes.opacity / 100);
    this.tell();
  }

  tell() {
    const film = this.panes.find((pane) => pane.film)?.film;
    if (!film) return;
    const [low, high] = this.windowOf(film);
    this.bar.querySelector(".grays").textContent = `Window ${Math.round((high - low) * 100)} % · level ${Math.round((low + high) * 50)} %`;
  }

  press(button) {
    if (button?.dataset.does) this.actions[button.dataset.does]();
  }

  set(field) {
    if (field.matches("[data-preset]")) this.choosePreset(field.value);
    if (field.matches("[data-opacity]")) this.like("opacity", Number(field.value), () => (this.likes.heat = true));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("textarea, select, input:not([type=radio]), dialog, .crop")) return;
    const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (event.key in moves && event.target.closest(".stage")) this.each((pane) => pane.move(...moves[event.key]));
    else {
      const name = this.bar.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)?.dataset.does ?? { "+": "in", "=": "in", "-": "out" }[event.key];
      if (!name) return;
      this.actions[name]();
    }
    event.preventDefault();
  }
}

// A heatmap is loaded only when it is needed: the films come first.
function fetchHeat(heat) {
  heat.setAttribute("href", heat.dataset.href);
  heat.removeAttribute("data-href");
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep(likes) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(likes));
  } catch {
    // A browser that stores nothing starts with the defaults each time.
  }
}

for (const root of document.querySelectorAll("[data-viewer]")) new Viewer(root);
