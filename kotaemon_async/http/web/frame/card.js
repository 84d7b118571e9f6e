// A small card beside what it explains: shown while that is pointed at or has the focus, Escape hides it.

import { render } from "../vendor/preact.js";

const WAIT_MS = 120;
const MOVED_PX = 4;
let card = null;
let anchor = null;
let placedAt = 0;
let timer = 0;
let isOver = false;
let isQuiet = false;

/**
 * Gives elements below `node` a card: `contents(element)` is what it shows, or null for none. Returns its
 * end.
 */
export function giveCards(node, selector, contents) {
  const over = new AbortController();
  const listen = (name, job) => node.addEventListener(name, job, { signal: over.signal });
  const soon = (event, wait) => {
    const found = event.target.closest?.(selector);
    if (!found || !node.contains(found)) return;
    clearTimeout(timer);
    timer = setTimeout(() => showCard(found, contents(found)), wait);
  };
  listen("pointerover", (event) => event.pointerType === "mouse" && soon(event, WAIT_MS));
  listen("pointerout", (event) => event.target.closest?.(selector) && hideSoon());
  listen("focusin", (event) => !isQuiet && event.target.matches?.(":focus-visible") && soon(event, 0));
  listen("focusout", () => hideCard());
  return () => {
    over.abort();
    if (anchor && node.contains(anchor)) hideCard();
  };
}

/** Gives the focus back to an element without showing its card. */
export function focusQuietly(node) {
  isQuiet = true;
  node?.focus({ preventScroll: true });
  isQuiet = false;
}

/** Whether a card is shown. */
export const hasCard = () => anchor !== null;

/** Takes the card away. */
export function hideCard() {
  clearTimeout(timer);
  isOver = false;
  anchor?.removeAttribute("aria-describedby");
  anchor = null;
  if (card?.isConnected && card.matches(":popover-open")) card.hidePopover();
}

function hideSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => isOver || hideCard(), WAIT_MS * 2);
}

function showCard(beside, contents) {
  hideCard();
  if (!contents || !beside.isConnected) return;
  anchor = beside;
  card ??= made();
  if (!card.isConnected) document.getElementById("main").append(card);
  render(contents, card);
  anchor.setAttribute("aria-describedby", "card");
  card.showPopover();
  place(anchor.getBoundingClientRect());
}

function made() {
  const node = document.createElement("div");
  Object.assign(node, { id: "card", className: "card-beside", role: "tooltip", popover: "manual" });
  node.addEventListener("pointerenter", () => (isOver = true));
  node.addEventListener("pointerleave", () => {
    isOver = false;
    hideSoon();
  });
  return node;
}

/** Below its anchor, or above when there is more room. */
function place(at) {
  const { width, height } = card.getBoundingClientRect();
  const isBelow = at.bottom + height + 12 < innerHeight || at.top < innerHeight - at.bottom;
  const left = Math.max(8, Math.min(at.left + at.width / 2 - width / 2, innerWidth - width - 8));
  const top = isBelow ? at.bottom + 6 : at.top - height - 6;
  placedAt = at.top;
  Object.assign(card.style, { left: `${left}px`, top: `${Math.max(8, top)}px` });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !anchor) return;
  event.stopPropagation(); // the first Escape takes the card away, the next one what lies under it
  hideCard();
}, true);
document.addEventListener("scroll", () => {
  // What stays where it is while something else scrolls keeps its card.
  if (anchor && Math.abs(anchor.getBoundingClientRect().top - placedAt) > MOVED_PX) hideCard();
}, { capture: true, passive: true });
