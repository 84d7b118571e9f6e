// Words looked for in one document: how often they stand there, and from one place to the next.

import { useAgain } from "../frame/again.js";
import { call } from "../frame/api.js";
import { count, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { IconButton } from "../frame/ui.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { pathOf } from "./loading.js";

const TYPING_MS = 200;
const MOST_HITS = 500;
const NOTHING = { words: "", hits: [], total: 0, isCut: false };

/** The places of some words in a document, in reading order, and which of them is looked at. */
export function useFind(documentId, words, page) {
  const [found, setFound] = useState(NOTHING);
  const [error, setError] = useState(null);
  const [at, setAt] = useState(0);
  const [tries, setTries] = useState(0);
  useAgain(error, () => setTries((was) => was + 1));
  useEffect(() => {
    if (!words.trim()) {
      setFound(NOTHING);
      setError(null);
      return;
    }
    const stopping = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const reply = await hitsOf(documentId, words.trim(), stopping.signal);
        setFound(reply);
        setError(null);
        const next = reply.hits.findIndex((one) => one.page >= page.current);
        setAt(Math.max(0, next));
      } catch (problem) {
        if (problem.name !== "AbortError") setError(problem);
      }
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [documentId, words, tries]);
  const onPages = useMemo(() => byPage(found.hits), [found]);
  const hit = found.hits[at] ?? null;
  const step = (by) => setAt((was) => (was + by + found.hits.length) % Math.max(1, found.hits.length));
  return { ...found, error, at, hit, onPages, step, current: hit && currentOf(hit, onPages) };
}

async function hitsOf(documentId, words, signal) {
  const query = new URLSearchParams({ q: words, limit: MOST_HITS });
  const reply = await call("GET", `${pathOf(documentId, "find")}?${query}`, undefined, { signal });
  return { words, hits: reply.hits, total: reply.total, isCut: reply.is_cut };
}

function byPage(hits) {
  const pages = new Map();
  for (const hit of hits) pages.set(hit.page, [...(pages.get(hit.page) ?? []), hit]);
  return pages;
}

/** Which of the marks of its page a hit is: the how manieth, of how many. */
function currentOf(hit, onPages) {
  const others = onPages.get(hit.page);
  const marks = (some) => some.reduce((sum, one) => sum + Math.max(1, one.marks.length), 0);
  return { page: hit.page, order: marks(others.slice(0, others.indexOf(hit))), of: marks(others) };
}

/** What stands at the hits of a page, letter for letter. */
export function saidAt(hits = []) {
  return [
    ...new Set(hits.flatMap(({ text, marks }) => marks.map(([start, stop]) => text.slice(start, stop)))),
  ];
}

/** The box for the words, the number of their places, and the way from one to the next. */
export function FindBar({ find, words, setWords, leave, isTyped }) {
  const box = useRef(null);
  useEffect(() => {
    if (isTyped) box.current.select();
  }, [isTyped]);
  const keys = (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter") {
      event.preventDefault();
      find.step(event.shiftKey ? -1 : 1);
    }
  };
  const isNone = find.hits.length === 0;
  return html`
    <div class="reader-find" role="search">
      <input ref=${box} id="reader-find" class="field" type="search" dir="auto" value=${words}
        autocomplete="off"
        enterkeyhint="search" maxlength="200" aria-label=${t("reader.find")} placeholder=${t("reader.find")}
        onInput=${(event) => setWords(event.target.value)} onKeyDown=${keys} />
      <span id="reader-hits" role="status">${saidCount(find, words)}</span>
      <${IconButton} name="up" label=${t("reader.find.previous")} disabled=${isNone} onClick=${() =>
        find.step(-1)} />
      <${IconButton} name="down" label=${t("reader.find.next")} disabled=${isNone} onClick=${() =>
        find.step(1)} />
      <${IconButton} name="close" label=${t("reader.find.close")} onClick=${leave} />
    </div>
  `;
}

function saidCount(find, words) {
  if (!words.trim()) return "";
  if (find.error) return wordsFor(find.error).text;
  if (find.words !== words.trim()) return t("reader.find.looking");
  if (find.hits.length === 0) return t("reader.find.none");
  const total = count(find.total);
  return t("reader.find.count", { at: count(find.at + 1), total });
}
