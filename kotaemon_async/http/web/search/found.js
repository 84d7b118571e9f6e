// Asking for passages while words are typed: the newest question counts, and the older answer stays till it is there.

import { mediaTypesOf } from "../documents/status.js";
import { useAgain } from "../frame/again.js";
import { call } from "../frame/api.js";
import { useEffect, useState } from "../vendor/preact.js";

const TYPING_MS = 180;
const MOST = 60;
const DAY_MS = 86_400_000;

/** What the words find under the filters: {found, error, isAsking}; `found` has groups, one for each document. */
export function useSearch(words, filters) {
  const [state, setState] = useState({ found: null, error: null, isAsking: false });
  const [tries, setTries] = useState(0);
  const wanted = JSON.stringify(bodyOf(words, filters));
  useAgain(state.error, () => setTries((was) => was + 1));
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
