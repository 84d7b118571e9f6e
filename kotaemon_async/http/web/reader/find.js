// Words looked for in one document: how often they stand there, and from one place to the next.

import { useAgain } from "../frame/again.js";
import { call } from "../frame/api.js";
import { count, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { IconButton, isComposing } from "../frame/ui.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { pathOf } from "./pages.js";

const TYPING_MS = 200;
/** So many hits are asked for at once, and more when one comes so near to their end. */
const WINDOW = 500;
const NEAR_END = 50;
const NOTHING = { words: "", hits: [], offset: 0, total: 0, isCut: false };

/** The places of some words in a document, in reading order, and which of them is looked at. */
export function useFind(documentId, words, page) {
  const [found, setFound] = useState(NOTHING);
  const [error, setError] = useState(null);
  const [at, setAt] = useState(0);
  const [tries, setTries] = useState(0);
  useAgain(error, () => setTries((was) => was + 1));
  useEffect(() => {
    setError(null);
    if (!words.trim()) return setFound(NOTHING);
    const stopping = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const ask = (part) => hitsOf(documentId, words.trim(), part, stopping.signal);
        const here = await ask({ page: page.current });
        const reply = here.hits.length === 0 && here.total > 0 ? await ask({ offset: 0 }) : here;
        setFound(reply);
        setAt(reply.offset);
      } catch (problem) {
        if (problem.name !== "AbortError") setError(problem);
      }
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [documentId, words, tries]);
  const lacking = lackingAt(found, at);
  useEffect(() => {
    if (!lacking) return;
    const stopping = new AbortController();
    hitsOf(documentId, found.words, lacking, stopping.signal).then(
      (more) => setFound((was) => joined(was, more)),
      (problem) => problem.name !== "AbortError" && setError(problem),
    );
    return () => stopping.abort();
  }, [documentId, found.words, JSON.stringify(lacking), tries]);
  const pages = useMemo(() => pagesOf(found.hits), [found]);
  const hit = found.hits[at - found.offset] ?? null;
  const step = (by) => setAt((was) => (was + by + found.total) % Math.max(1, found.total));
  const isWhole = found.hits.length === found.total && !found.isCut;
  return { ...found, error, at, hit, step, mayHold: (number) => !isWhole || pages.has(number) };
}

async function hitsOf(documentId, words, part, signal) {
  const query = new URLSearchParams({ q: words, limit: WINDOW, ...part });
  const reply = await call("GET", `${pathOf(documentId, "find")}?${query}`, undefined, { signal });
  return { words, hits: reply.hits, offset: reply.offset, total: reply.total, isCut: reply.is_cut };
}

/** Which hits are wanted next: those around the one that is looked at, or behind or before what is there. */
function lackingAt({ hits, offset, total, isCut }, at) {
  const end = offset + hits.length;
  if (hits.length === 0) return null;
  if (at < offset - WINDOW || at > end + WINDOW) {
    const from = Math.max(0, at - WINDOW / 2);
    return { offset: from };
  }
  if (at > end - NEAR_END && (end < total || isCut)) return { offset: end };
  if (at < offset + NEAR_END && offset > 0) {
    const from = Math.max(0, offset - WINDOW);
    return { offset: from, limit: offset - from };
  }
  return null;
}

/** The hits that are there with others that follow them or stand before them; else those alone. */
function joined(was, more) {
  if (was.words !== more.words) return was;
  const total = Math.max(was.total, more.total);
  if (more.hits.length === 0) return { ...was, total: was.offset + was.hits.length, isCut: false };
  if (more.offset === was.offset + was.hits.length) {
    return { ...more, offset: was.offset, total, hits: [...was.hits, ...more.hits] };
  }
  if (more.offset + more.hits.length === was.offset) {
    return { ...was, offset: more.offset, total, hits: [...more.hits, ...was.hits] };
  }
  return { ...more, total };
}

/** The pages that hits stand on. */
const pagesOf = (hits) => new Set(hits.flatMap((one) => [one.page, one.last_page]));

/** Which mark of a page is that of the hit: its order there, -1 for what goes on from the page before. */
export function currentOn(hit, number) {
  if (hit?.page === number) return { order: hit.order };
  return hit?.last_page === number ? { order: -1 } : null;
}

/** The box for the words, the number of their places, and the way from one to the next. */
export function FindBar({ find, words, setWords, leave, isTyped }) {
  const box = useRef(null);
  useEffect(() => {
    if (isTyped) box.current.select();
  }, [isTyped]);
  const keys = (event) => {
    if (isComposing(event)) return;
    if (event.key === "Enter") {
      event.preventDefault();
      find.step(event.shiftKey ? -1 : 1);
    }
  };
  const isNone = find.total === 0;
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
  if (find.total === 0) return t("reader.find.none");
  const total = count(find.total);
  return t("reader.find.count", { at: count(find.at + 1), total });
}
