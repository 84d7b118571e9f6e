// What all views are made of: state that is shared, signs, buttons, menus, and light or dark.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { t } from "./language.js";
import { layer } from "./router.js";

/** A store: get(), set(changed fields, or a function that gives them), subscribe(listener) -> end. */
export function store(initial) {
  let state = initial;
  const listeners = new Set();
  return {
    get: () => state,
    set(change) {
      state = { ...state, ...(typeof change === "function" ? change(state) : change) };
      for (const listener of [...listeners]) listener(state);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What `pick` takes of a store; the component is drawn anew only when that is another value. */
export function useStore(from, pick = (state) => state) {
  const [value, setValue] = useState(() => pick(from.get()));
  useEffect(() => {
    const look = () => setValue(() => pick(from.get()));
    look(); // it may have changed before this ran
    return from.subscribe(look);
  }, [from]);
  return value;
}

export const sheet = store({ isOpen: false });

export const showSheet = () => sheet.set({ isOpen: true });

export const hideSheet = () => sheet.set({ isOpen: false });

const CHOSEN_THEME = "kotaemon.theme";
/** What the browser paints around the page: the same as in tokens.css. */
const PAPER = { light: "#fbfaf7", dark: "#15171a" };
const systemsDark = matchMedia("(prefers-color-scheme: dark)");

showTheme();
systemsDark.addEventListener("change", showTheme);

/** "light" or "dark", as it is shown now. */
export function theme() {
  return document.documentElement.dataset.theme;
}

/** Shows the other one; the system's own is not written down, so that it is followed again. */
export function toggleTheme() {
  const other = theme() === "dark" ? "light" : "dark";
  if (other === (systemsDark.matches ? "dark" : "light")) localStorage.removeItem(CHOSEN_THEME);
  else localStorage.setItem(CHOSEN_THEME, other);
  showTheme();
}

function showTheme() {
  document.documentElement.dataset.theme = localStorage.getItem(CHOSEN_THEME) ??
    (systemsDark.matches ? "dark" : "light");
  for (const meta of document.querySelectorAll('meta[name="theme-color"]')) meta.content = PAPER[theme()];
}

/** Whether the text is in the clipboard now. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

function copiedByHand(text) {
  const before = document.activeElement;
  const box = Object.assign(document.createElement("textarea"), { className: "hidden-words", value: text });
  box.setAttribute("aria-hidden", "true");
  document.body.append(box);
  box.select();
  const isCopied = document.execCommand("copy"); // the only way on plain http
  box.remove();
  before?.focus();
  return isCopied;
}

/** A sign of the set, hidden from screen readers: the words beside it say what it means. */
export function Icon({ name }) {
  return html`
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d=${ICONS[name]} />
    </svg>
  `;
}

/** Whether a key belongs to an input method: while Chinese is being typed, Enter chooses a word. */
export const isComposing = (event) => event.isComposing || event.keyCode === 229; // WebKit tells it only so

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
 * A menu beside its anchor: entries below what it is about, if that
 * is said. Arrows move in it, Escape and a click beside it close it.
 */
export function MenuList({ label, about = null, entries, anchor, close }) {
  const node = useRef(null);
  const leave = useRef(null);
  useLayoutEffect(() => {
    node.current.showPopover();
    beside(node.current, anchor);
    node.current.querySelector("[role=menuitem]").focus();
    const end = () => node.current?.hidePopover();
    leave.current = layer(end);
    for (const name of ["resize", "hashchange"]) window.addEventListener(name, end);
    return () => {
      leave.current();
      for (const name of ["resize", "hashchange"]) window.removeEventListener(name, end);
    };
  }, []);
  const chosen = (entry) => {
    node.current.hidePopover();
    leave.current(); // before a dialog takes its place
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

export const ICONS = {
  ask: "M3 4.500h14v9H9l-4 3v-3H3z",
  documents: "M5 2.500h7l3 3v12H5zM12 2.500v3h3M7.500 9h5M7.500 12h5",
  system: "M2.500 10h3l2-5 4 10 2-5h4",
  plus: "M10 4v12M4 10h12",
  close: "M5 5l10 10M15 5L5 15",
  previous: "M12 4l-6 6 6 6",
  next: "M8 4l6 6-6 6",
  copy: "M7 7h9v9H7zM4 13V4h9",
  again: "M15.500 6.500A6.500 6.500 0 1 0 16.500 10M16 3v4h-4",
  stop: "M6 6h8v8H6z",
  edit: "M4 16l.8-3.500L13 4.300l2.700 2.700-8.200 8.200zM11.500 5.800l2.700 2.700",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  upload: "M10 13V4M6 7.500L10 3.500l4 4M4 13v3.500h12V13",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500L17 17",
  check: "M4 10.500l4 4 8-9",
  open: "M11 4h5v5M16 4l-7 7M13 11v5H4V7h5",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10.500h6.600L14 6",
  down: "M5 8l5 5 5-5",
  up: "M5 12l5-5 5 5",
  fit_width: "M3 4v12M17 4v12M6 10h8M8 7.500L5.500 10 8 12.500M12 7.500l2.500 2.500-2.500 2.500",
  fit_page: "M5 3h10v14H5zM10 6v8M8 8l2-2 2 2M8 12l2 2 2-2",
  sun: "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM10 2v2M10 16v2M2 10h2M16 10h2M4.500 " +
    "4.500l1.400 1.400M14.100 14.100l1.400 1.400M15.500 4.500l-1.400 1.400M5.900 14.100l-1.400 1.400",
  moon: "M16 12.500A7 7 0 0 1 7.500 4 6.500 6.500 0 1 0 16 12.500z",
  path: "M4 4h4M4 4v11h4M4 9.500h4M11 4h5M11 9.500h5M11 15h5",
  larger: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500L17 17M6.500 9h5M9 6.500v5",
  smaller: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500L17 17M6.500 9h5",
  list: "M4 5.500h12M4 10h12M4 14.500h8",
  save: "M10 3.500v9M6.500 9.500L10 13l3.500-3.500M4 13.500v3h12v-3",
  scope: "M3 5h14M6 10h8M8.500 15h3",
  send: "M10 16V4M5 9l5-5 5 5",
  person: "M10 10a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3.500 17a6.500 6.500 0 0 1 13 0",
  leave: "M8 4H4v12h4M8.500 10h8M13.500 7l3 3-3 3",
  share: "M14.500 3a2.200 2.200 0 1 0 0 4.400 2.200 2.200 0 0 0 0-4.400zM5.500 7.800a2.200 2.200 0 1 0 0 " +
    "4.400 2.200 2.200 0 0 0 0-4.400zM14.500 12.600a2.200 2.200 0 1 0 0 4.400 2.200 2.200 0 0 0 " +
    "0-4.400zM7.500 9l5-2.700M7.500 11l5 2.700",
  link: "M8.500 11.500l3-3M7 9L4.700 11.300a2.800 2.800 0 0 0 4 4L11 13M9 7l2.300-2.300a2.800 2.800 0 0 " +
    "1 4 4L13 11",
  folder: "M2.500 5h5l2 2.500h8v8.500h-15z",
  drop: "M10 3v9M6.500 8.500L10 12l3.500-3.500M3 12v4.500h14V12",
  command: "M3 4h14v12H3zM6 8l2.500 2L6 12M10.500 12.500h3.500",
  read: "M10 5.500C8 4 5 4 3 4.500v11c2-.5 5-.5 7 1 2-1.500 5-1.500 7-1v-11c-2-.5-5-.5-7 1zM10 5.500v11",
  info: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9.500V14M10 6.500h.01",
  thumbUp: "M6.500 9l3-6c1.400 0 2 .9 2 2v3h4a1.500 1.500 0 0 1 1.500 1.800l-1 5.500a1.500 1.500 0 0 " +
    "1-1.500 1.200h-8M3 9h3.500v7.500H3z",
  thumbDown: "M13.500 11l-3 6c-1.400 0-2-.9-2-2v-3h-4A1.500 1.500 0 0 1 3 10.200l1-5.500a1.500 1.500 0 0 1 " +
    "1.500-1.200h8M17 11h-3.500V3.500H17z",
  tune: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4",
  print: "M6 7V3h8v4M6 14H3.500V7.500h13V14H14M6 11.500h8V17H6z",
  key: "M12.500 3.500a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM9.600 10.400L3.500 16.500M5.500 14.500l2 2",
  pin: "M7.500 3h5l-.7 5 2.700 3h-9l2.700-3zM10 11v6",
  keys: "M2.500 5.500h15v9h-15zM5.500 8.500h.01M8.500 8.500h.01M11.500 8.500h.01M14.500 8.500h.01M6.500 " +
    "11.500h7",
  settings: "M4 5.500h6M14 5.500h2M4 10h2M10 10h6M4 14.500h7M15 14.500h1M12 3.700v3.600M8 8.200v3.600M13 " +
    "12.700v3.600",
};
