// Which documents are shown, in which order: the address says so. And which of them are selected.

import { language } from "../frame/language.js";
import { isUnfinished } from "./document_store.js";
import { kindOf } from "./kinds.js";

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
