// The pages of a document below each other, however many there are: only those near the eye are in the page,
// in the size that is wanted, and what they need is asked for a few at a time.

import { address, ApiError, call, request } from "../frame/api.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";

const GAP_PX = 12;
const AHEAD = 1;
const MOST_SHOWN = 12;
/** The page that is looked at is the one at this part of the height. */
const EYE = 0.35;

/** Where each page begins and how high it is. */
class Layout {
  constructor(total, heightOf) {
    this.total = total;
    this.ends = new Float64Array(total + 1);
    for (let n = 1; n <= total; n += 1) this.ends[n] = this.ends[n - 1] + GAP_PX + heightOf(n);
  }

  height = (n) => this.ends[n] - this.top(n);
  top = (n) => this.ends[n - 1] + GAP_PX;
  whole = () => this.ends[this.total] + GAP_PX;

  /** The page at a height. */
  at(y) {
    let [low, high] = [1, this.total];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ends[middle] < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * Shows `draw(number, size)` for the pages in sight. `sizeOf(number, box)` is known or guessed; a new
 * `version` says that it has changed. `handle.current.show(page, part, offset)` brings a part of a page to a
 * part of the height.
 */
export function Pages({ handle, total, sizeOf, version, draw, onEye, ...given }) {
  const sheet = useRef(null);
  const box = useBox(sheet);
  const layout = useMemo(() => new Layout(total, (n) => sizeOf(n, box).height), [total, version, box]);
  const [range, setRange] = useState([1, 1]);
  const held = useHeld(sheet);
  const now = useRef({ anchor: { page: 1, part: 0, offset: 0 }, own: -1, frame: 0 }).current;

  // A scroll event, a picture or a timer may still come when the node has gone.
  const look = () => {
    if (!sheet.current) return;
    const { scrollTop, clientHeight } = sheet.current;
    const first = Math.max(1, layout.at(scrollTop) - AHEAD);
    const last = Math.min(total, layout.at(scrollTop + clientHeight) + AHEAD, first + MOST_SHOWN - 1);
    setRange((was) => (was[0] === first && was[1] === last ? was : [first, last]));
    onEye?.(layout.at(scrollTop + clientHeight * EYE));
  };
  const settle = () => {
    const { page, part, offset } = now.anchor;
    const node = sheet.current;
    if (!node) return;
    const wanted = layout.top(page) + part * layout.height(page) - offset * node.clientHeight;
    if (Math.abs(wanted - node.scrollTop) >= 1) node.scrollTop = wanted - (part || offset ? 0 : GAP_PX);
    now.own = node.scrollTop;
    look();
  };
  const scrolled = () => {
    if (!sheet.current) return;
    const top = sheet.current.scrollTop;
    if (Math.abs(top - now.own) > 1) {
      const page = layout.at(top);
      now.anchor = { page, part: (top - layout.top(page)) / Math.max(1, layout.height(page)), offset: 0 };
      now.own = -1;
    }
    cancelAnimationFrame(now.frame);
    now.frame = requestAnimationFrame(look);
  };
  useLayoutEffect(settle, [layout]);
  handle.current = {
    show(page, part = 0, offset = 0, left = null) {
      now.anchor = { page: Math.min(total, Math.max(1, page)), part, offset };
      settle();
      if (left !== null && sheet.current) sheet.current.scrollLeft = left;
    },
    by: (part) => sheet.current?.scrollBy({ top: part * sheet.current.clientHeight }),
    /** Whether a page is drawn, in sight or near. */
    holds: (page) => page >= range[0] && page <= range[1],
    /** Whether a part of a page is in sight. */
    sees(page, part) {
      if (!sheet.current) return false;
      const y = layout.top(page) + part * layout.height(page) - sheet.current.scrollTop;
      return y > 0 && y < sheet.current.clientHeight * 0.9;
    },
    focus: () => sheet.current?.focus({ preventScroll: true }),
  };
  return html`
    <div ref=${sheet} class="scroller" tabindex="0" onScroll=${scrolled} ...${given}>
      <div class="pages" style=${{ height: `${layout.whole()}px` }}>
        ${shownOf(range, held, total).map((n) => {
          const size = sizeOf(n, box);
          return html`<div key=${n} class="page-place" style=${{ top: `${layout.top(n)}px` }}>${
            draw(n, size)
          }</div>`;
        })}
      </div>
    </div>
  `;
}

/** The pages in sight, and those between which something is selected, as long as they are few. */
function shownOf([first, last], held, total) {
  const numbers = new Set();
  for (let n = first; n <= Math.min(last, total); n += 1) numbers.add(n);
  if (held.length === 2 && held[1] - held[0] < MOST_SHOWN - 4) {
    for (let n = held[0]; n <= held[1]; n += 1) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** The inner size of a node, as it changes. */
function useBox(node) {
  const [box, setBox] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const measure = () => {
      const { clientWidth: width, clientHeight: height } = node.current;
      setBox((was) => (was.width === width && was.height === height ? was : { width, height }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node.current);
    return () => observer.disconnect();
  }, []);
  return box;
}

/** The first and the last page of what is selected in a node, none without a selection. */
function useHeld(node) {
  const [held, setHeld] = useState([]);
  useEffect(() => {
    const look = () => {
      const { anchorNode, focusNode, isCollapsed } = getSelection();
      const pages = isCollapsed ? [] : [anchorNode, focusNode].map((one) => pageOf(one, node.current));
      const found = pages.length === 2 && pages.every(Boolean) ? pages.sort((a, b) => a - b) : [];
      setHeld((was) => (String(was) === String(found) ? was : found));
    };
    document.addEventListener("selectionchange", look);
    return () => document.removeEventListener("selectionchange", look);
  }, []);
  return held;
}

function pageOf(node, sheet) {
  if (!sheet?.contains(node)) return 0;
  const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
  return Number(element.closest("[data-page]")?.dataset.page ?? 0);
}

const STEPS = [0.25, 0.33, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4];
const CSS_PX_PER_POINT = 96 / 72;
const USUAL = { width: 595, height: 842 };
const MARGIN_PX = 16;
const READABLE_PX = 900;
const COLUMN_PX = 760;
const GUESSED_TEXT_PX = 700;
/** Browsers cannot scroll further than some seventeen million pixels. */
const MOST_PX = 15_000_000;

/** The next factor in a direction. */
export const stepped = (factor, step) =>
  step > 0
    ? STEPS.find((one) => one > factor * 1.02) ?? STEPS.at(-1)
    : STEPS.findLast((one) => one < factor * 0.98) ?? STEPS[0];

/** What a zoom is as a factor, where it is one. */
export const factorOf = (zoom) => (typeof zoom === "number" ? zoom : 1);

/** The sizes of pages: those that are known, and for the others that of the first one that was. */
export function useSizes() {
  const [version, setVersion] = useState(0);
  const known = useMemo(() => ({ pages: new Map(), exact: new Set(), heights: new Map() }), []);
  const usual = () => known.pages.values().next().value ?? USUAL;
  const sizeOf = (n) => known.pages.get(n) ?? usual();
  return {
    version,
    ratio: () => usual().height / usual().width,
    /** A page is so large: in points when that is exact, else only its shape is known. */
    note(n, width, height, isExact) {
      if (known.exact.has(n) && !isExact) return;
      const was = sizeOf(n);
      const points = isExact ? { width, height } : { width: was.width, height: was.width * height / width };
      known.pages.set(n, points);
      if (isExact) known.exact.add(n);
      const isOther = Math.abs(points.width - was.width) > 0.5 || Math.abs(points.height - was.height) > 0.5;
      if (isOther) setVersion((before) => before + 1);
    },
    /** A page of text is so high. */
    measured(n, height) {
      if (Math.abs((known.heights.get(n) ?? 0) - height) <= 1) return;
      known.heights.set(n, height);
      setVersion((before) => before + 1);
    },
    picture: (n, zoom, box, total) => fitted(sizeOf(n), zoom, box, total),
    text: (n, zoom, box) => ({
      width: Math.max(0, Math.min(box.width, COLUMN_PX * Math.max(1, factorOf(zoom)))),
      height: known.heights.get(n) ?? averageOf(known.heights),
      scale: factorOf(zoom),
    }),
    /** How large a page is shown now, 1 for its own size. */
    factor(n, zoom, sheet) {
      const box = { width: sheet.clientWidth, height: sheet.clientHeight };
      return fitted(sizeOf(n), zoom, box, 1).width / (sizeOf(n).width * CSS_PX_PER_POINT);
    },
  };
}

function averageOf(heights) {
  if (heights.size === 0) return GUESSED_TEXT_PX;
  return [...heights.values()].reduce((sum, one) => sum + one, 0) / heights.size;
}

function fitted(size, zoom, box, total) {
  const ratio = size.height / size.width;
  const room = Math.max(0, box.width - 2 * MARGIN_PX);
  const widths = {
    auto: Math.min(room, READABLE_PX),
    width: room,
    page: Math.min(room, Math.max(0, box.height - 2 * MARGIN_PX) / ratio),
  };
  const wanted = widths[zoom] ?? size.width * CSS_PX_PER_POINT * zoom;
  const width = Math.floor(Math.min(wanted, MOST_PX / total / ratio));
  return { width, height: Math.round(width * ratio) };
}

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

  /** Calls `done(value)` or `failed(error)` when `load(signal)` had its turn; keeps a value under its key. */
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

/** The picture's size, once it can be shown. Throws ApiError, which says why it cannot be. */
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
