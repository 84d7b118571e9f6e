// What could not be read is asked for again until the service is reached, whoever shows it.

import { html, useEffect, useState } from "../vendor/preact.js";
import { ApiError } from "./api.js";
import { wordsFor } from "./overlays.js";
import { Empty } from "./ui.js";

const AGAIN_MS = 2_000;

/**
 * Calls `again()` a while after each time the service was not reached, and as soon as the network or the
 * service is back.
 */
export function useAgain(error, again) {
  useEffect(() => {
    if (error?.status !== 0) return undefined;
    const over = new AbortController();
    const once = () => {
      over.abort();
      again();
    };
    const timer = setTimeout(once, AGAIN_MS);
    for (const name of ["online", "reached"]) {
      window.addEventListener(name, once, { signal: over.signal });
    }
    over.signal.addEventListener("abort", () => clearTimeout(timer));
    return () => over.abort();
  }, [error]);
}

/** What `load()` promises of a module that is loaded on demand: {value, error}. */
export function useModule(load, known = null) {
  const [found, setFound] = useState({ value: known, error: null });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (found.value) return;
    load().then(
      (value) => setFound({ value, error: null }),
      () => setFound({ value: null, error: new ApiError({ status: 0, code: "unreachable", detail: "" }) }),
    );
  }, [tries]);
  useAgain(found.error, () => setTries((was) => was + 1));
  return found;
}

/** What stands there meanwhile. */
export function NotReached({ error }) {
  const { text, hint } = wordsFor(error);
  return html`
    <${Empty} icon="again" title=${text}>
      <p>${hint}</p>
      <//>
  `;
}
