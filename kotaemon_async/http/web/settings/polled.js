// What is read again and again while somebody can see it: one answer of the service, or a list by pages.

import { call } from "../frame/api.js";
import { useEffect, useRef, useState } from "../vendor/preact.js";

const EVERY_MS = 10_000;
const AT_ONCE = 25;

/**
 * What a path answers, read now and then, and when the service is back, where that is allowed: {found, atMs,
 * error, read(), take(found)}.
 * The newest request decides: an answer that was asked for before a change was made is left aside.
 */
export function usePolled(path, isAllowed = true) {
  const [state, setState] = useState({ found: null, atMs: 0, error: null });
  const asked = useRef(0);
  const reader = useRef(null);
  const take = (found) => {
    asked.current += 1;
    setState({ found, atMs: Date.now(), error: null });
  };
  useEffect(() => {
    if (!isAllowed) return undefined;
    const over = new AbortController();
    reader.current = async () => {
      asked.current += 1;
      const mine = asked.current;
      try {
        const found = await call("GET", path, undefined, { signal: over.signal });
        if (mine === asked.current) take(found);
      } catch (error) {
        if (mine === asked.current && !over.signal.aborted) setState((known) => ({ ...known, error }));
      }
    };
    reader.current();
    const timer = setInterval(() => document.hidden || reader.current(), EVERY_MS);
    for (const name of ["online", "reached"]) {
      window.addEventListener(name, () => reader.current(), { signal: over.signal });
    }
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, []);
  return { ...state, take, read: () => reader.current() };
}

/**
 * A list, the newest first, of which the first page is read now and then; what `readMore()` has fetched stays
 * below it, as long as the two still meet: {items, cursor, error, readMore()}.
 */
export function usePages(path, query, idOf) {
  const { found, error } = usePolled(addressOf(path, { ...query, limit: AT_ONCE }));
  const [kept, setKept] = useState({ items: [], cursor: null });
  const newest = new Set(found?.items.map(idOf));
  const isMet = kept.items.some((one) => newest.has(idOf(one)));
  const items = isMet
    ? [...found.items, ...kept.items.filter((one) => !newest.has(idOf(one)))]
    : found?.items;
  const cursor = (isMet ? kept.cursor : found?.next_cursor) ?? null;
  const readMore = async () => {
    const more = await call("GET", addressOf(path, { ...query, limit: AT_ONCE, cursor }));
    setKept({ items: [...items, ...more.items], cursor: more.next_cursor });
  };
  return { items: items ?? null, cursor, error, readMore };
}

/** A path with what is given of a query. */
export function addressOf(path, query) {
  return `${path}?${new URLSearchParams(Object.entries(query).filter(([, value]) => value))}`;
}
