// Light or dark: as the system is set, or as the switch at the top of the page is set, which this browser remembers.
"use strict";

(() => {
  const KEPT = "koa-theme";
  const sheet = document.querySelector("[data-dark]");
  const system = matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null;
    }
  }

  let chosen = kept();
  const isDark = () => (chosen ?? (system.matches ? "dark" : "light")) === "dark";

  function apply() {
    sheet.media = isDark() ? "screen" : "not all";
    document.documentElement.style.colorScheme = isDark() ? "dark" : "light";
    document.querySelector("[data-switch=dark]")?.setAttribute("aria-pressed", isDark());
  }

  apply(); // before anything is drawn
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-switch=dark]");
    button.hidden = false;
    apply();
    button.addEventListener("click", () => {
      chosen = isDark() ? "light" : "dark";
      try {
        localStorage.setItem(KEPT, chosen);
      } catch {
        // A browser that stores nothing starts with the system's setting again.
      }
      apply();
    });
  });
})();
