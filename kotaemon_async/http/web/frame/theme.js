// Light or dark: the system's, or the one that was chosen.

const CHOICE = "kotaemon.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

show();
system.addEventListener("change", show);

/** "light" or "dark", as it is shown now. */
export function theme() {
  return document.documentElement.dataset.theme;
}

/** Shows the other one; the system's own is not written down, so that it is followed again. */
export function toggleTheme() {
  const other = theme() === "dark" ? "light" : "dark";
  if (other === (system.matches ? "dark" : "light")) localStorage.removeItem(CHOICE);
  else localStorage.setItem(CHOICE, other);
  show();
}

function show() {
  document.documentElement.dataset.theme = localStorage.getItem(CHOICE) ??
    (system.matches ? "dark" : "light");
}
