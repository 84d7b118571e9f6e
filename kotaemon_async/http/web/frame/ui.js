// Small parts that all views share.

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { copied } from "./clipboard.js";
import { ICONS } from "./icons.js";
import { layer } from "./router.js";
import { t } from "./strings.js";

/** A sign of the set, hidden from screen readers: the words beside it say what it means. */
export function Icon({ name }) {
  return html`
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d=${ICONS[name]} />
    </svg>
  `;
}

/** A button that is only a sign; `label` says what it does, to the eye on hover and to screen readers. */
export function IconButton({ name, label, ...given }) {
  return html`
    <button type="button" class="quiet" aria-label=${label} title=${label} ...${given}>
      <${Icon} name=${name} />
    </button>
  `;
}

/** A button that copies a text, and says so. */
export function CopyText({ text, label, icon = "copy", isBare = false, class: name = "", ...given }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    const timer = isCopied && setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => setCopied(await copied(typeof text === "function" ? await text() : text));
  const words = isCopied ? t("copied") : label;
  return html`
    <button type="button" class=${`quiet ${name}`} aria-label=${isBare ? words : null} title=${words}
      onClick=${copy} ...${given}><${Icon} name=${isCopied ? "check" : icon} />${isBare
        ? null
        : words}</button>
  `;
}

/** Copies the whole address of a place in the page, e.g. of href("ask", id). */
export function CopyLink({ to, label = t("link.copy"), isBare = false }) {
  const text = () => new URL(to, location.href).href;
  return html`<${CopyText} text=${text} label=${label} icon="link" isBare=${isBare} class="copy-link" />`;
}

const COPIED_MS = 1500;

/** Something is on its way. */
export function Waiting({ label }) {
  return html`<div class="wait" role="status" aria-label=${label}></div>`;
}

/** What stands where there is nothing: a sign, what that means, and what to do. */
export function Empty({ icon, title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2>${children}</div>`;
}

/** A short word on a coloured ground; kind is "ok", "warn", "bad" or nothing. */
export function Badge({ kind = "", children }) {
  return html`<span class=${`badge ${kind}`}>${children}</span>`;
}

/** A button "…" with a menu of {name, icon, label, act, isBad} beside it. */
export function Menu({ label, entries, name = "more" }) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef(null);
  return html`
    <button type="button" ref=${button} class="quiet menu-button" aria-haspopup="menu" aria-expanded=${isOpen}
      aria-label=${label} title=${label} onClick=${() => setOpen(true)}><${Icon} name=${name} /></button>
    ${isOpen && html`
      <${MenuList} label=${label} entries=${entries} anchor=${button.current} close=${() => setOpen(false)} />
    `}
  `;
}

/**
 * A menu beside its anchor: entries below what it is about, if that is said. Arrows move in it, Escape and a
 * click
 * beside it close it.
 */
export function MenuList({ label, about = null, entries, anchor, close }) {
  const node = useRef(null);
  useEffect(() => {
    node.current.showPopover();
    beside(node.current, anchor);
    node.current.querySelector("[role=menuitem]").focus();
    const end = () => node.current?.hidePopover();
    const leave = layer(end);
    for (const name of ["resize", "hashchange"]) window.addEventListener(name, end);
    return () => {
      leave();
      for (const name of ["resize", "hashchange"]) window.removeEventListener(name, end);
    };
  }, []);
  const chosen = (entry) => {
    node.current.hidePopover();
    entry.act();
  };
  return html`
    <div ref=${node} class="menu" popover="auto" onKeyDown=${walk}
      onToggle=${(event) => event.newState === "closed" && close()}>
      ${about && html`<p>${about}</p>`}
      <div role="menu" aria-label=${label}>
        ${entries.filter(Boolean).map((entry) =>
          html`
            <button key=${entry.name} type="button" role="menuitem" data-do=${entry.name}
              class=${entry.isBad ? "quiet bad" : "quiet"} onClick=${() => chosen(entry)}>
              <${Icon} name=${entry.icon} />${entry.label}
            </button>
          `
        )}
      </div>
    </div>
  `;
}

function walk(event) {
  const entries = [...event.currentTarget.querySelectorAll("[role=menuitem]")];
  const place = entries.indexOf(document.activeElement);
  const moves = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 };
  if (event.key === "Tab") event.currentTarget.hidePopover();
  if (!(event.key in moves)) return;
  event.preventDefault();
  entries.at(moves[event.key] % entries.length).focus();
}

/** Puts a popover under its button, or over it where there is no room below. */
export function beside(node, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = node.getBoundingClientRect();
  const top = at.bottom + height + 8 > innerHeight ? at.top - height - 4 : at.bottom + 4;
  Object.assign(node.style, {
    left: `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`,
    top: `${Math.max(8, top)}px`,
  });
}
