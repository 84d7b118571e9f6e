// Where the answer is looked for: everything, a collection, or some documents.

import { collections, useCollections } from "../documents/library.js";
import { call } from "../frame/api.js";
import { count, t } from "../frame/language.js";
import { say } from "../frame/overlays.js";
import { Icon, store, useStore } from "../frame/ui.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";

const MOST_SHOWN = 30;
const TYPING_MS = 180;
const EVERYTHING = { collection: null, document_ids: [] };

/** What documents are called, as far as it is known: id -> name, null for one that is gone. */
const names = store({});
const asked = new Set();

/** Notes what a document is called. */
export const noteName = (id, name) => names.set({ [id]: name });

async function learnName(id) {
  if (asked.has(id)) return;
  asked.add(id);
  try {
    noteName(id, (await call("GET", `/api/v1/documents/${encodeURIComponent(id)}`)).name);
  } catch (error) {
    if (error.status === 404) noteName(id, null);
    else asked.delete(id);
  }
}

/** What documents are called; those that are not known are asked for. */
function useNames(ids) {
  const known = useStore(names);
  useEffect(() => ids.filter((id) => !(id in known)).forEach(learnName), [ids.join()]);
  return known;
}

/** Where a question was looked for; nothing is said where it was everything. */
export function ScopeWords({ scope, isAlways = false }) {
  const { collection, document_ids: ids } = scope ?? EVERYTHING;
  const known = useNames(ids.slice(0, 1));
  if (!collection && ids.length === 0 && !isAlways) return null;
  return html`
    <small class="scope-words"><${Icon} name="scope" /><bdi>${wordsOf(
      { collection, ids },
      known,
    )}</bdi></small>
  `;
}

function wordsOf({ collection, ids }, known) {
  if (ids.length === 1) return known[ids[0]] ?? t("documents.count", { n: 1, count: 1 });
  if (ids.length > 1) return t("documents.count", { n: ids.length, count: count(ids.length) });
  return collection ?? t("scope.everything");
}

/** The button that says it, and what it opens; `choose(scope)` takes another one. */
export function ScopePicker({ scope, choose }) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef(null);
  const panel = useRef(null);
  const ids = scope.document_ids;
  const known = useNames(ids);
  useCollections();
  useEffect(() => {
    const gone = ids.filter((id) => known[id] === null);
    if (gone.length === 0) return;
    choose({ collection: null, document_ids: ids.filter((id) => !gone.includes(id)) });
    say(t("scope.gone"));
  }, [known, ids]);
  const toggled = (event) => {
    setOpen(event.newState === "open");
    if (event.newState === "open") collections.read();
  };
  const words = saidScope(scope, collections.items, known);
  return html`
    <div class="scope-place">
      <button type="button" class="quiet scope" id="scope" ref=${button} popovertarget="scope-panel"
        aria-haspopup="dialog" aria-label=${t("scope.label", { name: words })}>
        <${Icon} name="scope" /><span class="scope-name"><bdi>${words}</bdi></span><${Icon} name="down" />
      </button>
      ${(scope.collection || ids.length > 0) && html`
        <button type="button" class="quiet" id="scope-clear" aria-label=${t("scope.clear")} title=${t(
          "scope.clear",
        )}
          onClick=${() => choose(EVERYTHING)}><${Icon} name="close" /></button>
      `}
      <div id="scope-panel" class="scope-panel" popover="auto" role="dialog" aria-label=${t(
        "scope.title",
      )} ref=${panel}
        onBeforeToggle=${(event) => event.newState === "open" && above(panel.current, button.current)}
        onToggle=${toggled}>
        ${isOpen &&
          html`<${Choice} scope=${scope} choose=${choose} collections=${
            collections.items ?? []
          } known=${known} />`}
      </div>
    </div>
  `;
}

function saidScope({ collection, document_ids: ids }, collections, known) {
  if (ids.length > 0) return wordsOf({ collection: null, ids }, known);
  const of = (n) => t("scope.ready", { n, count: count(n) });
  const all = collections?.reduce((total, one) => total + one.ready, 0);
  const here = collections?.find((one) => one.name === collection)?.ready;
  const number = collection ? here : all;
  const name = collection ?? t("scope.everything");
  return number === undefined ? name : `${name} · ${of(number)}`;
}

/** Puts a panel above its button in the box. */
export function above(panel, button) {
  const at = button.getBoundingClientRect();
  const width = Math.min(380, innerWidth - 24);
  Object.assign(panel.style, {
    width: `${width}px`,
    left: `${Math.max(12, Math.min(at.left, innerWidth - width - 12))}px`,
    bottom: `${innerHeight - at.top + 8}px`,
    maxHeight: `${Math.min(460, at.top - 20)}px`,
  });
}

function Choice({ scope, choose, collections, known }) {
  const [query, setQuery] = useState("");
  const [found, setFound] = useState([]);
  const input = useRef(null);
  useLayoutEffect(() => input.current.focus(), []);
  useEffect(() => {
    const over = new AbortController();
    const timer = setTimeout(async () => {
      const path = `/api/v1/documents?limit=${MOST_SHOWN}${query && `&q=${encodeURIComponent(query)}`}`;
      const reply = await call("GET", path, undefined, { signal: over.signal }).catch(() => null);
      if (!reply) return;
      names.set(Object.fromEntries(reply.items.map((one) => [one.id, one.name])));
      setFound(reply.items);
    }, query ? TYPING_MS : 0);
    return () => {
      clearTimeout(timer);
      over.abort();
    };
  }, [query]);
  return html`
    <h3>${t("scope.title")}</h3>
    <input type="search" class="field" id="scope-search" ref=${input} aria-label=${t("scope.search")}
      placeholder=${t("scope.search")} autocomplete="off" dir="auto" value=${query}
      onInput=${(event) => setQuery(event.target.value.trim())} />
    <div class="scope-list">
      <${Rows} ...${{ scope, choose, collections, known, found, query }} />
    </div>
    <footer>
      <button type="button" class="go" id="scope-done" popovertarget="scope-panel" popovertargetaction="hide">
        ${t("scope.done")}
      </button>
    </footer>
  `;
}

function Rows({ scope, choose, collections, known, found, query }) {
  const isLike = (name) => (name ?? "").toLowerCase().includes(query.toLowerCase());
  const shelves = collections.filter((one) => isLike(one.name));
  const chosen = scope.document_ids.filter((id) => isLike(known[id]));
  const ids = [...chosen, ...found.map((one) => one.id).filter((id) => !chosen.includes(id))];
  const isAll = !scope.collection && scope.document_ids.length === 0;
  const all = collections.reduce((total, one) => total + one.ready, 0);
  const flip = (id, is) =>
    choose({
      collection: null,
      document_ids: is ? [...scope.document_ids, id] : scope.document_ids.filter((one) => one !== id),
    });
  return html`
    ${!query && html`
      <${Row} type="radio" isChosen=${isAll} name=${t("scope.everything")} number=${all}
        change=${() => choose(EVERYTHING)} />
    `}
    ${shelves.length > 0 && html`<h4>${t("scope.collections")}</h4>`}
    ${shelves.map((one) =>
      html`
        <${Row} key=${`collection ${one.name}`} type="radio" isChosen=${scope.collection ===
          one.name} name=${one.name}
          number=${one.ready} change=${() => choose({ collection: one.name, document_ids: [] })} />
      `
    )}
    ${ids.length > 0 && html`<h4>${t("scope.documents")}</h4>`}
    ${ids.map((id) =>
      html`
        <${Row} key=${id} type="checkbox" isChosen=${chosen.includes(id)} name=${known[id] ?? id}
          change=${(is) => flip(id, is)} />
      `
    )}
    ${found.length === MOST_SHOWN && html`<small>${t("scope.more")}</small>`}
    ${shelves.length + ids.length === 0 && query && html`<small>${t("scope.nothing")}</small>`}
  `;
}

function Row({ type, isChosen, name, number, change }) {
  return html`
    <label class="scope-row">
      <input type=${type} name=${`scope-${type}`} checked=${isChosen}
        onChange=${(event) => change(event.target.checked)} />
      <span><bdi>${name}</bdi></span>
      ${number !== undefined && html`<small>${count(number)}</small>`}
    </label>
  `;
}
