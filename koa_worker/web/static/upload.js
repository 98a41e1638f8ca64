// Sends the files one after the other, shows the progress of each, and polls its state until processing has ended.
"use strict";

const form = document.querySelector(".drop");
const list = document.querySelector(".sent");
const token = document.querySelector('meta[name="csrf"]').content;
const SETTLED = new Set(["completed", "rejected", "failed"]);
const WORDS = { waiting: "Waiting", working: "Working", completed: "Graded", rejected: "Rejected", failed: "Failed" };
const SIDES = { left: "Left", right: "Right", unknown: "Unknown side" };

const queue = [];
let sending = false;

const pause = (seconds) => new Promise((go) => setTimeout(go, seconds * 1000));

class Entry {
  constructor(item) {
    this.item = item;
    this.mark = item.querySelector(".mark");
    this.says = item.querySelector(".says");
    this.bar = item.querySelector("progress");
  }

  static of(name) {
    const item = document.querySelector("#entry").content.firstElementChild.cloneNode(true);
    item.querySelector(".name").textContent = name;
    list.prepend(item);
    return new Entry(item);
  }

  show(state, word) {
    this.mark.className = `mark ${state}`;
    this.mark.textContent = word;
  }

  progress(share) {
    this.bar.hidden = share === null;
    if (share !== null) this.bar.value = share;
  }

  refuse(error, state = "rejected") {
    this.show(state, WORDS[state]);
    this.progress(null);
    this.says.className = "says fault";
    this.says.textContent = error ? `${error.sentence} ${error.remedy}` : "The server does not answer. Try again.";
  }

  // Polls the state of the upload, with growing pauses.
  async follow(url) {
    this.progress(null);
    for (let seconds = 0.5; ; seconds = Math.min(seconds * 1.3, 5)) {
      const upload = await ask(url);
      if (upload.error && !upload.state) return this.refuse(upload.error, "failed");
      if (upload.state) this.show(upload.state, WORDS[upload.state]);
      if (upload.error) this.refuse(upload.error, upload.state);
      if (upload.state === "completed") return this.result(upload);
      if (SETTLED.has(upload.state)) return undefined;
      await pause(seconds);
    }
  }

  async result(upload) {
    const study = await ask(this.item.closest("[data-studies]").dataset.studies + upload.study);
    const image = (study.images ?? []).find((one) => one.file_id === upload.file_id);
    const link = document.createElement("a");
    link.href = upload.study_url;
    link.textContent = "Open the result";
    this.says.className = "says";
    this.says.replaceChildren();
    for (const knee of image?.knees ?? []) {
      const grade = document.createElement("span");
      grade.className = `kl kl${knee.kl}`;
      grade.textContent = `KL ${knee.kl}`;
      this.says.append(`${SIDES[knee.side]} `, grade, " ");
    }
    if (upload.is_duplicate) this.says.append("This file was received before. This is its result. ");
    this.says.append(link);
  }
}

// The server's answer, also if it is an error; an empty object if it cannot be read.
async function ask(url) {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    return await answer.json();
  } catch {
    return {};
  }
}

function send(file, entry) {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.dataset.api);
    request.setRequestHeader("X-CSRF-Token", token);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    // The name goes into a header and not into the URL, because it may name a patient.
    request.setRequestHeader("Content-Disposition", `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => entry.progress(event.loaded / (event.total || 1)));
    request.addEventListener("loadend", () => done(request));
    request.send(file);
  });
}

async function sendAll() {
  if (sending) return;
  sending = true;
  while (queue.length > 0) {
    const [file, entry] = queue.shift();
    entry.show("working", "Sending");
    let request = await send(file, entry);
    for (let tries = 0; tries < 20 && (request.status === 429 || request.status === 503); tries++) {
      entry.show("waiting", "Waiting for the server");
      await pause(Number(request.getResponseHeader("Retry-After") ?? 5));
      request = await send(file, entry);
    }
    if (request.status === 202) entry.follow(request.response.url);
    else entry.refuse(request.response?.error);
  }
  sending = false;
}

function take(files) {
  for (const file of files) {
    const entry = Entry.of(file.name);
    entry.show("waiting", "Waiting");
    queue.push([file, entry]);
  }
  list.closest("section").hidden = false;
  sendAll();
}

const input = form.querySelector("input[type=file]");
form.querySelector("button").hidden = true; // choosing is enough
input.addEventListener("change", () => {
  take(input.files);
  input.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());
for (const kind of ["dragenter", "dragover"]) {
  form.addEventListener(kind, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("over"));
form.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files);
});
for (const item of list.querySelectorAll("[data-url]")) new Entry(item).follow(item.dataset.url);
