// What is looked at, as an address: #view/part/part?name=value. Back and Forward walk over such addresses.

import { useEffect, useState } from "../vendor/preact.js";

/** The address as {view, path, query}; what is no address at all is the start page. */
export function route() {
  const [place, search = ""] = location.hash.slice(1).split("?");
  const [view = "", ...path] = place.split("/").map(decoded);
  return { view, path, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** A link to a place: href("documents", id, "page", 7, { find: "crane" }); empty values of the query are left out. */
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
  location.hash = href(...place);
}

/** Is at another place now, without a step that Back would undo. */
export function replace(...place) {
  if (href(...place) === location.hash) return;
  history.replaceState(history.state, "", href(...place));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The address, and a new look at it whenever it changes. */
export function useRoute() {
  const [at, setAt] = useState(route);
  useEffect(() => {
    const look = () => setAt(route());
    window.addEventListener("hashchange", look);
    return () => window.removeEventListener("hashchange", look);
  }, []);
  return at;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return ""; // %E0%A4%A, cut off by whoever sent the link
  }
}
