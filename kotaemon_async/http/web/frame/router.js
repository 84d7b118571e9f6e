// What is looked at, as an address: #view/part/part?name=value. Back and
// Forward walk over such addresses; what lies over a view on a phone (a
// sheet, a menu, a dialog) is a step of its own there, which Back takes away.

import { useEffect, useLayoutEffect, useState } from "../vendor/preact.js";

const NAME = "kotaemon";
const phone = matchMedia("(max-width: 900px)");
/** What lies over the view now, the lowest first. */
const layers = [];
/** How many steps of the history stand for such layers, and whether some are being taken back. */
let steps = 0;
let isStepping = false;
let settling = 0;
/** What the view is called, and what is shown in it, the latest last. */
let viewTitle = "";
const titles = [];
/** View -> the last address in it. */
const visited = new Map();

export const isPhone = () => phone.matches;

/** The address as {view, path, query}; what is no address at all is the start page. */
export function route() {
  const [place, ...search] = location.hash.slice(1).split("?");
  const [view = "", ...path] = place.split("/").map(decoded);
  while (path.at(-1) === "") path.pop();
  return { view, path, query: Object.fromEntries(new URLSearchParams(search.join("?"))) };
}

/**
 * A link to a place: href("documents", id, "page", 7, { find: "crane" }); empty values of the query are left
 * out.
 */
export function href(view, ...rest) {
  const query = typeof rest.at(-1) === "object" && rest.at(-1) !== null ? rest.pop() : {};
  const given = Object.entries(query).filter(([, value]) =>
    value !== null && value !== undefined && value !== ""
  );
  const search = given.length > 0 ? `?${new URLSearchParams(given)}` : "";
  return `#${[view, ...rest].map(encodeURIComponent).join("/")}${search}`;
}

/** Goes to a place; Back returns. */
export function go(...place) {
  goTo(href(...place));
}

/** Goes to an address; from a layer the step of the layer becomes the step to it. */
export function goTo(address) {
  if (isStepping) {
    window.addEventListener("popstate", () => goTo(address), { once: true });
  } else if (steps > 0) {
    history.replaceState(null, "", address);
    steps = 0;
    closeLayers(0);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = address;
  }
}

/** Is at another place now, without a step that Back would undo. */
export function replace(...place) {
  if (href(...place) === location.hash) return;
  history.replaceState(history.state, "", href(...place));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The last address in a view, or the view itself: where its link leads. */
export const lastOf = (view) => visited.get(view) ?? href(view);

/** The address, and a new look at it whenever it changes. */
export function useRoute() {
  const [at, setAt] = useState(route);
  useEffect(() => {
    const look = () => setAt(route());
    look(); // it may have changed before this ran
    window.addEventListener("hashchange", look);
    return () => window.removeEventListener("hashchange", look);
  }, []);
  return at;
}

/** The title of the window, where nothing that is shown has one of its own. */
export function nameView(words) {
  viewTitle = words;
  showTitle();
}

/**
 * The title of the window while the component is shown, e.g. a document's name; the view's while it is empty.
 */
export function useTitle(words) {
  const [mine] = useState({ words: "" });
  useLayoutEffect(() => {
    titles.push(mine);
    return () => {
      titles.splice(titles.indexOf(mine), 1);
      showTitle();
    };
  }, []);
  useEffect(() => {
    mine.words = words;
    showTitle();
  }, [words]);
}

/**
 * Puts a layer over the view, whose `close()` Back calls on a phone;
 * gives the function to be called when it was closed otherwise.
 */
export function layer(close) {
  if (!isPhone()) return () => {};
  const mine = { close };
  layers.push(mine);
  if (!isStepping) stepUp();
  return () => {
    if (!layers.includes(mine)) return;
    layers.splice(layers.indexOf(mine), 1);
    clearTimeout(settling);
    settling = setTimeout(takeBack); // unless a dialog follows a menu at once
  };
}

/** A layer that is there while `isOpen`. */
export function useLayer(isOpen, close) {
  useLayoutEffect(() => (isOpen ? layer(close) : undefined), [isOpen]);
}

function showTitle() {
  const words = titles.map((one) => one.words).filter(Boolean).at(-1) ?? viewTitle;
  document.title = words ? `${words} · ${NAME}` : NAME;
}

function takeBack() {
  const spare = steps - layers.length;
  if (spare <= 0 || isStepping) return;
  isStepping = true;
  history.go(-spare);
}

function closeLayers(left) {
  while (layers.length > left) layers.pop().close();
}

function stepped(event) {
  const isOwn = isStepping;
  isStepping = false;
  steps = event.state?.layers ?? 0;
  if (!isOwn) return closeLayers(steps);
  stepUp(); // what was opened meanwhile stays,
  return takeBack(); // and what was closed goes
}

function stepUp() {
  while (steps < layers.length) {
    steps += 1;
    history.pushState({ layers: steps }, "");
  }
}

function clicked(event) {
  const link = event.target.closest?.('a[href^="#"]');
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (!link || steps === 0 || !isPlain || event.defaultPrevented) return;
  event.preventDefault();
  goTo(link.getAttribute("href"));
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "\uFFFD"; // %E0%A4%A, cut off by whoever sent the link: nothing is called that
  }
}

function visit() {
  visited.set(route().view, location.hash);
}

if (history.state?.layers) history.replaceState(null, ""); // what lay over the page is gone with a reload
window.addEventListener("popstate", stepped);
window.addEventListener("hashchange", visit);
document.addEventListener("click", clicked);
visit();
