// Reading by keys: 0 to 4 choose the grade of a knee, Y agrees with the model, Enter keeps, Tab or a click chooses the knee.

const forms = [...document.querySelectorAll("form.reading")];
let current = null;

// The knee whose grade the keys set: at first one that this reader has not read.
function choose(form) {
  current?.closest(".knee").removeAttribute("data-current");
  current = form ?? null;
  current?.closest(".knee").setAttribute("data-current", "");
}

function key(event) {
  if (!current || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("textarea, select, input:not([type=radio]), button, a, summary, dialog, .crop")) return;
  const agrees = event.key.toLowerCase() === "y" && "model" in current.dataset; // a blind reader has no model's grade
  const kl = agrees ? current.dataset.model : event.key;
  const chip = current.querySelector(`input[name=kl][value="${CSS.escape(kl)}"]`);
  if (chip) chip.checked = true;
  const keeps = event.key === "Enter" || agrees;
  if (keeps && current.querySelector("input[name=kl]:checked")) current.requestSubmit();
  else if (!chip) return;
  event.preventDefault();
}

for (const form of forms) form.closest(".knee").addEventListener("focusin", () => choose(form));
for (const form of forms) form.closest(".knee").addEventListener("pointerdown", () => choose(form));
document.addEventListener("keydown", key);
choose(forms.find((form) => !("read" in form.dataset)) ?? forms[0]);
