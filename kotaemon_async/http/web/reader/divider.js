// The line between the conversation and the document beside it, to be dragged or moved by keys.

import { t } from "../frame/language.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const KEPT = "kotaemon.reader";
const [LEAST, MOST, FIRST] = [25, 75, 46];
const STEP = 3;

/** Sets --reader, the part of the width that the document has. */
export function Divider() {
  const [percent, setPercent] = useState(() => within(Number(localStorage.getItem(KEPT) ?? FIRST)));
  useEffect(() => {
    document.documentElement.style.setProperty("--reader", `${percent}%`);
    localStorage.setItem(KEPT, String(percent));
  }, [percent]);
  const drag = (event) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { left, right, width } = event.currentTarget.closest(".reader").parentElement
      .getBoundingClientRect();
    const isRight = getComputedStyle(document.documentElement).direction === "rtl";
    setPercent(within(100 * (isRight ? event.clientX - left : right - event.clientX) / width));
  };
  const keys = (event) => {
    const to = { ArrowLeft: percent + STEP, ArrowRight: percent - STEP, Home: MOST, End: LEAST }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    setPercent(within(to));
  };
  return html`
    <div class="reader-divider" role="separator" tabindex="0" aria-orientation="vertical" aria-label=${t(
      "reader.divider",
    )}
      aria-valuemin=${LEAST} aria-valuemax=${MOST} aria-valuenow=${Math.round(percent)} onKeyDown=${keys}
      onPointerDown=${(event) => event.currentTarget.setPointerCapture(event.pointerId)} onPointerMove=${drag}
      onDblClick=${() => setPercent(FIRST)}></div>
  `;
}

const within = (percent) => (percent >= LEAST ? Math.min(MOST, percent) : percent > 0 ? LEAST : FIRST);
