// The documents and collections that the caller sees, kept current: a stream says what changes,
// and while it is away the unfinished documents are asked about.

import { caller, isOpen, may } from "../frame/access.js";
import { call } from "../frame/api.js";
import { follow, whileSeen } from "../frame/feed.js";
import { useEffect, useReducer } from "../vendor/preact.js";

export const PATH = "/api/v1/documents";
const PAGE_SIZE = 200;
const ASK_EVERY_MS = 3_000;
/** A proxy may hold a stream back without ending it: the list is read after this long without a word. */
const STREAM_WITHIN_MS = 1_500;
const MOST_ASKED_ONE_BY_ONE = 25;
const TELL_EVERY_MS = 120;
const RECENT_MS = 2_000;

export const isUnfinished = (one) => one.status === "queued" || one.status === "processing";

class DocumentStore {
  #documents = new Map();
  #hearers = new Set();
  #leave = () => {};
  #reading = null;
  #isCurrent = false;
  #isTold = false;
  #toldAt = 0;
  /**
   * Whether the stream tells what happens, and whether it
   * was lost or does not come; neither while it is opened.
   */
  isLive = false;
  isAway = false;
  /** Whether every document was read at least once. */
  isWhole = false;
  /** Why the list could not be read the last time, an ApiError; null when it could. */
  failure = null;

  /** Every document that is known; the order has no meaning. */
  all() {
    return [...this.#documents.values()];
  }

  get(id) {
    return this.#documents.get(id);
  }

  /** Calls `hear` after changes, and stays current, until the returned function is called. */
  watch(hear) {
    this.#hearers.add(hear);
    if (this.#hearers.size === 1) this.#enter();
    return () => {
      this.#hearers.delete(hear);
      if (this.#hearers.size === 0) this.#leave();
    };
  }

  /** What the service says of a document; an older word than the known one is passed over. */
  put(one) {
    this.#reading?.seen.add(one.id);
    const known = this.#documents.get(one.id);
    if (known && known.updated_at > one.updated_at) return;
    this.#documents.set(one.id, one);
    collections.learn(one.collection);
    this.#tell();
  }

  remove(id) {
    this.#reading?.gone.add(id);
    this.#documents.delete(id);
    this.#tell();
  }

  /** Reads the list once more, now. */
  again() {
    if (!this.#reading) this.#read();
  }

  #enter() {
    const end = whileSeen(() => this.#follow());
    const asking = setInterval(() => this.#ask(), ASK_EVERY_MS);
    this.#leave = () => {
      end();
      clearInterval(asking);
    };
  }

  #follow() {
    const end = follow(
      "documents",
      (event) => this.#hear(event),
      (state) => this.#connected(state === "live"),
    );
    const late = setTimeout(() => this.isLive || (this.#connected(false), this.#read()), STREAM_WITHIN_MS);
    return () => {
      end();
      clearTimeout(late);
      this.#reading = null;
      this.isLive = this.isAway = false;
    };
  }

  #hear({ name, data }) {
    if (name === "open") this.#read();
    else if (name === "document") this.put(data);
    else if (name === "deleted") this.remove(data.id);
  }

  #connected(isLive) {
    if (isLive === this.isLive && isLive !== this.isAway) return;
    this.isLive = isLive;
    this.isAway = !isLive;
    this.#tell();
  }

  /** Reads all pages; what is shown stays, and what is gone goes when the last page is there. */
  async #read() {
    const reading = { seen: new Set(), gone: new Set() };
    this.#reading = reading;
    this.#isCurrent = false;
    try {
      for await (const one of this.#pages({})) {
        if (this.#reading !== reading) return;
        if (!reading.gone.has(one.id)) this.put(one);
      }
    } catch (error) {
      if (this.#reading !== reading) return;
      this.#reading = null; // #ask reads again
      this.failure = error;
      this.#tell();
      return;
    }
    for (const id of this.#documents.keys()) if (!reading.seen.has(id)) this.#documents.delete(id);
    this.#reading = null;
    this.#isCurrent = true;
    this.isWhole = true;
    this.failure = null;
    this.#tell();
  }

  async *#pages(query) {
    for (let cursor = ""; cursor !== null;) {
      const page = await call(
        "GET",
        `${PATH}?${new URLSearchParams({ ...query, limit: PAGE_SIZE, ...(cursor && { cursor }) })}`,
      );
      yield* page.items;
      cursor = page.next_cursor;
    }
  }

  async #ask() {
    if (this.#reading) return;
    if (!this.#isCurrent && !document.hidden) await this.#read();
    else if (!this.isLive) await this.#askUnfinished().catch(() => {}); // the page's foot says what is lost
  }

  async #askUnfinished() {
    const open = new Set(this.all().filter(isUnfinished).map((one) => one.id));
    if (open.size === 0) return;
    for (const status of ["queued", "processing"]) {
      for await (const one of this.#pages({ status })) {
        this.put(one);
        open.delete(one.id);
      }
    }
    for (const id of [...open].slice(0, MOST_ASKED_ONE_BY_ONE)) await this.look(id);
  }

  /** Reads one document anew. */
  async look(id) {
    try {
      this.put(await call("GET", `${PATH}/${id}`));
    } catch (error) {
      if (error.code !== "not_found") throw error;
      this.remove(id);
    }
  }

  /** At most every so often: with thousands of documents at work, each of them would be a whole list anew. */
  #tell() {
    if (this.#isTold) return;
    this.#isTold = true;
    setTimeout(() => {
      this.#isTold = false;
      this.#toldAt = performance.now();
      for (const hear of this.#hearers) hear();
    }, Math.max(0, this.#toldAt + TELL_EVERY_MS - performance.now()));
  }
}

export const store = new DocumentStore();

/**
 * The store, and a new look at it whenever it changes; it
 * stays current for as long as the component is there.
 */
export function useDocuments() {
  const [, look] = useReducer((n) => n + 1, 0);
  useEffect(() => store.watch(look), []);
  return store;
}

const COLLECTIONS = "/api/v1/collections";

export const pathOf = (name) => `${COLLECTIONS}/${encodeURIComponent(name)}`;

class Collections {
  #items = null;
  #hearers = new Set();
  #reading = null;
  #readAt = -Infinity;
  #missed = new Set();

  /** {name, documents, ready, failed, owner, access, rights} each; null while that is not known. */
  get items() {
    return this.#items;
  }

  get(name) {
    return this.#items?.find((one) => one.name === name);
  }

  /** Names of those into which the caller may put documents; `default` is always there for him. */
  writable() {
    const names = (this.#items ?? []).filter((one) => one.rights !== "read").map((one) => one.name);
    return [...new Set(["default", ...names])].sort();
  }

  /** Calls `hear` after changes until the returned function is called. */
  watch(hear) {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  /** Asks for them; what is known stays when they cannot be had. Gives them, or null. */
  read() {
    this.#reading ??= this.#ask().finally(() => (this.#reading = null));
    return this.#reading;
  }

  /** Asks for them once when one of them is not known: it has been made or shared since. */
  learn(name) {
    if (!this.#items || this.get(name) || this.#missed.has(name)) return;
    this.#missed.add(name);
    this.read();
  }

  /** What is known, if that is a moment old; parts of the page that begin together ask once. */
  async recent() {
    return performance.now() - this.#readAt < RECENT_MS ? this.#items : this.read();
  }

  async #ask() {
    const found = await call("GET", COLLECTIONS).catch(() => null);
    if (found && JSON.stringify(found.items) !== JSON.stringify(this.#items)) {
      this.#items = found.items;
      for (const hear of this.#hearers) hear();
    }
    if (found) this.#readAt = performance.now();
    return found && found.items;
  }
}

export const collections = new Collections();

/**
 * A number that is another one after each change of the
 * collections; they are asked for when it is first used.
 */
export function useCollections() {
  const [changes, look] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    const end = collections.watch(look);
    collections.recent();
    return end;
  }, []);
  return changes;
}

/** Whether the caller may delete, move, retry and cancel this document. */
export const mayChange = (one) => may("write") && collections.get(one.collection)?.rights !== "read";

/** Whether the collection is somebody else's, which is then said beside its name. */
export function foreignOwner(name) {
  const owner = isOpen() ? "" : collections.get(name)?.owner;
  return owner && owner !== caller().user ? owner : "";
}
