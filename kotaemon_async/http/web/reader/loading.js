// What pages need from the service: a few at a time and the nearest first, so that other requests get through.

import { address, ApiError, call, request } from "../frame/api.js";

/** A page that is scrolled past sooner is not asked for. */
const SETTLED_MS = 80;
const AT_ONCE = 3;
const MOST_KEPT = 60;
const WIDTHS = [200, 400, 800, 1200, 1600];

/** The address of a document's part below the service, e.g. pathOf(id, "pages", 3). */
export const pathOf = (documentId, ...parts) =>
  ["/api/v1/documents", ...[documentId, ...parts].map(encodeURIComponent)].join("/");

/** The address of a page's picture, in the smallest width there is that fills so many pixels of the page. */
export function picturePath(documentId, number, width, citation = null) {
  const wanted = width * Math.min(devicePixelRatio || 1, 2);
  const query = new URLSearchParams({ width: WIDTHS.find((one) => one >= wanted) ?? WIDTHS.at(-1) });
  if (citation) query.set("highlight", citation);
  return `${pathOf(documentId, "pages", `${number}.png`)}?${query}`;
}

/** Asks for the pages near `near` first; `want` gives back what takes the wish back. */
export class Loader {
  near = 1;
  #waiting = new Set();
  #running = 0;
  #kept = new Map();

  /** Calls `done(value)` or `failed(error)` once `load(signal)` has had its turn; a value is kept under its key. */
  want({ key, number, load, done, failed }) {
    if (this.#kept.has(key)) {
      done(this.#kept.get(key));
      return () => {};
    }
    const stopping = new AbortController();
    const job = { key, number, load, done, failed, signal: stopping.signal };
    const timer = setTimeout(() => {
      this.#waiting.add(job);
      this.#next();
    }, SETTLED_MS);
    return () => {
      clearTimeout(timer);
      this.#waiting.delete(job);
      stopping.abort();
    };
  }

  #next() {
    while (this.#running < AT_ONCE && this.#waiting.size > 0) {
      const far = (job) => Math.abs(job.number - this.near);
      const job = [...this.#waiting].reduce((best, one) => (far(one) < far(best) ? one : best));
      this.#waiting.delete(job);
      this.#run(job);
    }
  }

  async #run({ key, load, done, failed, signal }) {
    this.#running += 1;
    try {
      const value = await load(signal);
      this.#keep(key, value);
      if (!signal.aborted) done(value);
    } catch (error) {
      if (!signal.aborted) failed(error);
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  #keep(key, value) {
    this.#kept.set(key, value);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value);
  }
}

/** A page's text with its boxes, and where words stand on it. Throws ApiError. */
export function loadPage(documentId, number, words, signal) {
  const query = words ? `?${new URLSearchParams({ q: words })}` : "";
  return call("GET", pathOf(documentId, "pages", number) + query, undefined, { signal });
}

/** The picture's size, once it can be shown. Throws ApiError: why it cannot be, which the picture does not say. */
export async function loadPicture(path, signal) {
  const found = await drawn(path, signal);
  if (found) return found;
  await request("GET", path, undefined, { accept: "image/png", signal });
  const again = await drawn(path, signal);
  if (again) return again;
  throw new ApiError({ status: 0, code: "odd_reply", detail: "" });
}

function drawn(path, signal) {
  return new Promise((done) => {
    const picture = new Image();
    const stop = () => {
      picture.src = "";
      done(null);
    };
    if (signal.aborted) return done(null);
    signal.addEventListener("abort", stop, { once: true });
    picture.onload = () => done({ path, width: picture.naturalWidth, height: picture.naturalHeight });
    picture.onerror = () => done(null);
    picture.src = address(path);
  });
}
