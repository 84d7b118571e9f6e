// Beside the pages: small pictures of them, the headings, the passages, and what is known of the document.

import { useAgain } from "../frame/again.js";
import { address, call } from "../frame/api.js";
import { bytes, clock, code, count, saidPlace, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { href } from "../frame/router.js";
import { Icon, Waiting } from "../frame/ui.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { loadPicture, Pages, pathOf, picturePath } from "./pages.js";

const SIDES = { thumbs: Thumbs, outline: Outline, passages: Passages, details: Details };
const THUMB_PX = 132;
const CAPTION_PX = 26;
const PAGE_RATIO = 1.414;
const PASSAGES = 50;
const MOST_PLACES = 60;

/** One of the four, with the choice between them; `go(page)` shows a page. */
export function Side({ shown, choose, ...given }) {
  const names = Object.keys(SIDES);
  const walk = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = names.at((names.indexOf(shown) + step) % names.length);
    choose(next);
    document.getElementById(`reader-tab-${next}`).focus();
  };
  return html`
    <aside class="reader-side" id="reader-side" aria-label=${t("reader.side")}>
      <div class="tabs" role="tablist" aria-label=${t("reader.side")} onKeyDown=${walk}>
        ${names.map((name) =>
          html`
            <button key=${name} type="button" role="tab" id=${`reader-tab-${name}`} aria-selected=${name ===
              shown}
              aria-controls="reader-panel" tabindex=${name === shown ? 0 : -1} onClick=${() => choose(name)}
            >${t(`reader.side.${name}`)}</button>
          `
        )}
      </div>
      <div class="panel" id="reader-panel" role="tabpanel" aria-labelledby=${`reader-tab-${shown}`}>
        <${SIDES[shown]} key=${shown} ...${given} />
      </div>
    </aside>
  `;
}

/** Small pictures of the pages, as many as there are. */
function Thumbs({ document: { id }, loader, total, page, go, ratio = PAGE_RATIO }) {
  const handle = useRef(null);
  useEffect(() => {
    if (!handle.current.sees(page, 0) || !handle.current.sees(page, 0.9)) handle.current.show(page, 0, 0.4);
  }, [page]);
  const height = Math.min(THUMB_PX * ratio, THUMB_PX * 2) + CAPTION_PX;
  const draw = (number) =>
    html`
      <button type="button" class="thumb" aria-label=${t("reader.go.to", {
        page: number,
      })} aria-current=${number === page ? "page" : null} style=${{ height: `${height}px` }}
        onClick=${() => go(number)}>
        <${Thumb} loader=${loader} id=${id} number=${number} /><span aria-hidden="true">${number}</span>
      </button>
    `;
  return html`
    <${Pages} handle=${handle} total=${total} version=${ratio} draw=${draw}
      sizeOf=${(_, box) => ({ width: box.width, height })} aria-label=${t(
        "reader.side.thumbs",
      )} role="group" />
  `;
}

function Thumb({ loader, id, number }) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    const key = picturePath(id, number, THUMB_PX);
    return loader.want({
      key,
      number,
      load: (signal) => loadPicture(key, signal),
      done: setFound,
      failed: () => setFound(null),
    });
  }, [number]);
  return found
    ? html`<img src=${address(found.path)} alt="" draggable=${false} />`
    : html`<i class="thumb-wait"></i>`;
}

/** What a GET gives: {value, error}. */
function useReply(path) {
  const [found, setFound] = useState({});
  const [tries, setTries] = useState(0);
  useAgain(found.error, () => setTries((was) => was + 1));
  useEffect(() => {
    const stopping = new AbortController();
    call("GET", path, undefined, { signal: stopping.signal }).then(
      (value) => setFound({ value }),
      (error) => error.name !== "AbortError" && setFound({ error }),
    );
    return () => stopping.abort();
  }, [path, tries]);
  return found;
}

function Outline({ document: { id }, page, go }) {
  const { value, error } = useReply(pathOf(id, "outline"));
  const [chosen, setChosen] = useState(-1);
  if (error) return html`<p class="none">${wordsFor(error).text}</p>`;
  if (!value) return html`<${Waiting} label=${t("health.asking")} />`;
  if (value.items.length === 0) return html`<p class="none">${t("reader.outline.none")}</p>`;
  const choose = (order) => {
    setChosen(order);
    go(value.items[order].page, value.items[order].title);
  };
  const first = value.items.findIndex((one) => one.page === page);
  const here = value.items[chosen]?.page === page
    ? chosen
    : first >= 0
    ? first
    : value.items.findLastIndex((one) => one.page < page);
  return html`
    <ul class="outline">
      ${value.items.map((one, order) =>
        html`
          <li key=${order} data-level=${Math.min(6, one.level)}>
            <button type="button" dir="auto" aria-current=${order === here ? "location" : null} title=${one
              .title}
              onClick=${() => choose(order)}>${one.title}<small>${one.page}</small></button>
          </li>
        `
      )}
    </ul>
  `;
}

function Passages({ document: { id }, page, go }) {
  const [items, setItems] = useState([]);
  const [next, setNext] = useState("");
  const [error, setError] = useState(null);
  const more = async () => {
    const query = new URLSearchParams({ limit: PASSAGES, ...(next ? { cursor: next } : {}) });
    try {
      const reply = await call("GET", `${pathOf(id, "passages")}?${query}`);
      setItems((was) => [...was, ...reply.items]);
      setNext(reply.next_cursor);
      setError(null);
    } catch (problem) {
      setError(problem);
    }
  };
  useEffect(() => {
    more();
  }, []);
  useAgain(error, more);
  if (error) return html`<p class="none">${wordsFor(error).text}</p>`;
  if (items.length === 0) {
    return next === ""
      ? html`<${Waiting} label=${t("health.asking")} />`
      : html`<p class="none">${t("reader.passages.none")}</p>`;
  }
  return html`
    <ol class="passages">
      ${items.map((one) =>
        html`
          <li key=${one.id}>
            <button type="button" aria-current=${one.page === page ? "location" : null} onClick=${() =>
              go(one.page, one.text)}>
              <small>${saidPlace(one.place ?? { kind: "page", number: one.page })}</small>
              <span dir="auto">${one.text}</span>
            </button>
          </li>
        `
      )}
    </ol>
    ${next && html`<button type="button" class="plain" onClick=${more}>${t("reader.passages.more")}</button>`}
  `;
}

/** What is known of the document, and what of it was not read. */
function Details({ document: it, total, go }) {
  const rows = {
    name: html`<bdi>${it.name}</bdi>`,
    path: it.path && html`<bdi>${it.path}</bdi>`,
    collection: html`<a href=${
      href("documents", { collection: it.collection })
    }><bdi>${it.collection}</bdi></a>`,
    kind: it.media_type,
    size: bytes(it.size_bytes),
    pages: total > 0 && count(total),
    passages: it.progress.chunks_done > 0 && count(it.progress.chunks_done),
    charset: it.charset,
    added: html`<time datetime=${it.created_at}>${clock(it.created_at)}</time>`,
    ready: it.ready_at && html`<time datetime=${it.ready_at}>${clock(it.ready_at)}</time>`,
    trace: html`<a href=${href("system", "trace", it.trace_id)}><code>${it.trace_id.slice(0, 8)}</code></a>`,
  };
  const blank = it.pages_without_text ?? [];
  return html`
    <dl class="details">
      ${Object.entries(rows).filter(([, value]) => value).map(([name, value]) =>
        html`
          <div key=${name}>
            <dt>${t(`reader.details.${name}`)}</dt>
            <dd>${value}</dd>
          </div>
        `
      )}
      ${blank.length > 0 && html`
        <div>
          <dt>${t("reader.details.blank")}</dt>
          <dd class="places">${blank.slice(0, MOST_PLACES).map((page) =>
            html`
              <button key=${page} type="button" class="quiet" onClick=${() => go(page)}>${page}</button>
            `
          )}</dd>
        </div>
      `}
    </dl>
    ${it.warnings.length > 0 && html`
      <h4>${t("reader.details.warnings")}</h4>
      <ul class="reader-warnings">${it.warnings.map((one, order) =>
        html`<${Warning} key=${order} it=${one} go=${go} />`
      )}</ul>
    `}
    <a class="plain" href=${address(pathOf(it.id, "content"))} download>
      <${Icon} name="save" />${t("reader.download")}
    </a>
  `;
}

function Warning({ it, go }) {
  return html`
    <li>
      <b>${code("warning", it.code)}</b>
      <p>${it.message}</p>
      ${it.hint && html`<small>${it.hint}</small>`}
      <div class="places">${it.places.slice(0, MOST_PLACES).map((place, order) =>
        html`
          <button key=${order} type="button" class="quiet" onClick=${() => go(place.number)}>${saidPlace(
            place,
          )}</button>
        `
      )}</div>
    </li>
  `;
}
