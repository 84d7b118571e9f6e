// What lies over a view: short messages, dialogs, and cards beside what they explain.

import { html, render, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { code, t } from "./language.js";
import { layer } from "./router.js";
import { CopyText, IconButton } from "./ui.js";

const LASTS_MS = 6_000;
/** Key -> {words, kind, detail, timer}, the latest last. */
const messages = new Map();

/**
 * Shows words; `lasting` ones stay until they are closed or another one
 * with the same `key` comes. The kind is "info", "good", "warn" or "bad".
 */
export function say(words, { kind = "info", lasting = false, key = words, detail = null } = {}) {
  clearTimeout(messages.get(key)?.timer);
  const timer = lasting ? null : setTimeout(() => forget(key), LASTS_MS);
  messages.set(key, { words, kind, detail, timer });
  drawMessages();
}

/** Takes a message away. */
export function forget(key) {
  clearTimeout(messages.get(key)?.timer);
  if (messages.delete(key)) drawMessages();
}

/** Shows what went wrong: a sentence, what to do, and the trace id to copy. */
export function sayError(error, { key = "error" } = {}) {
  if (error.name === "AbortError") return;
  const { text, hint } = wordsFor(error);
  const { traceId } = error;
  const detail = html`
    ${hint && html`<small>${hint}</small>`}
    ${traceId &&
      html`<${CopyText} text=${traceId} label=${`${t("trace")} ${traceId.slice(0, 8)}`} class="trace-id" />`}
  `;
  say(text, { kind: "bad", lasting: true, key, detail });
}

/** The sentence and the hint for an ApiError, in the page's language where the code is known. */
export function wordsFor(error) {
  if (error.code === undefined) return { text: t("error.page"), hint: String(error.message ?? error) };
  const known = (family, otherwise) => {
    const words = code(family, error.code);
    return words === error.code.replaceAll("_", " ") ? otherwise : words;
  };
  return { text: known("error", error.message), hint: known("hint", error.hint) };
}

function drawMessages() {
  const notices = [...messages].map(([key, { words, kind, detail }]) =>
    html`
      <div key=${key} class=${`notice ${kind}`}>
        <div dir="auto">${words}${detail}</div>
        <${IconButton} name="close" label=${t("close")} onClick=${() => forget(key)} />
      </div>
    `
  );
  render(notices, document.getElementById("status"));
}

/** The text that was typed, or null when the dialog was closed. */
export function askFor({ title, label, value = "", go = t("ok") }) {
  const read = () => document.getElementById("dialog-input").value.trim() || null;
  const body = html`
    <label for="dialog-input">${label}</label>
    <input id="dialog-input" type="text" dir="auto" autocomplete="off" required autofocus value=${value} />
  `;
  return open({ title, body, go, read });
}

/** Whether the person said yes. */
export async function confirmed({ title, text, go, isBad = true }) {
  return (await open({ title, body: html`<p dir="auto">${text}</p>`, go, read: () => true, isBad })) === true;
}

/** Says something, until it is closed. */
export const tell = ({ title, body, go = t("close") }) =>
  open({ title, body, go, read: () => true, mayCancel: false });

/**
 * What `read()` gives when the form is sent, or null when the dialog was closed. It stays open
 * while `read()` gives null, and says what it throws. The body is a component, or a node.
 */
export function open({ title, body, go, read, focus = null, isBad = false, mayCancel = true }) {
  return new Promise((done) => {
    const place = document.createElement("div");
    document.body.append(place);
    const finish = (value) => {
      leave();
      render(null, place);
      place.remove();
      done(value);
    };
    const leave = mayCancel ? layer(() => finish(null)) : () => {};
    const shown = body instanceof Node ? html`<${Held} node=${body} />` : body;
    const given = { title, go, read, isBad, mayCancel, finish };
    render(html`<${Dialog} ...${given}>${shown}<//>`, place);
    focus?.focus();
  });
}

function Dialog({ title, go, read, isBad, mayCancel, finish, children }) {
  const dialog = useRef(null);
  const [isSending, setSending] = useState(false);
  const [refused, setRefused] = useState(null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown.showModal();
    return () => shown.close(); // which gives the focus back
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    setSending(true);
    setRefused(null);
    try {
      const value = await read();
      if (value !== null) return finish(value);
    } catch (error) {
      setRefused(wordsFor(error));
    }
    return setSending(false);
  };
  const cancel = (event) => {
    event.preventDefault();
    finish(null);
  };
  return html`
    <dialog ref=${dialog} class="dialog" aria-labelledby="dialog-title" onCancel=${cancel}>
      <form onSubmit=${submit}>
        <h2 id="dialog-title" dir="auto">${title}</h2>
        ${children}
        <p class="refused" role="alert">${refused &&
          html`${refused.text} ${refused.hint && html`<small>${refused.hint}</small>`}`}</p>
        <footer>
          ${mayCancel && html`<button type="button" class="plain" onClick=${cancel}>${t("cancel")}</button>`}
          <button type="submit" class=${isBad ? "go bad" : "go"} disabled=${isSending}>${go}</button>
        </footer>
      </form>
    </dialog>
  `;
}

/** A node that was made elsewhere. */
function Held({ node }) {
  const place = useRef(null);
  useLayoutEffect(() => place.current.replaceChildren(node), []);
  return html`<div class="drawn" ref=${place}></div>`;
}

const WAIT_MS = 120;
const MOVED_PX = 4;
let card = null;
let anchor = null;
let placedAt = 0;
let timer = 0;
let isOver = false;
let isQuiet = false;
let pointerAt = "";

/**
 * Gives elements below `node` a card: `contents(element)` is what it shows, or null for none. Returns its
 * end.
 */
export function giveCards(node, selector, contents) {
  const over = new AbortController();
  const listen = (name, job) => node.addEventListener(name, job, { signal: over.signal });
  let under = null;
  const soon = (event, wait) => {
    const found = event.target.closest?.(selector);
    if (!found || !node.contains(found)) return;
    clearTimeout(timer);
    timer = setTimeout(() => showCard(found, contents(found)), wait);
  };
  listen("pointermove", (event) => {
    const found = event.target.closest?.(selector);
    // What comes below a mouse at rest, as the text around it has moved, is not pointed at.
    if (event.pointerType !== "mouse" || found === under || placeOf(event) === pointerAt) return;
    under = found;
    soon(event, WAIT_MS);
  });
  listen("pointerout", (event) => {
    if (!event.target.closest?.(selector)) return;
    under = null;
    hideSoon();
  });
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
  card ??= madeCard();
  if (!card.isConnected) document.getElementById("main").append(card);
  render(contents, card);
  anchor.setAttribute("aria-describedby", "card");
  card.showPopover();
  placeCard(anchor.getBoundingClientRect());
}

function madeCard() {
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
function placeCard(at) {
  const { width, height } = card.getBoundingClientRect();
  const isBelow = at.bottom + height + 12 < innerHeight || at.top < innerHeight - at.bottom;
  const left = Math.max(8, Math.min(at.left + at.width / 2 - width / 2, innerWidth - width - 8));
  const top = isBelow ? at.bottom + 6 : at.top - height - 6;
  placedAt = at.top;
  Object.assign(card.style, { left: `${left}px`, top: `${Math.max(8, top)}px` });
}

const placeOf = ({ clientX, clientY }) => `${clientX} ${clientY}`;

document.addEventListener("pointermove", (event) => (pointerAt = placeOf(event)));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !anchor) return;
  event.stopPropagation(); // the first Escape takes the card away, the next one what lies under it
  hideCard();
}, true);
document.addEventListener("scroll", () => {
  // What stays where it is while something else scrolls keeps its card.
  if (anchor && Math.abs(anchor.getBoundingClientRect().top - placedAt) > MOVED_PX) hideCard();
}, { capture: true, passive: true });
