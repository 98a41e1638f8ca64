// The worklist by keys, and kept up to date: J and K mark a line, Enter opens it, X chooses it for actions on many
// lines at once. Changed lines are replaced.

const SECONDS = 10;
const QUIET = 60; // seconds between two tries while the server does not answer
const CHOSEN = "data-chosen";

let tag = `"${document.querySelector("[data-tag]").dataset.tag}"`;

function lines() {
  return [...document.querySelectorAll(".list .line:not(.heads)")];
}

function choose(line) {
  document.querySelector(`[${CHOSEN}]`)?.removeAttribute(CHOSEN);
  line.setAttribute(CHOSEN, "");
  line.querySelector(".who a").focus({ preventScroll: true });
  line.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("textarea, select, input:not([type=radio], [type=checkbox])")) return;
  if (event.key === "Enter" && event.target.matches(".pick input")) {
    event.preventDefault(); // else it would press the first button for the chosen lines
    return;
  }
  if (event.key.toLowerCase() in keys && picks().length) {
    keys[event.key.toLowerCase()]();
    event.preventDefault();
    return;
  }
  const by = { j: 1, k: -1 }[event.key.toLowerCase()];
  const all = lines();
  if (!by || !all.length) return;
  const at = all.findIndex((line) => line.hasAttribute(CHOSEN));
  choose(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)]);
  event.preventDefault();
});

// Choosing lines. The boxes are part of a form that lies below the list and stays when the list is replaced.
const bulk = document.querySelector(".bulk");

function picks() {
  return [...document.querySelectorAll(".pick input[form=chosen]")];
}

function pickAll(are) {
  for (const pick of picks()) pick.checked = are;
  tellPicks();
}

function pickMarked() {
  const pick = document.querySelector(`[${CHOSEN}] .pick input`);
  if (pick) pick.checked = !pick.checked;
  tellPicks();
}

const keys = {
  x: pickMarked,
  a: () => pickAll(picks().some((pick) => !pick.checked)),
};

function tellPicks() {
  if (!bulk) return;
  const all = picks();
  const count = all.filter((pick) => pick.checked).length;
  bulk.querySelector("[data-number]").textContent = count ? `${count} chosen` : "";
  bulk.querySelector("[data-none]").hidden = !count;
  const every = document.querySelector("[data-all]");
  if (!every) return;
  every.hidden = false;
  every.checked = count > 0 && count === all.length;
  every.indeterminate = count > 0 && count < all.length;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) pickAll(event.target.checked);
  else if (event.target.matches(".pick input")) tellPicks();
});
bulk?.querySelector("[data-none]").addEventListener("click", () => pickAll(false));
addEventListener("pageshow", tellPicks); // the Back button may restore chosen lines
tellPicks();

// The parts of the page that are updated, in their order on the page.
function parts(page) {
  return [...page.querySelectorAll("[data-live]")];
}

function replace(text) {
  const fresh = parts(new DOMParser().parseFromString(text, "text/html"));
  const focused = document.activeElement?.closest("[data-live] a")?.getAttribute("href");
  const chosen = document.querySelector(`[${CHOSEN}] .who a`)?.getAttribute("href");
  const picked = new Set(picks().filter((pick) => pick.checked).map((pick) => pick.value));
  const atPick = document.activeElement?.closest(".pick input")?.value;
  const open = [...document.querySelectorAll(".list details[open]")].map((one) => one.closest(".line").querySelector(".who a").getAttribute("href"));
  parts(document).forEach((part, number) => part.replaceWith(fresh[number]));
  for (const line of lines()) {
    const href = line.querySelector(".who a").getAttribute("href");
    if (href === chosen) line.setAttribute(CHOSEN, "");
    if (open.includes(href)) line.querySelector("details")?.setAttribute("open", "");
  }
  for (const pick of picks()) {
    pick.checked = picked.has(pick.value);
    if (pick.value === atPick) pick.focus({ preventScroll: true });
  }
  tellPicks();
  if (focused) document.querySelector(`[data-live] a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// The server compares three numbers, and answers 304 if nothing has changed.
async function refresh() {
  let wait = SECONDS;
  try {
    if (!document.hidden) {
      const answer = await fetch(location.href.split("#")[0], { headers: { "If-None-Match": tag } });
      if (answer.status === 200 && !answer.redirected) {
        tag = answer.headers.get("ETag");
        replace(await answer.text());
      } else if (answer.status !== 304) wait = QUIET;
    }
  } catch {
    wait = QUIET;
  }
  setTimeout(refresh, 1000 * wait);
}

setTimeout(refresh, 1000 * SECONDS);
