// The picture of a knee as the model saw it: heatmap, zoom, window and level, by sliders, keys, wheel and dragging.
"use strict";

let made = 0;

class Crop {
  constructor(root) {
    this.stage = root.querySelector(".stage");
    this.layers = root.querySelector(".layers");
    this.heat = root.querySelector(".heat");
    this.sliders = new Map();
    for (const slider of root.querySelectorAll("[data-sets]")) {
      this.sliders.set(slider.dataset.sets, slider);
      slider.addEventListener("input", () => this.draw());
    }
    this.x = this.y = 0; // displacement, as a share of the size of the stage
    this.ramp = addFilter(root, root.querySelector(".base"));
    root.querySelector(".controls").hidden = false;
    root.querySelector("[data-reset]").addEventListener("click", () => this.reset());
    this.stage.addEventListener("keydown", (event) => this.press(event));
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.grab(event));
    this.stage.addEventListener("pointermove", (event) => this.drag(event));
    this.draw();
  }

  value(name) {
    return Number(this.sliders.get(name).value);
  }

  draw() {
    const zoom = this.value("zoom");
    const most = (zoom - 1) / 2;
    this.x = Math.min(Math.max(this.x, -most), most);
    this.y = Math.min(Math.max(this.y, -most), most);
    this.layers.style.transform = `translate(${this.x * 100}%, ${this.y * 100}%) scale(${zoom})`;
    this.stage.classList.toggle("zoomed", zoom > 1);
    if (this.heat) this.heat.style.opacity = this.value("heat") / 100;
    const width = this.value("window");
    for (const channel of this.ramp) {
      channel.setAttribute("slope", 255 / width);
      channel.setAttribute("intercept", 0.5 - this.value("level") / width);
    }
  }

  reset() {
    for (const slider of this.sliders.values()) slider.value = slider.defaultValue;
    this.x = this.y = 0;
    this.draw();
  }

  zoom(by) {
    const slider = this.sliders.get("zoom");
    slider.value = this.value("zoom") + by;
    this.draw();
  }

  press(event) {
    const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(-0.5);
    else if (event.key === "0") this.reset();
    else if (event.key in moves && this.value("zoom") > 1) {
      this.x += moves[event.key][0] / 10;
      this.y += moves[event.key][1] / 10;
      this.draw();
    } else return;
    event.preventDefault();
  }

  wheel(event) {
    // The wheel zooms only after a click, so that scrolling past does not zoom.
    if (document.activeElement !== this.stage) return;
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? 0.25 : -0.25);
  }

  grab(event) {
    if (this.value("zoom") > 1) this.stage.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.stage.hasPointerCapture(event.pointerId)) return;
    this.x += event.movementX / this.stage.clientWidth;
    this.y += event.movementY / this.stage.clientHeight;
    this.draw();
  }
}

// Window and level are a linear ramp of gray values, which an SVG filter provides.
function addFilter(root, picture) {
  const id = `ramp-${made++}`;
  const named = (name, parent) => parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
  const svg = named("svg", root);
  svg.setAttribute("class", "sr");
  svg.setAttribute("aria-hidden", "true");
  const filter = named("filter", svg);
  filter.id = id;
  filter.setAttribute("color-interpolation-filters", "sRGB");
  const transfer = named("feComponentTransfer", filter);
  picture.style.filter = `url(#${id})`;
  return ["feFuncR", "feFuncG", "feFuncB"].map((name) => {
    const channel = named(name, transfer);
    channel.setAttribute("type", "linear");
    return channel;
  });
}

for (const root of document.querySelectorAll("[data-crop]")) new Crop(root);
