// How large pages are shown: fitted to the width or the page, or at a part of their own size.

import { useMemo, useState } from "../vendor/preact.js";

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
