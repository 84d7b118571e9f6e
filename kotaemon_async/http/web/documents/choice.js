// Which documents are shown, in which order, and which are
// selected; and what stands above the list to say so.

import { count, language, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { go, replace } from "../frame/router.js";
import { Icon, IconButton } from "../frame/ui.js";
import { html, useEffect, useRef } from "../vendor/preact.js";
import { isUnfinished } from "./library.js";
import { kindOf, KINDS } from "./status.js";

const collator = new Intl.Collator(language === "zh" ? "zh-CN" : "en", {
  numeric: true,
  sensitivity: "base",
});
const RANKS = { failed: 0, processing: 1, queued: 2, cancelled: 3, ready: 4 };
const ORDERS = {
  name: (a, b) => collator.compare(a.name, b.name),
  status: (a, b) => RANKS[a.status] - RANKS[b.status],
  pages: (a, b) => (a.progress.pages_total ?? -1) - (b.progress.pages_total ?? -1),
  collection: (a, b) => collator.compare(a.collection, b.collection),
  date: (a, b) => -newest(a, b),
  size: (a, b) => a.size_bytes - b.size_bytes,
};
const BY_DATE = "-date";
export const STATUSES = ["unfinished", "ready", "failed", "cancelled", "warnings"];

function newest(a, b) {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}

/** What an address asks for: words, collection, status, kind and order; "-size" is the greatest first. */
export function choiceOf({ q = "", collection = "", status = "", kind = "", sort = BY_DATE }) {
  const [by, isUp] = sort.startsWith("-") ? [sort.slice(1), false] : [sort, true];
  const order = by in ORDERS ? { sort: by, isUp } : { sort: "date", isUp: false };
  return { words: q, collection, status: STATUSES.includes(status) ? status : "", kind, ...order };
}

/** The query of an address that asks for this. */
export function queryOf({ words, collection, status, kind, sort, isUp }) {
  const order = `${isUp ? "" : "-"}${sort}`;
  return { q: words, collection, status, kind, sort: order === BY_DATE ? "" : order };
}

/**
 * Sorted by this; by the same once more, the other way round. Names start with A, all else with the greatest.
 */
export function sortedBy(choice, sort) {
  const startsUp = sort === "name" || sort === "collection" || sort === "status";
  return { ...choice, sort, isUp: sort === choice.sort ? !choice.isUp : startsUp };
}

/** Whether a document has the status; some are none of the service's own. */
export function hasStatus(one, status) {
  if (status === "unfinished") return isUnfinished(one);
  return status === "warnings" ? one.warnings?.length > 0 : one.status === status;
}

const folded = (text) => text.normalize("NFKC").toLowerCase();
const names = new WeakMap();

/** The name as it is searched, folded once for each document. */
function nameOf(one) {
  if (!names.has(one)) names.set(one, folded(one.name));
  return names.get(one);
}

/**
 * Those that match, in order. The last result is the start:
 * an order that hardly changes is sorted in no time.
 */
export function chosenOf(all, choice, last = []) {
  const words = folded(choice.words).split(/\s+/).filter(Boolean);
  const fits = (one) =>
    (!choice.collection || one.collection === choice.collection) &&
    (!choice.status || hasStatus(one, choice.status)) &&
    (!choice.kind || kindOf(one.media_type).kind === choice.kind) &&
    words.every((word) => nameOf(one).includes(word));
  const found = new Map(all.filter(fits).map((one) => [one.id, one]));
  const ordered = [];
  for (const { id } of last) {
    const one = found.get(id);
    if (one && found.delete(id)) ordered.push(one);
  }
  const sign = choice.isUp ? 1 : -1;
  const order = ORDERS[choice.sort];
  return [...ordered, ...found.values()].sort((a, b) => sign * order(a, b) || newest(a, b));
}

/** Which documents are selected: one by one, a range from the last one on, or all that are shown. */
export class Selection {
  ids = new Set();
  #anchor = null;

  has(id) {
    return this.ids.has(id);
  }

  get size() {
    return this.ids.size;
  }

  toggle(id, isOn = !this.ids.has(id)) {
    this.#anchor = id;
    if (isOn) this.ids.add(id);
    else this.ids.delete(id);
  }

  /** Everything between the last one and this one, as the list is shown. */
  reach(id, ordered) {
    const place = (wanted) => ordered.findIndex((one) => one.id === wanted);
    const from = place(this.#anchor);
    const to = place(id);
    if (from < 0) return this.toggle(id, true);
    for (const one of ordered.slice(Math.min(from, to), Math.max(from, to) + 1)) this.ids.add(one.id);
    return undefined;
  }

  all(ordered) {
    for (const one of ordered) this.ids.add(one.id);
  }

  clear() {
    this.ids.clear();
    this.#anchor = null;
  }

  /** Forgets what is not there any more. */
  prune(store) {
    for (const id of this.ids) if (!store.get(id)) this.ids.delete(id);
  }
}

/** Search and filters; each is in the address: a choice is a step that Back undoes, a letter is none. */
export function Filters({ choice, store, isDense, turnDensity }) {
  const all = store.all();
  const chosen = (changes) => go("documents", queryOf({ ...choice, ...changes }));
  const typed = (event) => replace("documents", queryOf({ ...choice, words: event.currentTarget.value }));
  return html`
    <div class="tools" role="search">
      <label class="searching">
        <${Icon} name="search" />
        <input class="field" id="document-search" type="search" value=${choice
          .words} onInput=${typed} dir="auto"
          placeholder=${t("documents.search")} aria-label=${t("documents.search")} autocomplete="off"
          spellcheck="false" />
      </label>
      <${Filter} name="collection" value=${choice.collection} options=${collectionsIn(all, choice.collection)}
        change=${(collection) => chosen({ collection })} />
      <${Filter} name="status" value=${choice.status} options=${statusesIn(all)}
        change=${(status) => chosen({ status })} />
      <${Filter} name="kind" value=${choice.kind} options=${kindsIn(all, choice.kind)}
        change=${(kind) => chosen({ kind })} />
      <${Currency} store=${store} />
      <button type="button" class="plain density" aria-pressed=${isDense} onClick=${turnDensity}
        title=${t("documents.dense")} aria-label=${t("documents.dense")}><${Icon} name="list" /></button>
    </div>
  `;
}

function Filter({ name, value, options, change }) {
  return html`
    <select class=${value ? "field chosen" : "field"} aria-label=${t(`documents.by.${name}`)} value=${value}
      onChange=${(event) => change(event.currentTarget.value)}>
      <option value="">${t(`documents.all.${name}`)}</option>
      ${options.map(([key, words, n]) =>
        html`<option key=${key} value=${key}>${`${words} (${count(n)})`}</option>`
      )}
    </select>
  `;
}

/** How old what is shown may be, when it is not told as it happens. */
function Currency({ store }) {
  const words = store.failure && store.isWhole
    ? wordsFor(store.failure).text
    : store.isAway
    ? t("documents.away")
    : "";
  return html`
    <span class="small note" role="status" title=${words} hidden=${!words}>${words}</span>
    ${store.failure && store.isWhole && html`
      <button type="button" class="quiet" onClick=${() => store.again()}>${t("documents.again")}</button>
    `}
  `;
}

function numbersOf(all, keyOf, value) {
  const numbers = new Map(value ? [[value, 0]] : []);
  for (const one of all) numbers.set(keyOf(one), (numbers.get(keyOf(one)) ?? 0) + 1);
  return numbers;
}

function collectionsIn(all, value) {
  return [...numbersOf(all, (one) => one.collection, value)].sort().map(([name, n]) => [name, name, n]);
}

function statusesIn(all) {
  return STATUSES.map((one) => [
    one,
    t(`documents.status.${one}`),
    all.filter((document) => hasStatus(document, one)).length,
  ]);
}

/** Those that are there, in the order of the list of kinds. */
function kindsIn(all, value) {
  const numbers = numbersOf(all, (one) => kindOf(one.media_type).kind, value);
  return KINDS.filter((one) => numbers.has(one)).map((one) => [one, t(`kind.${one}`), numbers.get(one)]);
}

/**
 * How many are selected, and what can be done with them:
 * `acts` by their names, those that are not there cannot.
 */
export function SelectionBar({ number, acts, clear }) {
  const button = (name, sign, isBad) =>
    acts[name] && html`
      <button type="button" class=${isBad ? "plain bad" : "plain"} data-do=${name}
        aria-label=${t(`documents.${name}`)} onClick=${acts[name]}>
        <${Icon} name=${sign} /><span>${t(`documents.${name}`)}</span>
      </button>
    `;
  return html`
    <div class="tools chosen" role="toolbar" aria-label=${t("documents.chosen.label")}>
      <${IconButton} name="close" label=${t("documents.clear")} onClick=${clear} />
      <b>${t("documents.chosen", { n: number, count: count(number) })}</b>
      <span class="space"></span>
      ${button("ask", "ask")} ${button("retry", "again")} ${button("move", "folder")}
      ${button("delete", "trash", true)}
    </div>
  `;
}

/** The row of titles: it sorts, and selects all. */
export function Titles({ choice, shown, selection, pickAll }) {
  const box = useRef(null);
  const number = shown.filter((one) => selection.has(one.id)).length;
  useEffect(() => {
    box.current.indeterminate = number > 0 && number < shown.length;
  });
  // Date and size stand under the name; their titles stand beside its own.
  const way = choice.isUp ? "ascending" : "descending";
  const cell = (name, ...sorts) =>
    html`
      <div role="columnheader" class=${name} aria-sort=${sorts.includes(choice.sort) ? way : "none"}>
        ${sorts.map((sort) => html`<${Title} key=${sort} sort=${sort} choice=${choice} />`)}
      </div>
    `;
  return html`
    <div role="row" class="row" aria-rowindex="1">
      <div role="columnheader" class="pick">
        <input type="checkbox" id="pick-all" ref=${box} aria-label=${t("documents.pick_all")}
          checked=${number > 0 && number === shown.length}
          onChange=${(event) => pickAll(event.currentTarget.checked)} />
      </div>
      ${cell("name", "name", "date", "size")}
      ${cell("state", "status")} ${cell("n", "pages")} ${cell("place", "collection")}
      <div role="columnheader" class="acts">
        <span class="hidden-words">${t("documents.actions.title")}</span>
      </div>
    </div>
  `;
}

function Title({ sort, choice }) {
  return html`
    <button type="button" class="quiet" data-sort=${sort}
      data-way=${sort === choice.sort ? (choice.isUp ? "up" : "down") : null}
      onClick=${() => replace("documents", queryOf(sortedBy(choice, sort)))}>
      ${t(`documents.by.${sort}`)}<${Icon} name="down" />
    </button>
  `;
}
