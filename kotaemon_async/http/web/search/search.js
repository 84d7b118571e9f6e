// The view "Search": words in all documents, found as they are typed, with no model.

import { collections, useCollections } from "../documents/library.js";
import { KINDS, mediaTypesOf } from "../documents/status.js";
import { useAgain } from "../frame/again.js";
import { call } from "../frame/api.js";
import { addWords, code, count, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { href, replace, useTitle } from "../frame/router.js";
import { CopyLink, Empty, Icon, isComposing } from "../frame/ui.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Results } from "./results.js";
import { words as ofSearch } from "./words.js";

addWords(ofSearch);

const TYPING_MS = 180;
const MOST = 60;
const DAY_MS = 86_400_000;
const TYPED_MS = 300;
const NAMES_SHOWN = 8;
const FILTERS = ["collection", "kind", "document", "after", "before"];

/** The view at #search?q=words&collection=&kind=&document=&after=&before=. */
export function View({ route: { query } }) {
  const [words, setWords] = useState(query.q ?? "");
  const written = useRef(query.q ?? "");
  const box = useRef(null);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""]));
  const search = useSearch(words.trim(), filters);
  const name = useNameOf(filters.document);
  useTitle(words.trim() ? `${words.trim()} · ${t("nav.search")}` : "");
  useEffect(() => box.current.focus(), []);
  useEffect(() => { // somebody went back, or followed a link
    if ((query.q ?? "") === written.current) return;
    written.current = query.q ?? "";
    setWords(written.current);
  }, [query.q]);
  useEffect(() => {
    if (words.trim() === written.current.trim()) return;
    const timer = setTimeout(() => {
      written.current = words.trim();
      replace("search", { ...filters, q: words.trim() });
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [words]);
  const set = (change) => replace("search", { q: words.trim(), ...filters, ...change });
  const isNarrowed = FILTERS.some((one) => filters[one]);
  const clear = () => set(Object.fromEntries(FILTERS.map((one) => [one, ""])));
  return html`
    <section class="view search" onKeyDown=${walk}>
      <header class="search-head">
        <h2>${t("nav.search")}</h2>
        ${words.trim() && html`<${CopyLink} to=${href("search", { q: words.trim(), ...filters })} />`}
      </header>
      <form class="search-box" role="search" onSubmit=${(event) => event.preventDefault()}>
        <${Icon} name="search" />
        <input ref=${box} id="search" class="field" type="search" dir="auto" maxlength="1000"
          autocomplete="off"
          enterkeyhint="search" aria-label=${t("search.words")} placeholder=${t(
            "search.words",
          )} value=${words}
          onInput=${(event) => setWords(event.target.value)} />
      </form>
      <${Filters} filters=${filters} set=${set} name=${name} clear=${isNarrowed && clear} />
      <${Found} search=${search} words=${words.trim()} isNarrowed=${isNarrowed} clear=${clear}
        only=${(id) => set({ document: id })} isOne=${Boolean(filters.document)} />
    </section>
  `;
}

/** The name of the document that is looked in, empty as long as it is not known. */
function useNameOf(id) {
  const [found, setFound] = useState({});
  useEffect(() => {
    if (!id) return;
    const path = `/api/v1/documents/${encodeURIComponent(id)}`;
    call("GET", path).then(
      ({ name }) => setFound({ id, name }),
      () => setFound({ id, name: t("search.gone") }),
    );
  }, [id]);
  return found.id === id ? found.name : "";
}

/** Which documents are looked in. */
function Filters({ filters, set, name, clear }) {
  useCollections();
  const names = (collections.items ?? []).map((one) => one.name);
  const on = (field) => (event) => set({ [field]: event.target.value });
  return html`
    <div class="search-filters" role="group" aria-label=${t("search.filters")}>
      <select class="field" id="search-collection" aria-label=${t("search.collection")} value=${filters
        .collection}
        onChange=${on("collection")}>
        <option value="">${t("search.collection.all")}</option>
        ${within(names, filters.collection).map((one) =>
          html`<option key=${one} value=${one}>${one}</option>`
        )}
      </select>
      <select class="field" id="search-kind" aria-label=${t("search.kind")} value=${filters.kind}
        onChange=${on("kind")}>
        <option value="">${t("search.kind.all")}</option>
        ${KINDS.map((one) => html`<option key=${one} value=${one}>${code("kind", one)}</option>`)}
      </select>
      <label>${t("search.after")}<input class="field" id="search-after" type="date" value=${filters.after}
        max=${filters.before || null} onChange=${on("after")} /></label>
      <label>${t("search.before")}<input class="field" id="search-before" type="date" value=${filters.before}
        min=${filters.after || null} onChange=${on("before")} /></label>
      ${filters.document
        ? html`
          <button type="button" class="plain" id="search-document" title=${t("search.document.all")}
            onClick=${() => set({ document: "" })}><bdi>${name || "…"}</bdi><${Icon} name="close" /></button>
        `
        : html`
          <${DocumentChoice} collection=${filters.collection} choose=${(id) => set({ document: id })} />
        `}
      ${clear &&
        html`<button type="button" class="quiet" id="search-clear" onClick=${clear}>${
          t("search.clear")
        }</button>`}
    </div>
  `;
}

/** A box for a part of a document's name, and the documents that are called so, one of which is chosen. */
function DocumentChoice({ collection, choose }) {
  const [part, setPart] = useState("");
  const [chosen, setChosen] = useState(0);
  const found = useNamed(part.trim(), collection);
  const isOpen = part.trim() !== "" && found !== null;
  const at = Math.min(chosen, Math.max(0, (found?.length ?? 0) - 1));
  const leave = () => setPart("");
  const keys = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const act = {
      Enter: () => found?.[at] && choose(found[at].id),
      Escape: leave,
      ArrowDown: () => setChosen(Math.min(at + 1, (found?.length ?? 1) - 1)),
      ArrowUp: () => setChosen(Math.max(0, at - 1)),
    }[event.key];
    if (isComposing(event) || !act || (!isOpen && !step)) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  return html`
    <span class="search-documents" onFocusOut=${(event) =>
      event.currentTarget.contains(event.relatedTarget) || leave()}>
      <input class="field" id="search-name" type="text" role="combobox" dir="auto" autocomplete="off"
        maxlength="200"
        aria-expanded=${isOpen} aria-controls="search-names" aria-autocomplete="list" aria-label=${t(
          "search.document",
        )}
        aria-activedescendant=${isOpen && found.length > 0 ? `search-name-${at}` : null} placeholder=${t(
          "search.document",
        )} value=${part}
        onInput=${(event) => (setChosen(0), setPart(event.target.value))} onKeyDown=${keys} />
      <ul id="search-names" role="listbox" aria-label=${t("search.document")} hidden=${!isOpen}>
        ${found?.map((one, order) =>
          html`
            <li key=${one.id} id=${`search-name-${order}`} role="option" aria-selected=${order === at}
              onPointerDown=${(event) => event.preventDefault()} onClick=${() => choose(one.id)}>
              <bdi>${one.name}</bdi><small><bdi>${one.collection}</bdi></small>
            </li>
          `
        )}
      </ul>
      ${isOpen && found.length === 0 &&
        html`<small class="search-nameless" role="status">${t("search.document.none")}</small>`}
    </span>
  `;
}

/** Documents that are called so, null until they are known. */
function useNamed(part, collection) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    if (!part) return setFound(null);
    const stopping = new AbortController();
    const timer = setTimeout(() => {
      const query = new URLSearchParams({ q: part, status: "ready", limit: NAMES_SHOWN });
      if (collection) query.set("collection", collection);
      call("GET", `/api/v1/documents?${query}`, undefined, { signal: stopping.signal })
        .then(({ items }) => setFound(items), () => {});
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [part, collection]);
  return found;
}

/** The names, also that of the chosen one before the list is there. */
const within = (names, chosen) => (chosen && !names.includes(chosen) ? [chosen, ...names] : names);

/** What was found, or why there is nothing. */
function Found({ search, words, isNarrowed, clear, only, isOne }) {
  const { found, error, isAsking } = search;
  if (!words) {
    return html`
      <${Empty} icon="search" title=${t("search.begin")}>
        <p>${t("search.begin.hint")}</p>
        <//>
    `;
  }
  if (error) {
    const { text, hint } = wordsFor(error);
    return html`
      <${Empty} icon="search" title=${text}>
        <p>${hint}</p>
        <//>
    `;
  }
  return html`
    <p class="search-count small" id="search-count" role="status">${found && saidCount(found)}</p>
    ${found?.degraded.length > 0 &&
      html`<p class="search-degraded" role="status">${saidLost(found.degraded)}</p>`}
    ${found && found.groups.length > 0 && html`
      <div aria-busy=${isAsking}>
        <${Results} found=${found} only=${isOne ? null : only} />
      </div>
    `}
    ${found?.groups.length === 0 && !isAsking && html`
      <${Empty} icon="search" title=${t("search.none", { words: found.words })}>
        <p>${t(isNarrowed ? "search.none.narrowed" : "search.none.hint")}</p>
        ${isNarrowed &&
          html`<button type="button" class="plain" onClick=${clear}>${t("search.clear")}</button>`}
      <//>
    `}
  `;
}

function saidCount({ groups, passages }) {
  if (groups.length === 0) return "";
  const documents = t("documents.count", { n: groups.length, count: count(groups.length) });
  return t("search.count", { n: passages, count: count(passages), documents });
}

function saidLost(degraded) {
  const lost = [...new Set(degraded.map((one) => code("search.lost", one.component)))];
  return t("search.degraded", { lost: lost.join(t("place.comma")) });
}

/** What the words find: {found, error, isAsking}; `found` has groups, one for each document. */
function useSearch(words, filters) {
  const [state, setState] = useState({ found: null, error: null, isAsking: false });
  const [tries, setTries] = useState(0);
  useAgain(state.error, () => setTries((was) => was + 1));
  const wanted = JSON.stringify(bodyOf(words, filters));
  useEffect(() => {
    if (!words) return setState({ found: null, error: null, isAsking: false });
    setState((was) => ({ ...was, isAsking: true }));
    const stopping = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const reply = await call("POST", "/api/v1/search", JSON.parse(wanted), { signal: stopping.signal });
        setState({ found: grouped(words, reply), error: null, isAsking: false });
      } catch (error) {
        if (error.name !== "AbortError") setState({ found: null, error, isAsking: false });
      }
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [wanted, tries]);
  return state;
}

function bodyOf(query, { collection, kind, document, after, before }) {
  const filters = {
    ...(collection && { collections: [collection] }),
    ...(kind && { media_types: mediaTypesOf(kind) }),
    ...(isDay(after) && { created_after: dayOf(after).toISOString() }),
    ...(isDay(before) && { created_before: new Date(dayOf(before).getTime() + DAY_MS).toISOString() }),
  };
  return {
    query,
    as_typed: true,
    top_k: MOST,
    ...(document && { document_ids: [document] }),
    ...(Object.keys(filters).length > 0 && { filters }),
  };
}

const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(dayOf(text).getTime());

/** The beginning of a day where the person is. */
const dayOf = (text) => new Date(`${text}T00:00:00`);

/** The passages by document, in the order of the best one of each. */
function grouped(words, { passages, degraded }) {
  const groups = new Map();
  for (const one of passages) {
    const group = groups.get(one.document_id);
    if (group) group.passages.push(one);
    else groups.set(one.document_id, { ...one, passages: [one] });
  }
  return { words, passages: passages.length, degraded, groups: [...groups.values()] };
}

/** Up and down walk over the hits, from the box and back to it. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || isComposing(event) || event.target.closest("select, [type=date], .search-documents")) return;
  const hits = [...event.currentTarget.querySelectorAll("a.search-hit")];
  const at = hits.indexOf(document.activeElement);
  const box = event.currentTarget.querySelector("#search");
  if (at < 0 && document.activeElement !== box) return;
  event.preventDefault();
  const next = at + step;
  (next < 0 ? box : hits[Math.min(next, hits.length - 1)] ?? box).focus();
}
