// What stands above and below the pages: the tools, the words that are looked for, and what an answer cites.

import { useAgain } from "../frame/again.js";
import { address, call } from "../frame/api.js";

import { placeOf, saidCitation, t } from "../frame/language.js";
import { Icon, IconButton } from "../frame/ui.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { pathOf } from "./pages.js";

/** Browsers show these themselves; others are saved. */
const OPENS = /^application\/pdf$|^image\/(png|jpeg|gif|webp)$/;

/** The tools above the pages. */
export function Tools({ at, total, look, zoom, side, isFinding, ...act }) {
  const fit = zoom === "page" ? "width" : "page";
  const other = look === "text" ? "pages" : "text";
  return html`
    <div class="reader-tools" role="toolbar" aria-label=${t("reader.tools")}>
      <${IconButton} id="reader-side-button" name="list" label=${t("reader.side")} aria-expanded=${Boolean(
        side,
      )}
        onClick=${() => act.setSide(side ? null : "thumbs")} />
      <span class="group">
        <${IconButton} id="reader-previous" name="previous" label=${t(
          "reader.previous",
        )} aria-disabled=${at <= 1}
          onClick=${() => act.show(at - 1)} />
        <${PageField} at=${at} total=${total} show=${act.show} />
        <${IconButton} id="reader-next" name="next" label=${t("reader.next")} aria-disabled=${at >= total}
          onClick=${() => act.show(at + 1)} />
      </span>
      <span class="group">
        <${IconButton} id="reader-smaller" name="smaller" label=${t("reader.smaller")} onClick=${() =>
          act.zoomBy(-1)} />
        <${IconButton} id="reader-larger" name="larger" label=${t("reader.larger")} onClick=${() =>
          act.zoomBy(1)} />
        ${look === "pages" && html`
          <${IconButton} id="reader-fit" name=${`fit_${fit}`} label=${t(`reader.fit.${fit}`)}
            onClick=${() => act.setZoom(fit)} />
        `}
      </span>
      <span class="group end">
        <button type="button" class="quiet" id="reader-look" onClick=${() => act.setLook(other)}>${t(
          `reader.look.${other}`,
        )}</button>
        <${IconButton} id="reader-find-button" name="search" label=${t(
          "reader.find",
        )} aria-expanded=${Boolean(isFinding)}
          onClick=${() => (isFinding ? act.leaveFind() : act.openFind())} />
      </span>
    </div>
  `;
}

/** The number of the page, to be typed over. */
function PageField({ at, total, show }) {
  const [typed, setTyped] = useState(null);
  useEffect(() => setTyped(null), [at]);
  const go = (event) => {
    event.preventDefault();
    const number = Number.parseInt(typed, 10);
    if (number >= 1) show(Math.min(number, total));
    setTyped(null);
  };
  return html`
    <form class="page-field" onSubmit=${go}>
      <input id="reader-page" class="field" inputmode="numeric" autocomplete="off" aria-label=${t(
        "reader.page.number",
      )}
        size=${String(total).length} value=${typed ?? at} onInput=${(event) => setTyped(event.target.value)}
        onFocus=${(event) => event.target.select()} onBlur=${() => setTyped(null)} />
      <span>/ ${total}</span>
    </form>
  `;
}

/** The file itself: beside the page where a browser can show it, else to be kept. */
export function Original({ document: { id, media_type: type }, page = null }) {
  const file = address(pathOf(id, "content"));
  const opens = OPENS.test(type);
  const to = type === "application/pdf" && page ? `${file}#page=${page}` : file;
  return html`
    <a class="quiet" id="original" href=${to} target=${opens ? "_blank" : null} rel="noopener"
      download=${opens ? null : ""}><${Icon} name=${opens ? "open" : "save"} />${t(
        opens ? "reader.original" : "reader.download",
      )}</a>
  `;
}

/** The citation that is looked at: {citation, all, at, doubt}; nothing of an answer that is not there. */
export function useCited(answerId, citationId) {
  const [answer, setAnswer] = useState(null);
  const [error, setError] = useState(null);
  const [tries, setTries] = useState(0);
  useAgain(error, () => setTries((was) => was + 1));
  useEffect(() => {
    const id = answerId ?? citationId?.replace(/\.[^.]*$/, "");
    if (!id) return setAnswer(null);
    const stopping = new AbortController();
    const path = `/api/v1/answers/${encodeURIComponent(id)}`;
    call("GET", path, undefined, { signal: stopping.signal }).then(setAnswer, setError);
    return () => stopping.abort();
  }, [answerId, answerId ? null : citationId, tries]);
  if (!answer || !citationId) return { citation: null, all: [], at: -1, doubt: null };
  const all = [...answer.citations].sort((a, b) => a.marker - b.marker);
  const at = all.findIndex((one) => one.id === citationId);
  const citation = all[at] ?? null;
  return { citation, all, at, doubt: citation && doubtOf(answer, citation) };
}

/** The first claim that rests on a citation and is not borne out by it. */
function doubtOf(answer, { marker }) {
  const rest = (answer.claims ?? []).filter((one) => one.markers.includes(marker));
  const doubts = rest.filter((one) => one.verdict !== "supported");
  return doubts.find((one) => one.verdict === "unsupported") ?? doubts[0] ?? null;
}

/** Whether the quote, or a part of one that goes on over the page break, stands on that page or part. */
export const holds = (citation, page) =>
  page === placeOf(citation).number ||
  (placeOf(citation).kind === "page" && (citation.parts ?? []).some((one) => one.page === page));

/** Which source of how many this is, with the way to the others. */
export function CitedBar({ cited, go }) {
  const { all, at, citation } = cited;
  if (!citation) return null;
  return html`
    <div class="reader-cited">
      <span class="marker">${citation.marker}</span>
      <span class="reader-quote" dir="auto" title=${citation.quote}>${citation.quote}</span>
      ${all.length > 1 && html`
        <span class="of">${t("reader.cited.of", { at: at + 1, total: all.length })}</span>
        <${IconButton} id="citation-previous" name="previous" label=${t("reader.cited.previous")}
          aria-disabled=${at === 0} onClick=${() => all[at - 1] && go(all[at - 1])} />
        <${IconButton} id="citation-next" name="next" label=${t("reader.cited.next")}
          aria-disabled=${at === all.length - 1} onClick=${() => all[at + 1] && go(all[at + 1])} />
      `}
    </div>
  `;
}

/** What is known of the quote on the page that is looked at; `marks` are null until they are known. */
export function CitedSaid({ cited, page, marks }) {
  const { citation, doubt } = cited;
  const words = citation && saidOf(citation, page, marks);
  const isFound = words === t("reader.cited.found");
  return html`
    <p id="reader-said" class=${isFound && !doubt ? "said good" : "said"} role="status">
      ${words && html`<span>${isFound && html`<${Icon} name="check" />`} ${words}</span>`}
      ${words && doubt &&
        html`<b class=${`doubt ${doubt.verdict}`}>${t(`reader.doubt.${doubt.verdict}`)}</b>`}
    </p>
  `;
}

function saidOf(citation, page, marks) {
  if (!holds(citation, page)) return t("reader.cited.elsewhere", { place: saidCitation(citation) });
  if (!marks) return "";
  return t(marks.length > 0 ? "reader.cited.found" : "reader.cited.unmarked");
}

/** What stands there instead of a document that is gone: what the answer quoted from it. */
export function Quoted({ citation }) {
  return citation && html`
    <figure class="reader-quoted">
      <blockquote dir="auto">${citation.quote}</blockquote>
      <figcaption><bdi>${citation.document_name}</bdi> · ${saidCitation(citation)}</figcaption>
    </figure>
  `;
}
