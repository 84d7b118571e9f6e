// A small card beside what it explains: shown while that is pointed at or has the focus, Escape hides it.

import { fill, h } from "./dom.js";

const WAIT_MS = 120;
const card = h("div", { id: "card", class: "card-beside", role: "tooltip", popover: "manual" });
let anchor = null;
let timer = 0;

card.addEventListener("pointerenter", () => clearTimeout(timer));
card.addEventListener("pointerleave", () => hideSoon());
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !anchor) return;
  event.stopPropagation(); // the first Escape takes the card away, the next one what lies under it
  hideCard();
}, true);
document.addEventListener("scroll", () => hideCard(), { capture: true, passive: true });

/** Gives elements below `node` a card: `contents(element)` are its children, or null for none. */
export function giveCards(node, selector, contents) {
  const over = (event, wait) => {
    const found = event.target.closest?.(selector);
    if (!found || !node.contains(found)) return;
    clearTimeout(timer);
    timer = setTimeout(() => showCard(found, contents(found)), wait);
  };
  node.addEventListener("pointerover", (event) => event.pointerType === "mouse" && over(event, WAIT_MS));
  node.addEventListener("pointerout", (event) => event.target.closest?.(selector) && hideSoon());
  node.addEventListener("focusin", (event) => event.target.matches?.(":focus-visible") && over(event, 0));
  node.addEventListener("focusout", () => hideCard());
}

/** Takes the card away. */
export function hideCard() {
  clearTimeout(timer);
  anchor?.removeAttribute("aria-describedby");
  anchor = null;
  if (card.isConnected && card.matches(":popover-open")) card.hidePopover();
}

function hideSoon() {
  clearTimeout(timer);
  timer = setTimeout(hideCard, WAIT_MS * 2);
}

function showCard(beside, children) {
  hideCard();
  if (!children || !beside.isConnected) return;
  anchor = beside;
  if (!card.isConnected) document.getElementById("main").append(card);
  fill(card, children);
  anchor.setAttribute("aria-describedby", "card");
  card.showPopover();
  place(anchor.getBoundingClientRect());
}

/** Below its anchor, or above when there is more room. */
function place(at) {
  const { width, height } = card.getBoundingClientRect();
  const isBelow = at.bottom + height + 12 < innerHeight || at.top < innerHeight - at.bottom;
  const left = Math.max(8, Math.min(at.left + at.width / 2 - width / 2, innerWidth - width - 8));
  const top = isBelow ? at.bottom + 6 : at.top - height - 6;
  Object.assign(card.style, { left: `${left}px`, top: `${Math.max(8, top)}px` });
}
