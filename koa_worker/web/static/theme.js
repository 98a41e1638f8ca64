// Light or dark: as the system has it, or as the switch in the head says, which this browser remembers.
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
        // A browser that keeps nothing begins with the system's again.
      }
      apply();
    });
  });
})();
