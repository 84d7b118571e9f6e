// What a search has found: the documents, best first, each with its passages and the words marked in them.

import { kindOf } from "../documents/status.js";
import { count, day, placeOf, saidPlace, t } from "../frame/language.js";
import { href } from "../frame/router.js";
import { IconButton } from "../frame/ui.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const FIRST_SHOWN = 3;
const LONGEST = 420;
const MOST_WORDS = 6;
/** So many letters of a hit are surely in sight. */
const SEEN = 200;
const BEFORE_MARK = 90;

/** All that was found; `only(documentId)` looks in that document alone, null where that is so. */
export function Results({ found, only }) {
  return html`
    <ol class="search-results">
      ${found.groups.map((group) =>
        html`
          <${Group} key=${group.document_id} group=${group} words=${found.words} only=${only} />
        `
      )}
    </ol>
  `;
}

function Group({ group, words, only }) {
  const [isWhole, setWhole] = useState(!only);
  useEffect(() => setWhole(!only), [words, only === null]);
  const shown = isWhole ? group.passages : group.passages.slice(0, FIRST_SHOWN);
  const rest = group.passages.length - shown.length;
  const { sign, kind } = kindOf(group.media_type);
  return html`
    <li class="search-group">
      <header>
        <span class="kind" data-kind=${kind} aria-hidden="true">${sign}</span>
        <h3><a href=${href("documents", group.document_id, "page", 1, { find: words })} dir="auto">${group
          .document_name}</a></h3>
        <span class="about"><bdi>${group.collection}</bdi>${group.created_at && html`
          ${" · "}<time datetime=${group.created_at}>${day(group.created_at)}</time>
        `}</span>
        ${only && html`
          <${IconButton} name="scope" label=${t("search.document.only")} onClick=${() =>
            only(group.document_id)} />
        `}
      </header>
      ${shown.map((one) => html`<${Passage} key=${one.id} it=${one} words=${words} />`)}
      ${rest > 0 && html`
        <button type="button" class="quiet" onClick=${() => setWhole(true)}>${t("search.more", {
          n: rest,
          count: count(rest),
        })}</button>
      `}
    </li>
  `;
}

function Passage({ it, words }) {
  const place = placeOf(it);
  const to = href("documents", it.document_id, "page", place.number, { find: wordsIn(it, words) });
  return html`
    <a class="search-hit" href=${to}>
      <small>${saidPlace(place)}</small>
      <span class="text" dir="auto">${excerpt(it.text, it.marks ?? [])}</span>
    </a>
  `;
}

/** What of the words stands in the passage, to be found again; nothing where only the meaning is near. */
function wordsIn({ text, marks = [] }, words) {
  if (text.toLowerCase().includes(words.toLowerCase())) return words;
  return [...new Set(marks.map(([start, stop]) => text.slice(start, stop).toLowerCase()))].slice(
    0,
    MOST_WORDS,
  ).join(" ");
}

/** Where the part begins in which most of the different marked words stand. */
function densest(text, marks) {
  const wordsFrom = (start) => {
    const near = marks.filter(([from, to]) => from >= start && to <= start + SEEN);
    return new Set(near.map(([from, to]) => text.slice(from, to).toLowerCase())).size;
  };
  const starts = marks.map(([start]) => start);
  return starts.reduce((best, one) => (wordsFrom(one) > wordsFrom(best) ? one : best), starts[0] ?? 0);
}

/** The part of a text around its first marks, with the marked words. */
function excerpt(text, marks) {
  const first = densest(text, marks);
  const wanted = first > BEFORE_MARK * 2 ? text.indexOf(" ", first - BEFORE_MARK) + 1 : 0;
  const start = wanted > 0 && wanted <= first
    ? wanted
    : Math.max(0, first > BEFORE_MARK * 2 ? first - BEFORE_MARK : 0);
  const stop = Math.min(text.length, start + LONGEST);
  const parts = [];
  let at = start;
  for (const [from, to] of marks) {
    if (from < at || to > stop) continue;
    parts.push(text.slice(at, from), html`<mark>${text.slice(from, to)}</mark>`);
    at = to;
  }
  parts.push(text.slice(at, stop));
  return [start > 0 && "… ", ...parts, stop < text.length && " …"];
}
