// Keys that press a link or a button of the page: those with data-press. They are off while the user types.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("textarea, select, input:not([type=radio], [type=checkbox]), dialog")) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary, input")) return;
  const wanted = document.querySelector(`[data-press="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!wanted) return;
  event.preventDefault();
  wanted.click();
});
