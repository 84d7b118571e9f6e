// The command palette (Ctrl+K): views, actions, conversations and documents, found by a few letters;
// and the list of keys (?).

import { beginConversation } from "../ask/conversations.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { isOpen, may, signOut } from "./access.js";
import { call } from "./api.js";
import { language, speak, t } from "./language.js";
import { goTo, href, lastOf, layer } from "./router.js";
import { hideSheet, Icon, IconButton, isComposing, store, toggleTheme, useStore } from "./ui.js";

const TYPING_MS = 150;
const MOST_FOUND = 6;
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
/** Which of both is shown: "palette", "keys" or nothing. */
const shown = store({ name: null });

export const showPalette = () => shown.set({ name: "palette" });

export const showKeys = () => shown.set({ name: "keys" });

const hide = () => shown.set({ name: null });

/** What the palette's key is called on this machine. */
export const paletteKey = isMac ? "⌘K" : "Ctrl K";

/** Where both are shown; `offered` are the views of this caller. */
export function Overlays({ offered }) {
  const { name } = useStore(shown);
  if (name === "palette") return html`<${Palette} offered=${offered} />`;
  return name === "keys" ? html`<${Keys} />` : null;
}

/** A dialog that Escape, Back and a click beside it close. */
function Overlay({ label, className, children }) {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    dialog.current.showModal();
    return layer(hide);
  }, []);
  return html`
    <dialog ref=${dialog} class=${`dialog ${className}`} aria-label=${label} onClose=${hide}
      onClick=${(event) => event.target === dialog.current && hide()}>${children}</dialog>
  `;
}

function Palette({ offered }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const found = useFound(query);
  const entries = [...commands(query, offered), ...found, ...searches(query)];
  const chosen = Math.min(at, entries.length - 1);
  useEffect(() => document.getElementById(`palette-${chosen}`)?.scrollIntoView({ block: "nearest" }), [
    chosen,
  ]);
  const run = (entry) => {
    hide();
    hideSheet();
    entry.act();
  };
  const keys = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (isComposing(event) || entries.length === 0) return;
    if (step) {
      event.preventDefault();
      setAt((chosen + step + entries.length) % entries.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(entries[chosen]);
    }
  };
  const typed = (event) => {
    setQuery(event.currentTarget.value);
    setAt(0);
  };
  return html`
    <${Overlay} label=${t("palette.label")} className="palette">
      <input id="palette" class="field" type="text" role="combobox" aria-expanded="true" dir="auto" autofocus
        aria-controls="palette-list" aria-autocomplete="list" autocomplete="off" spellcheck=${false}
        aria-activedescendant=${chosen < 0 ? null : `palette-${chosen}`} aria-label=${t("palette.label")}
        placeholder=${t("palette.hint")} value=${query} onInput=${typed} onKeyDown=${keys} />
      <ul id="palette-list" role="listbox" aria-label=${t("palette.label")}>
        ${entries.map((entry, index) =>
          html`
            <li key=${entry.key} id=${`palette-${index}`} role="option" aria-selected=${index === chosen}
              onPointerMove=${() => setAt(index)} onClick=${() => run(entry)}>
              <${Icon} name=${entry.icon} /><span dir="auto">${entry.label}</span>
              ${entry.kind && html`<small>${entry.kind}</small>`}
              ${entry.keys && html`<kbd>${entry.keys}</kbd>`}
            </li>
          `
        )}
      </ul>
      <//>
  `;
}

/** Views and actions of which the words have all that was typed. */
function commands(query, offered) {
  const all = [
    may("ask") &&
    { key: "new", icon: "plus", label: t("talks.new"), keys: "Alt N", act: beginConversation },
    ...offered.map((name) => ({
      key: name,
      icon: name,
      label: t(`nav.${name}`),
      kind: t("palette.view"),
      act: () => goTo(lastOf(name)),
    })),
    { key: "theme", icon: "moon", label: t("theme.switch"), act: toggleTheme },
    {
      key: "language",
      icon: "ask",
      label: language === "zh" ? "English" : "中文",
      kind: t("palette.language"),
      act: () => speak(language === "zh" ? "en" : "zh"),
    },
    { key: "keys", icon: "keys", label: t("keys.title"), keys: "?", act: showKeys },
    !isOpen() && { key: "out", icon: "leave", label: t("caller.out"), act: signOut },
  ].filter(Boolean);
  const words = query.toLowerCase().split(/\s+/);
  return all.filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
}

/** What else may be done with the words: they are asked, or looked for in the texts. */
function searches(query) {
  const words = query.trim();
  if (!words || !may("ask")) return [];
  return [
    {
      key: "search",
      icon: "search",
      label: t("palette.search", { words }),
      act: () => goTo(href("search", { q: words })),
    },
  ];
}

/** Conversations and documents that have the words. */
function useFound(query) {
  const [found, setFound] = useState([]);
  useEffect(() => {
    const words = query.trim();
    const over = new AbortController();
    const timer = setTimeout(async () => setFound(words ? await lookUp(words, over.signal) : []), TYPING_MS);
    return () => {
      clearTimeout(timer);
      over.abort();
    };
  }, [query]);
  return found;
}

async function lookUp(words, signal) {
  const asked = `?q=${encodeURIComponent(words)}&limit=${MOST_FOUND}`;
  const ask = (path) =>
    call("GET", path + asked, undefined, { signal }).then((reply) => reply.items, () => []);
  const [talks, documents] = await Promise.all([
    may("ask") ? ask("/api/v1/conversations") : [],
    ask("/api/v1/documents"),
  ]);
  return [
    ...talks.map(({ id, title }) => ({
      key: id,
      icon: "ask",
      label: title || t("talks.new"),
      kind: t("palette.conversation"),
      act: () => goTo(href("ask", id)),
    })),
    ...documents.map(({ id, name }) => ({
      key: id,
      icon: "documents",
      label: name,
      kind: t("palette.document"),
      act: () => goTo(href("documents", id, "page", "1")),
    })),
  ];
}

/** Group -> keys with what they do. */
const KEYS = {
  everywhere: [[paletteKey, "palette"], ["/", "question"], ["Alt N", "new"], ["?", "list"], ["Esc", "close"]],
  ask: [["Enter", "send"], ["Shift Enter", "line"], ["Esc", "stop"]],
  lists: [["↑ ↓", "move"], ["Shift ↑ ↓", "choose"], ["Ctrl A", "all"], ["F2", "rename"], [
    "Delete",
    "delete",
  ]],
  reader: [
    ["← →", "pages"],
    ["PgUp PgDn", "screens"],
    ["Home End", "ends"],
    ["g", "page"],
    ["+ −", "zoom"],
    ["0", "fit"],
    ["f Ctrl F", "find"],
    ["F3 Shift F3", "hits"],
    ["n p", "sources"],
  ],
};

function Keys() {
  return html`
    <${Overlay} label=${t("keys.title")} className="keys-list">
      <header>
        <h2>${t("keys.title")}</h2>
        <${IconButton} name="close" label=${t(
          "close",
        )} onClick=${hide} />
      </header>
      <div>
        ${Object.entries(KEYS).map(([group, keys]) =>
          html`
            <section key=${group}>
              <h3>${t(`keys.group.${group}`)}</h3>
              <dl>
                ${keys.map(([key, does]) =>
                  html`
                    <div key=${does}>
                      <dt><kbd>${key}</kbd></dt>
                      <dd>${t(`keys.${group}.${does}`)}</dd>
                    </div>
                  `
                )}
              </dl>
            </section>
          `
        )}
      </div>
      <//>
  `;
}

/** The keys that work everywhere. */
export function pressed(event) {
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
  const hasCommand = event.ctrlKey || event.metaKey;
  if (hasCommand && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return showPalette();
  }
  if (event.altKey && !hasCommand && event.code === "KeyN" && may("ask")) {
    event.preventDefault();
    return beginConversation();
  }
  if (isTyping || hasCommand || event.altKey || document.querySelector("dialog[open]")) return undefined;
  if (event.key === "?") {
    event.preventDefault();
    showKeys();
  } else if (event.key === "/" && may("ask")) {
    event.preventDefault();
    toQuestion();
  }
  return undefined;
}

/** The box for the question: in the conversation that is shown, or in the last one that was. */
function toQuestion() {
  const focus = () => document.getElementById("question")?.focus();
  if (document.getElementById("question")) return focus();
  goTo(lastOf("ask"));
  requestAnimationFrame(() => requestAnimationFrame(focus));
  return undefined;
}
