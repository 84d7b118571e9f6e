// The collections that the caller sees: whose each is, who shares it, and what he may do there.

import { caller, isOpen, may } from "../frame/access.js";
import { call } from "../frame/api.js";
import { useEffect, useReducer } from "../vendor/preact.js";

const PATH = "/api/v1/collections";

export const pathOf = (name) => `${PATH}/${encodeURIComponent(name)}`;

class Collections {
  #items = null;
  #hearers = new Set();
  #reading = null;

  /** {name, documents, ready, owner, access, rights} each; null while that is not known. */
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

  async #ask() {
    const found = await call("GET", PATH).catch(() => null);
    if (found && JSON.stringify(found.items) !== JSON.stringify(this.#items)) {
      this.#items = found.items;
      for (const hear of this.#hearers) hear();
    }
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
    collections.read();
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
