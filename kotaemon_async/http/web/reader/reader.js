// A document to be read, in the whole view or beside a conversation.

import { useAgain } from "../frame/again.js";
import { call } from "../frame/api.js";
import { addWords, code, t } from "../frame/language.js";
import { focusQuietly, wordsFor } from "../frame/overlays.js";
import { go, route, useTitle } from "../frame/router.js";
import { Empty, IconButton, Waiting } from "../frame/ui.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { Original, Quoted, useCited } from "./bars.js";
import { Open } from "./open.js";
import { pathOf } from "./pages.js";
import { words as ofReader } from "./words.js";

addWords(ofReader);

const narrow = matchMedia("(max-width: 900px)");
/** The part of the width that the document has beside a conversation, in percent, and where it is kept. */
const KEPT = "kotaemon.reader";
const [LEAST, MOST, FIRST] = [25, 75, 46];
const STEP = 3;
const UNFINISHED = ["queued", "processing"];
const AGAIN_MS = 2_000;

/**
 * Shows a document at a page, with words looked for in it or a citation of an answer marked, all of which may
 * be missing; `close` takes it away.
 */
export function Reader({ documentId, page, find = "", citation, answer, close }) {
  const cited = useCited(answer, citation);
  const { document, error } = useDocument(documentId);
  const whole = useRef(null);
  useFocusBack(whole);
  useCover(whole);
  const isBeside = route().view === "ask";
  const [isCovering] = useState(() => narrow.matches);
  const name = document?.name ?? cited.citation?.document_name ?? "";
  useTitle(name);
  const given = { documentId, document, citation, answer, cited, close, whole, name };
  return html`
    <section ref=${whole} class="reader" id="reader" role=${isCovering
      ? "dialog"
      : "region"} aria-modal=${isCovering ? "true" : null}
      aria-label=${name ? t("reader.label", { name }) : t("reader.document")} tabindex="-1">
      ${isBeside && html`<${Divider} />`}
      ${document?.progress.pages_total > 0 && (document.status !== "queued")
        ? html`<${Open} key=${documentId} ...${given} page=${page} find=${find} />`
        : html`<${Closed} ...${given} error=${error} />`}
    </section>
  `;
}

/** The whole view of a document: #documents/ID/page/7?find=words&cite=CITATION&answer=ANSWER. */
export function View({ route: { path, query } }) {
  const close = () => (window.navigation?.canGoBack ? history.back() : go("documents"));
  const [documentId, , page] = path;
  return html`
    <${Reader} documentId=${documentId} page=${page} find=${query.find} citation=${query.cite} answer=${query
      .answer}
      close=${close} />
  `;
}

/** The document, asked for again while it is being read; {document, error}. */
function useDocument(id) {
  const [found, setFound] = useState({});
  const [tries, setTries] = useState(0);
  useAgain(found.error, () => setTries((was) => was + 1));
  useEffect(() => {
    const stopping = new AbortController();
    let timer = 0;
    const ask = async () => {
      try {
        const document = await call("GET", pathOf(id), undefined, { signal: stopping.signal });
        setFound({ id, document });
        if (UNFINISHED.includes(document.status)) timer = setTimeout(ask, AGAIN_MS);
      } catch (error) {
        if (error.name !== "AbortError") setFound({ id, error });
      }
    };
    ask();
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [id, tries]);
  return found.id === id ? found : {};
}

/** Gives the focus back to where it was before. */
function useFocusBack(whole) {
  useLayoutEffect(() => {
    const before = document.activeElement;
    return () => {
      const isWithin = whole.current?.contains(document.activeElement) ||
        document.activeElement === document.body;
      if (isWithin && before?.isConnected) focusQuietly(before);
    };
  }, []);
}

/** On a phone the reader lies over the page, which then cannot be reached. */
function useCover(whole) {
  useLayoutEffect(() => {
    if (!narrow.matches) return;
    const covered = [];
    for (let node = whole.current; node.parentElement && node.id !== "app"; node = node.parentElement) {
      covered.push(...[...node.parentElement.children].filter((one) => one !== node && !one.inert));
    }
    for (const one of covered) one.inert = true;
    return () => {
      for (const one of covered) one.inert = false;
    };
  }, []);
}

/** What stands there when there are no pages: not yet, not any more, or never. */
function Closed({ document, error, cited, name, close }) {
  const problem = error && wordsFor(error);
  const isGone = error?.status === 404;
  const failed = document?.status === "failed" && document.error;
  return html`
    <header class="reader-head">
      <h2 dir="auto">${name}</h2>
      <${IconButton} id="reader-close" name="close" label=${t("close")} onClick=${close} />
    </header>
    <div class="reader-closed">
      ${!document && !error && html`<${Waiting} label=${t("health.asking")} />`}
      ${error && html`
        <${Empty} icon="documents" title=${isGone ? t("reader.gone") : problem.text}>
          <p>${isGone ? t("reader.gone.hint") : problem.hint}</p>
          <${Quoted} citation=${cited.citation} />
          <//>
      `}
      ${document && html`
        <${Empty} icon="documents" title=${failed ? code("error", failed.code) : t("reader.unread")}>
          <p>${failed ? code("hint", failed.code) : t(`reader.unread.${document.status}`)}</p>
          <${Original} document=${document} />
          <//>
      `}
    </div>
  `;
}

/** Sets --reader, the part of the width that the document has. */
export function Divider() {
  const [percent, setPercent] = useState(() => within(Number(localStorage.getItem(KEPT) ?? FIRST)));
  useLayoutEffect(() => {
    document.documentElement.style.setProperty("--reader", `${percent}%`);
    localStorage.setItem(KEPT, String(percent));
  }, [percent]);
  const drag = (event) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { left, right, width } = event.currentTarget.closest(".reader").parentElement
      .getBoundingClientRect();
    const isRight = getComputedStyle(document.documentElement).direction === "rtl";
    setPercent(within(100 * (isRight ? event.clientX - left : right - event.clientX) / width));
  };
  const keys = (event) => {
    const to = { ArrowLeft: percent + STEP, ArrowRight: percent - STEP, Home: MOST, End: LEAST }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    setPercent(within(to));
  };
  return html`
    <div class="reader-divider" role="separator" tabindex="0" aria-orientation="vertical" aria-label=${t(
      "reader.divider",
    )}
      aria-valuemin=${LEAST} aria-valuemax=${MOST} aria-valuenow=${Math.round(percent)} onKeyDown=${keys}
      onPointerDown=${(event) => event.currentTarget.setPointerCapture(event.pointerId)} onPointerMove=${drag}
      onDblClick=${() => setPercent(FIRST)}></div>
  `;
}

const within = (percent) => (percent >= LEAST ? Math.min(MOST, percent) : percent > 0 ? LEAST : FIRST);
