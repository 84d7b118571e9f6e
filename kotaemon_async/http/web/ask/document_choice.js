// Which documents are shown, in which order, and which of them are selected.

import { isUnfinished } from "../documents/document_store.js";
import { language } from "../frame/strings.js";

const KEPT = "kotaemon.documents";
const collator = new Intl.Collator(language === "zh" ? "zh-CN" : "en", {
  numeric: true,
  sensitivity: "base",
});
const RANKS = { failed: 0, processing: 1, queued: 2, cancelled: 3, ready: 4 };
const newest = (
  a,
  b,
) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.id < b.id ? 1 : -1);
const ORDERS = {
  name: (a, b) => collator.compare(a.name, b.name),
  status: (a, b) => RANKS[a.status] - RANKS[b.status],
  pages: (a, b) => (a.progress.pages_total ?? -1) - (b.progress.pages_total ?? -1),
  collection: (a, b) => collator.compare(a.collection, b.collection),
  date: (a, b) => -newest(a, b),
  size: (a, b) => a.size_bytes - b.size_bytes,
};
export const STATUSES = ["unfinished", "ready", "failed", "cancelled", "warnings"];

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

/** What is asked for: words, collection, status, order; it outlives a reload of the page. */
export class Choice {
  words = "";
  collection = "";
  status = "";
  sort = "date";
  isUp = false;
  #last = [];

  constructor() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    for (const name of ["words", "collection", "status", "isUp"]) {
      if (typeof kept[name] === typeof this[name]) this[name] = kept[name];
    }
    if (kept.sort in ORDERS) this.sort = kept.sort;
  }

  set(changes) {
    Object.assign(this, changes);
    const { words, collection, status, sort, isUp } = this;
    sessionStorage.setItem(KEPT, JSON.stringify({ words, collection, status, sort, isUp }));
  }

  /** Sorts by this; by the same once more, the other way round. Names start with A, all else with the greatest. */
  sortBy(sort) {
    const startsUp = sort === "name" || sort === "collection" || sort === "status";
    this.set({ sort, isUp: sort === this.sort ? !this.isUp : startsUp });
  }

  /** Those that match, in order. The last result is the start: an order that hardly changes is sorted in no time. */
  of(store) {
    const words = folded(this.words).split(/\s+/).filter(Boolean);
    const fits = (one) =>
      (!this.collection || one.collection === this.collection) &&
      (!this.status || hasStatus(one, this.status)) &&
      words.every((word) => nameOf(one).includes(word));
    const found = new Map(store.all().filter(fits).map((one) => [one.id, one]));
    const ordered = [];
    for (const { id } of this.#last) {
      const one = found.get(id);
      if (one && found.delete(id)) ordered.push(one);
    }
    const sign = this.isUp ? 1 : -1;
    const order = ORDERS[this.sort];
    this.#last = [...ordered, ...found.values()].sort((a, b) => sign * order(a, b) || newest(a, b));
    return this.#last;
  }
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
