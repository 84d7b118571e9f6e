// Light or dark: the system's, or the one that was chosen.

const CHOICE = "kotaemon.theme";
/** What the browser paints around the page: the same as in tokens.css. */
const PAPER = { light: "#fbfaf7", dark: "#15171a" };
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
  for (const meta of document.querySelectorAll('meta[name="theme-color"]')) meta.content = PAPER[theme()];
}
