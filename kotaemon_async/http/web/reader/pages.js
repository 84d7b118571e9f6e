// The pages of a document below each other. Only those near the eye are in the page, however many there are.

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
 * Shows `draw(number, size)` for the pages in sight. `sizeOf(number, box)` is known or guessed; a new `version` says
 * that it has changed. `handle.current.show(page, part, offset)` brings a part of a page to a part of the height.
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
