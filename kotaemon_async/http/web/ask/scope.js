// Where the answer is looked for: everything, a collection, or some documents.

import { call } from "../frame/api.js";
import { fill, h, icon } from "../frame/dom.js";
import { count } from "../frame/format.js";
import { say } from "../frame/notice.js";
import { route } from "../frame/router.js";
import { remember, remembered } from "./remembered.js";
import { t } from "../frame/strings.js";

const SCOPE = "kotaemon.scope";
const MOST_SHOWN = 30;
const TYPING_MS = 180;
let isRestored = false;

/** The picker: node, and known(), which gives {total, ready, documents} once it has looked. */
export function scopePicker(shared) {
  if (!isRestored && !shared.scope.collection && shared.scope.documentIds.length === 0) {
    Object.assign(shared.scope, remembered(SCOPE, {}));
  }
  isRestored = true;
  const asked = route().query;
  if (asked.documents || asked.collection) {
    const documentIds = asked.documents?.split(",") ?? [];
    Object.assign(shared.scope, { collection: asked.collection ?? null, documentIds });
  }
  remember(SCOPE, shared.scope); // also one that was chosen elsewhere
  const it = { shared, collections: null, names: new Map(), found: [], query: "" };
  it.label = h("span", { class: "scope-name" }, "…");
  it.button = h(
    "button",
    {
      type: "button",
      class: "quiet scope",
      id: "scope",
      popovertarget: "scope-panel",
      "aria-haspopup": "dialog",
    },
    icon("scope"),
    it.label,
    icon("down"),
  );
  it.list = h("div", { class: "scope-list" });
  it.input = h("input", {
    type: "search",
    class: "field",
    id: "scope-search",
    "aria-label": t("scope.search"),
    placeholder: t("scope.search"),
    autocomplete: "off",
    oninput: () => lookSoon(it),
  });
  const done = h("button", {
    type: "button",
    class: "go",
    id: "scope-done",
    popovertarget: "scope-panel",
    popovertargetaction: "hide",
  }, t("scope.done"));
  it.panel = h(
    "div",
    {
      id: "scope-panel",
      class: "scope-panel",
      popover: "auto",
      role: "dialog",
      "aria-label": t("scope.title"),
      ontoggle: (event) => event.newState === "open" && opened(it),
    },
    h("h3", {}, t("scope.title")),
    it.input,
    it.list,
    h("footer", {}, done),
  );
  it.panel.addEventListener("beforetoggle", (event) => event.newState === "open" && place(it));
  const known = load(it);
  return {
    node: h("div", { class: "scope-place" }, it.button, it.panel),
    known: () => known,
    look: () => load(it),
    choose: (scope, name) => choose(it, scope, name),
  };
}

async function load(it) {
  sayScope(it);
  const [collections, documents] = await Promise.all([
    call("GET", "/api/v1/collections").catch(() => null),
    call("GET", `/api/v1/documents?limit=${MOST_SHOWN}`).catch(() => ({ items: [] })),
    nameChosen(it),
  ]);
  it.collections = collections?.items ?? null;
  it.found = documents.items;
  for (const one of documents.items) it.names.set(one.id, one.name);
  sayScope(it);
  const sum = (field) => (it.collections ?? []).reduce((total, one) => total + one[field], 0);
  return it.collections && { total: sum("documents"), ready: sum("ready"), documents: it.found };
}

/** Learns what chosen documents are called; those that are gone are chosen no more. */
async function nameChosen(it) {
  const { scope } = it.shared;
  const unknown = scope.documentIds.filter((id) => !it.names.has(id));
  const gone = [];
  await Promise.all(unknown.map(async (id) => {
    try {
      it.names.set(id, (await call("GET", `/api/v1/documents/${encodeURIComponent(id)}`)).name);
    } catch (error) {
      if (error.status === 404) gone.push(id);
    }
  }));
  if (gone.length === 0) return;
  choose(it, { collection: null, documentIds: scope.documentIds.filter((id) => !gone.includes(id)) });
  say(t("scope.gone"));
}

function choose(it, scope, name = null) {
  if (name) it.names.set(scope.documentIds[0], name);
  Object.assign(it.shared.scope, scope);
  remember(SCOPE, it.shared.scope);
  sayScope(it);
}

function sayScope(it) {
  const { collection, documentIds } = it.shared.scope;
  const of = (n) => t("documents.count", { n, count: count(n) });
  const all = it.collections?.reduce((total, one) => total + one.documents, 0);
  const here = it.collections?.find((one) => one.name === collection)?.documents;
  let words = all === undefined ? t("scope.everything") : `${t("scope.everything")} · ${of(all)}`;
  if (documentIds.length === 1) words = it.names.get(documentIds[0]) ?? of(1);
  else if (documentIds.length > 1) words = of(documentIds.length);
  else if (collection) words = here === undefined ? collection : `${collection} · ${of(here)}`;
  it.label.textContent = words;
  it.button.setAttribute("aria-label", t("scope.label", { name: words }));
}

/** Above the box, where the button is. */
function place(it) {
  const at = it.button.getBoundingClientRect();
  const width = Math.min(380, innerWidth - 24);
  Object.assign(it.panel.style, {
    width: `${width}px`,
    left: `${Math.max(12, Math.min(at.left, innerWidth - width - 12))}px`,
    bottom: `${innerHeight - at.top + 8}px`,
    maxHeight: `${Math.min(460, at.top - 20)}px`,
  });
}

function opened(it) {
  it.input.value = it.query = "";
  it.input.focus();
  showList(it);
  load(it).then(() => showList(it));
}

function lookSoon(it) {
  clearTimeout(it.timer);
  it.timer = setTimeout(async () => {
    const query = it.input.value.trim();
    it.query = query;
    const path = `/api/v1/documents?limit=${MOST_SHOWN}${query && `&q=${encodeURIComponent(query)}`}`;
    const found = await call("GET", path).catch(() => ({ items: [] }));
    if (query !== it.query) return;
    it.found = found.items;
    for (const one of found.items) it.names.set(one.id, one.name);
    showList(it);
  }, TYPING_MS);
}

function showList(it) {
  const { scope } = it.shared;
  const query = it.query.toLowerCase();
  const collections = (it.collections ?? []).filter((one) => one.name.toLowerCase().includes(query));
  const chosen = scope.documentIds.filter((id) => (it.names.get(id) ?? "").toLowerCase().includes(query));
  const others = it.found.filter((one) => !chosen.includes(one.id)).map((one) => one.id);
  const isAll = !scope.collection && scope.documentIds.length === 0;
  const all = it.collections?.reduce((total, one) => total + one.documents, 0);
  const focused = document.activeElement?.dataset?.key;
  fill(
    it.list,
    !query &&
      row(
        it,
        "radio",
        isAll,
        t("scope.everything"),
        all,
        "everything",
        () => ({ collection: null, documentIds: [] }),
      ),
    collections.length > 0 && h("h4", {}, t("scope.collections")),
    collections.map((one) =>
      row(
        it,
        "radio",
        scope.collection === one.name,
        one.name,
        one.documents,
        `collection:${one.name}`,
        () => ({ collection: one.name, documentIds: [] }),
      )
    ),
    chosen.length + others.length > 0 && h("h4", {}, t("scope.documents")),
    [...chosen, ...others].map((id) =>
      row(
        it,
        "checkbox",
        chosen.includes(id),
        it.names.get(id) ?? id,
        null,
        `document:${id}`,
        (is) => ({
          collection: null,
          documentIds: is ? [...scope.documentIds, id] : scope.documentIds.filter((one) => one !== id),
        }),
      )
    ),
    it.found.length === MOST_SHOWN && h("small", {}, t("scope.more")),
    collections.length + chosen.length + others.length === 0 && query && h("small", {}, t("scope.nothing")),
  );
  if (focused) it.list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function row(it, type, checked, name, documents, key, scopeOf) {
  const change = (event) => {
    choose(it, scopeOf(event.target.checked));
    showList(it);
  };
  return h(
    "label",
    { class: "scope-row" },
    h("input", { type, name: `scope-${type}`, checked, dataset: { key }, onchange: change }),
    h("span", {}, name),
    documents !== null && documents !== undefined && h("small", {}, count(documents)),
  );
}
