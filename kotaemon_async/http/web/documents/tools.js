// What stands above the list: search and filters, or what
// can be done with those that are selected; and its titles.

import { count, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { go, replace } from "../frame/router.js";
import { Icon, IconButton } from "../frame/ui.js";
import { html, useEffect, useRef } from "../vendor/preact.js";
import { hasStatus, queryOf, sortedBy, STATUSES } from "./choice.js";
import { kindOf, KINDS } from "./kinds.js";

/** Search and filters; each is in the address: a choice is a step that Back undoes, a letter is none. */
export function Filters({ choice, store, isDense, turnDensity }) {
  const all = store.all();
  const chosen = (changes) => go("documents", queryOf({ ...choice, ...changes }));
  const typed = (event) => replace("documents", queryOf({ ...choice, words: event.currentTarget.value }));
  return html`
    <div class="tools" role="search">
      <label class="searching">
        <${Icon} name="search" />
        <input class="field" id="document-search" type="search" value=${choice
          .words} onInput=${typed} dir="auto"
          placeholder=${t("documents.search")} aria-label=${t("documents.search")} autocomplete="off"
          spellcheck="false" />
      </label>
      <${Filter} name="collection" value=${choice.collection} options=${collectionsIn(all, choice.collection)}
        change=${(collection) => chosen({ collection })} />
      <${Filter} name="status" value=${choice.status} options=${statusesIn(all)}
        change=${(status) => chosen({ status })} />
      <${Filter} name="kind" value=${choice.kind} options=${kindsIn(all, choice.kind)}
        change=${(kind) => chosen({ kind })} />
      <${Currency} store=${store} />
      <button type="button" class="plain density" aria-pressed=${isDense} onClick=${turnDensity}
        title=${t("documents.dense")} aria-label=${t("documents.dense")}><${Icon} name="list" /></button>
    </div>
  `;
}

function Filter({ name, value, options, change }) {
  return html`
    <select class=${value ? "field chosen" : "field"} aria-label=${t(`documents.by.${name}`)} value=${value}
      onChange=${(event) => change(event.currentTarget.value)}>
      <option value="">${t(`documents.all.${name}`)}</option>
      ${options.map(([key, words, n]) =>
        html`<option key=${key} value=${key}>${`${words} (${count(n)})`}</option>`
      )}
    </select>
  `;
}

/** How old what is shown may be, when it is not told as it happens. */
function Currency({ store }) {
  const words = store.failure && store.isWhole
    ? wordsFor(store.failure).text
    : store.isAway
    ? t("documents.away")
    : "";
  return html`
    <span class="small note" role="status" title=${words} hidden=${!words}>${words}</span>
    ${store.failure && store.isWhole && html`
      <button type="button" class="quiet" onClick=${() => store.again()}>${t("documents.again")}</button>
    `}
  `;
}

function numbersOf(all, keyOf, value) {
  const numbers = new Map(value ? [[value, 0]] : []);
  for (const one of all) numbers.set(keyOf(one), (numbers.get(keyOf(one)) ?? 0) + 1);
  return numbers;
}

function collectionsIn(all, value) {
  return [...numbersOf(all, (one) => one.collection, value)].sort().map(([name, n]) => [name, name, n]);
}

function statusesIn(all) {
  return STATUSES.map((one) => [
    one,
    t(`documents.status.${one}`),
    all.filter((document) => hasStatus(document, one)).length,
  ]);
}

/** Those that are there, in the order of the list of kinds. */
function kindsIn(all, value) {
  const numbers = numbersOf(all, (one) => kindOf(one.media_type).kind, value);
  return KINDS.filter((one) => numbers.has(one)).map((one) => [one, t(`kind.${one}`), numbers.get(one)]);
}

/**
 * How many are selected, and what can be done with them:
 * `acts` by their names, those that are not there cannot.
 */
export function SelectionBar({ number, acts, clear }) {
  const button = (name, sign, isBad) =>
    acts[name] && html`
      <button type="button" class=${isBad ? "plain bad" : "plain"} data-do=${name}
        aria-label=${t(`documents.${name}`)} onClick=${acts[name]}>
        <${Icon} name=${sign} /><span>${t(`documents.${name}`)}</span>
      </button>
    `;
  return html`
    <div class="tools chosen" role="toolbar" aria-label=${t("documents.chosen.label")}>
      <${IconButton} name="close" label=${t("documents.clear")} onClick=${clear} />
      <b>${t("documents.chosen", { n: number, count: count(number) })}</b>
      <span class="space"></span>
      ${button("ask", "ask")} ${button("retry", "again")} ${button("move", "folder")}
      ${button("delete", "trash", true)}
    </div>
  `;
}

/** The row of titles: it sorts, and selects all. */
export function Titles({ choice, shown, selection, pickAll }) {
  const box = useRef(null);
  const number = shown.filter((one) => selection.has(one.id)).length;
  useEffect(() => {
    box.current.indeterminate = number > 0 && number < shown.length;
  });
  // Date and size stand under the name; their titles stand beside its own.
  const way = choice.isUp ? "ascending" : "descending";
  const cell = (name, ...sorts) =>
    html`
      <div role="columnheader" class=${name} aria-sort=${sorts.includes(choice.sort) ? way : "none"}>
        ${sorts.map((sort) => html`<${Title} key=${sort} sort=${sort} choice=${choice} />`)}
      </div>
    `;
  return html`
    <div role="row" class="row" aria-rowindex="1">
      <div role="columnheader" class="pick">
        <input type="checkbox" id="pick-all" ref=${box} aria-label=${t("documents.pick_all")}
          checked=${number > 0 && number === shown.length}
          onChange=${(event) => pickAll(event.currentTarget.checked)} />
      </div>
      ${cell("name", "name", "date", "size")}
      ${cell("state", "status")} ${cell("n", "pages")} ${cell("place", "collection")}
      <div role="columnheader" class="acts">
        <span class="hidden-words">${t("documents.actions.title")}</span>
      </div>
    </div>
  `;
}

function Title({ sort, choice }) {
  return html`
    <button type="button" class="quiet" data-sort=${sort}
      data-way=${sort === choice.sort ? (choice.isUp ? "up" : "down") : null}
      onClick=${() => replace("documents", queryOf(sortedBy(choice, sort)))}>
      ${t(`documents.by.${sort}`)}<${Icon} name="down" />
    </button>
  `;
}
