// The view "Documents": what was handed in, how far each is, and what can be done with it.

import { may } from "../frame/access.js";
import { count, t } from "../frame/language.js";
import { say, sayError, wordsFor } from "../frame/overlays.js";
import { go, goTo, href, replace, useTitle } from "../frame/router.js";
import { copied, Empty, Icon, MenuList } from "../frame/ui.js";
import { html, useEffect, useMemo, useReducer, useRef, useState } from "../vendor/preact.js";
import {
  apart,
  ask,
  busy,
  cancel,
  canRetry,
  mayShare,
  move,
  openOriginal,
  remove,
  retry,
  share,
  SharingLine,
} from "./actions.js";
import { choiceOf, chosenOf, Filters, Selection, SelectionBar, Titles } from "./choice.js";
import { Details } from "./details.js";
import { isUnfinished, mayChange, useCollections, useDocuments } from "./library.js";
import { DocumentRows, isReadable, placeOf, WaitingRows } from "./list.js";
import { stateOf } from "./status.js";
import { UploadButtons, UploadList } from "./upload_list.js";
import { uploads } from "./uploads.js";

const DENSE = "kotaemon.dense";
const SUMMARY_EVERY_MS = 10_000;
const AGES_EVERY_MS = 30_000;

/** The view at an address; a document by itself is the reader's. */
export function View({ route: { query } }) {
  const store = useDocuments();
  const stamp = useStamp(useCollections());
  const selection = useMemo(() => new Selection(), []);
  const [, redraw] = useReducer((n) => n + 1, 0);
  const [isDense, setDense] = useState(() => localStorage.getItem(DENSE) === "yes");
  const [menu, setMenu] = useState(null);
  const last = useRef([]);
  const choice = choiceOf(query);
  const { details, ...rest } = query;
  const names = [choice.words.trim(), choice.collection].filter(Boolean);
  useTitle(names.length > 0 ? [...names, t("nav.documents")].join(" · ") : "");
  const shown = last.current = chosenOf(store.all(), choice, last.current);
  selection.prune(store);
  const it = { store, selection, shown, redraw, setMenu, query: rest };
  const titles = html`
    <${Titles} choice=${choice} shown=${shown} selection=${selection}
      pickAll=${(isOn) => hear(it, isOn ? "all" : "clear")} />
  `;
  const turnDensity = () => {
    localStorage.setItem(DENSE, isDense ? "no" : "yes");
    setDense(!isDense);
  };
  return html`
    <section class="view documents">
      <${Head} store=${store} />
      <${UploadList} />
      ${store.all().length > 0 &&
        (selection.size > 0 ? html`<${Selected} it=${it} />` : html`
          <${Filters} choice=${choice} store=${store} isDense=${isDense} turnDensity=${turnDensity} />
        `)}
      ${choice.collection && html`<${SharingLine} name=${choice.collection} />`}
      <${Found} it=${it} choice=${choice} isDense=${isDense} stamp=${stamp} titles=${titles} />
      <${Summary} store=${store} />
      ${menu && html`<${RowMenu} it=${it} ...${menu} close=${() => setMenu(null)} />`}
      ${details &&
        html`<${Details} key=${details} id=${details} close=${() => replace("documents", rest)} />`}
    </section>
  `;
}

/**
 * Another number whenever every row has to be drawn anew: ages grow, and rights change with the collections.
 */
function useStamp(changes) {
  const [ages, older] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    const ageing = setInterval(older, AGES_EVERY_MS);
    return () => clearInterval(ageing);
  }, []);
  return `${changes}.${ages}`;
}

function Head({ store }) {
  const all = store.all();
  return html`
    <header class="head">
      <h2>${t("nav.documents")}${all.length > 0 && html`
        <span class="number">${`${count(all.length)}${store.isWhole ? "" : " …"}`}</span>
      `}</h2>
      <${Tally} all=${all} />
      ${may("write") && html`<${UploadButtons} />`}
    </header>
  `;
}

const numberOf = (all, status) => all.filter((one) => one.status === status).length;

/** How many can be searched, where not all can. */
function Tally({ all }) {
  const numbers = {
    ready: numberOf(all, "ready"),
    unfinished: all.filter(isUnfinished).length,
    failed: numberOf(all, "failed"),
    cancelled: numberOf(all, "cancelled"),
  };
  if (numbers.ready === all.length) return null;
  const parts = Object.entries(numbers).filter(([name, n]) => n > 0 || name === "ready");
  return html`
    <p class="tally small">
      ${parts.map(([name, n]) =>
        html`<a key=${name} data-status=${name} href=${href("documents", { status: name })}>${
          t(
            `documents.tally.${name}`,
            { n, count: count(n) },
          )
        }</a>`
      )}
    </p>
  `;
}

/** The rows; or why there are none. */
function Found({ it, choice, isDense, stamp, titles }) {
  const { store, shown, selection } = it;
  const isEmpty = store.all().length === 0;
  if (isEmpty && !store.isWhole) {
    return store.failure ? html`<${NotRead} store=${store} />` : html`<${WaitingRows}>${titles}<//>`;
  }
  if (isEmpty) return uploads.isBusy ? null : html`<${NothingYet} />`;
  if (shown.length === 0) return html`<${NoMatch} choice=${choice} />`;
  return html`
    <${DocumentRows} documents=${shown} isDense=${isDense} selection=${selection} busy=${busy}
      query=${it.query}
      stamp=${stamp} hear=${(...what) => hear(it, ...what)}>${titles}<//>
  `;
}

function NotRead({ store }) {
  const { text, hint } = wordsFor(store.failure);
  return html`
    <${Empty} icon="documents" title=${t("documents.not_read")}>
      <p role="status">${text} ${hint}</p>
      <button type="button" class="go" id="read-again" onClick=${() => store.again()}>
        <${Icon} name="again" />${t("documents.again")}
      </button>
      <//>
  `;
}

/** That nothing matches what was asked for, and the ways on. */
function NoMatch({ choice }) {
  const isByName = choice.words.trim() !== "";
  const asked = [
    isByName && t("documents.no_match.words", { words: apart(choice.words.trim()) }),
    choice.collection && t("documents.no_match.collection", { name: apart(choice.collection) }),
    choice.status && t(`documents.status.${choice.status}`),
    choice.kind && t(`kind.${choice.kind}`),
  ].filter(Boolean);
  return html`
    <${Empty} icon="search" title=${t("documents.no_match")}>
      <p>${asked.join(" · ")}</p>
      ${isByName && may("ask") && html`
        <a class="go" id="search-texts" href=${href("search", {
          q: choice.words.trim(),
          collection: choice.collection,
        })}><${Icon} name="search" />${t("documents.no_match.texts", {
          words: apart(choice.words.trim()),
        })}</a>
      `}
      <a class="plain" href=${href("documents")}>${t("documents.show_all")}</a>
    <//>
  `;
}

/** What can be read, and the three ways to hand it in. */
function NothingYet() {
  if (!may("write")) {
    return html`
      <${Empty} icon="documents" title=${t("documents.empty")}>
        <p>${t("documents.empty.read")}</p>
        <//>
    `;
  }
  const way = (sign, name, more) =>
    html`
      <li>
        <${Icon} name=${sign} />
        <div><b>${t(`documents.empty.${name}`)}</b><small>${t(
          `documents.empty.${name}.how`,
        )}</small>${more}</div>
      </li>
    `;
  return html`
    <div class="empty teach">
      <${Icon} name="documents" />
      <h2>${t("documents.empty")}</h2>
      <p>${t("documents.empty.what")}</p>
      <ul>
        ${way("drop", "drop")} ${way("upload", "button")}
        ${way("command", "command", html`<code>kotaemon-async ingest FOLDER</code>`)}
      </ul>
      <p class="small">${t("documents.empty.then")}</p>
    </div>
  `;
}

/** For screen readers, now and then: what goes on, not every page of it. */
function Summary({ store }) {
  const [words, setWords] = useState("");
  useEffect(() => {
    const telling = setInterval(() => setWords(summaryOf(store.all())), SUMMARY_EVERY_MS);
    return () => clearInterval(telling);
  }, []);
  return html`<p class="hidden-words" role="status">${words}</p>`;
}

function summaryOf(all) {
  const open = all.filter(isUnfinished).length;
  return t("documents.summary", {
    n: open,
    open: count(open),
    ready: count(numberOf(all, "ready")),
    failed: count(numberOf(all, "failed")),
  });
}

const selectedOf = ({ selection, store }) => [...selection.ids].map((id) => store.get(id)).filter(Boolean);

function Selected({ it }) {
  const selected = selectedOf(it);
  const isHis = selected.every(mayChange);
  const acts = {
    ask: may("ask") && (() => ask(selected)),
    retry: isHis && selected.some(canRetry) && (() => during(it, retry(selected))),
    move: isHis && (() => doneWith(it, move(selected))),
    delete: isHis && (() => doneWith(it, remove(selected))),
  };
  return html`<${SelectionBar} number=${selected.length} acts=${acts} clear=${() => hear(it, "clear")} />`;
}

/** Shows what is at work, and what came of it. */
async function during(it, work) {
  it.redraw();
  const isDone = await work;
  it.redraw();
  return isDone;
}

async function doneWith(it, work) {
  if (await during(it, work)) it.selection.clear();
  it.redraw();
}

function hear(it, what, one, anchor) {
  const { selection, shown } = it;
  if (what === "read") goTo(placeOf(one, it.query));
  else if (what === "details") go("documents", { ...it.query, details: one.id });
  else if (what === "collection") go("documents", { ...it.query, collection: one.collection });
  else if (what === "pick") selection.toggle(one.id);
  else if (what === "reach") selection.reach(one.id, shown);
  else if (what === "all") selection.all(shown);
  else if (what === "clear") selection.clear();
  else if (what === "retry") during(it, retry([one]));
  else if (what === "delete") deleteAll(it, selection.size > 0 ? selectedOf(it) : [one]);
  else if (what === "menu") it.setMenu({ one, anchor });
  it.redraw();
}

function deleteAll(it, documents) {
  if (documents.every(mayChange)) doneWith(it, remove(documents));
  else say(t("rights.change"));
}

function RowMenu({ it, one, anchor, close }) {
  const { under } = stateOf(one);
  const about = html`<b dir="auto">${one.name}</b>${one.status === "failed" && html`<span>${under}</span>`}`;
  const closed = () => {
    close();
    document.getElementById("document-rows")?.focus({ preventScroll: true });
  };
  return html`
    <${MenuList} label=${t("documents.actions", { name: one.name })} about=${about} anchor=${anchor}
      entries=${entriesOf(it, one)} close=${closed} />
  `;
}

/** What can be done with one. */
function entriesOf(it, one) {
  const isHis = mayChange(one);
  const entry = (name, icon, act, label = t(`documents.${name}`)) => ({ name, icon, label, act });
  const link = () =>
    copied(new URL(href("documents", one.id), location.href).href).then(() => say(t("copied")));
  return [
    isReadable(one) && entry("read", "read", () => hear(it, "read", one)),
    may("ask") && entry("ask_one", "ask", () => ask([one])),
    entry("details", "info", () => hear(it, "details", one)),
    entry("open", "open", () => openOriginal(one)),
    entry("link", "link", link, t("link.copy")),
    isHis && canRetry(one) && entry("retry", "again", () => during(it, retry([one]))),
    isHis && isUnfinished(one) && entry("cancel", "stop", () => during(it, cancel([one]))),
    isHis && entry("move_one", "folder", () => during(it, move([one]))),
    mayShare(one.collection) &&
    entry("share", "share", () => share(one.collection).catch(sayError), t("share.menu")),
    entry("trace", "path", () => go("system", "trace", one.id)),
    isHis && { ...entry("delete_one", "trash", () => during(it, remove([one]))), isBad: true },
  ];
}
