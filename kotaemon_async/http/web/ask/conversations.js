// The conversations of this caller, as the service tells of them, and their list in the navigation: searched,
// pinned, renamed, taken away, deleted, one or many.

import { call, request } from "../frame/api.js";
import { follow, whileSeen } from "../frame/feed.js";
import { ago, count, t } from "../frame/language.js";
import { askFor, confirmed, sayError } from "../frame/overlays.js";
import { go, useRoute } from "../frame/router.js";
import { hideSheet, Icon, IconButton, Menu, store, useStore } from "../frame/ui.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const PATH = "/api/v1/conversations";
const PAGE = 50;
/** Kept while it is looked at: the service gives no more at once. */
const MOST = 200;

/** items: the pinned first, then the latest, null before they are known; query: what is looked for. */
export const conversations = store({ items: null, cursor: null, query: "" });

const pathOf = (id) => `${PATH}/${encodeURIComponent(id)}`;

/** Follows them while the page is seen, over breaks of the connection, too: each time they are read anew. */
function watchConversations() {
  return whileSeen(() => follow("conversations", hear));
}

/** Asks for those that are shown once more. */
async function load() {
  const { items, query } = conversations.get();
  const limit = Math.min(MOST, Math.max(PAGE, items?.length ?? 0));
  try {
    const found = await call("GET", `${PATH}?limit=${limit}${asked(query)}`);
    if (query !== conversations.get().query) return; // something else is looked for by now
    conversations.set({ items: ordered(found.items), cursor: found.next_cursor });
  } catch (error) {
    // The edge of the page says when the service is not reached.
    if (error.status !== 0) sayError(error, { key: "talks" });
  }
}

/** Adds the next ones to the list. */
async function loadMore() {
  const { cursor, query } = conversations.get();
  try {
    const found = await call(
      "GET",
      `${PATH}?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}${asked(query)}`,
    );
    if (query !== conversations.get().query) return;
    const before = conversations.get().items.filter((one) => !found.items.some(({ id }) => id === one.id));
    conversations.set({ items: ordered([...before, ...found.items]), cursor: found.next_cursor });
  } catch (error) {
    sayError(error, { key: "talks" });
  }
}

/** Shows those that have these words in their title or texts; all of them for none. */
function lookFor(query) {
  if (query === conversations.get().query) return undefined;
  conversations.set({ query });
  return load();
}

/** The conversation, where it is among those that are known. */
const known = (id) => conversations.get().items?.find((one) => one.id === id);

const rename = (id, title) => changed(id, { title });

const pin = (id, pinned) => changed(id, { pinned });

/** Deletes them; those that are gone already do not matter. */
async function remove(ids) {
  if (ids.length === 1) {
    await call("DELETE", pathOf(ids[0])).catch((error) => {
      if (error.status !== 404) throw error;
    });
  } else {
    await call("POST", `${PATH}/delete`, { ids });
  }
  drop(ids);
}

/** Gives the conversation to the person as a file: "md" or "docx". */
export async function save({ id, title }, format) {
  const reply = await request("GET", `${pathOf(id)}/export?format=${format}`, undefined, { accept: "*/*" });
  const url = URL.createObjectURL(await reply.blob());
  const name = title.replace(/[^\p{L}\p{N} _-]+/gu, " ").trim().slice(0, 60) || "conversation";
  Object.assign(document.createElement("a"), { href: url, download: `${name}.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function changed(id, fields) {
  put(await call("PATCH", pathOf(id), fields));
}

function hear({ name, data }) {
  if (name === "open") load(); // what happened before is in the list, what happens from now on is told
  else if (name === "conversation") put(data);
  else if (name === "gone") drop([data.id]);
}

function put(one) {
  const { items, query } = conversations.get();
  const before = known(one.id);
  if (items === null || (query && !before)) return;
  const others = items.filter(({ id }) => id !== one.id);
  conversations.set({ items: ordered([...others, { ...before, ...one, found: before?.found ?? null }]) });
}

function drop(ids) {
  const { items } = conversations.get();
  if (items?.some((one) => ids.includes(one.id))) {
    conversations.set({ items: items.filter((one) => !ids.includes(one.id)) });
  }
}

/** Times are ISO 8601 in UTC, so that they are in order as they are written. */
function ordered(items) {
  const key = (one) => `${one.pinned_at ? 1 : 0}${one.pinned_at || one.updated_at}`;
  return [...items].sort((one, other) => (key(one) < key(other) ? 1 : -1));
}

const asked = (query) => (query ? `&q=${encodeURIComponent(query)}` : "");

const TYPING_MS = 180;
const NEAR_END_PX = 600;
const DAY_MS = 86_400_000;
const GROUPS = ["pinned", "today", "week", "older"];

/** An empty conversation, ready to be written in. */
export function beginConversation() {
  hideSheet();
  go("ask");
  requestAnimationFrame(() => document.getElementById("question")?.focus());
}

export function ConversationList() {
  const { items, cursor, query } = useStore(conversations);
  const route = useRoute();
  const [chosen, setChosen] = useState(null); // ids, while some are chosen to be deleted
  const current = route.view === "ask" ? route.path[0] : null;
  useEffect(watchConversations, []);
  const deleteThem = (ones) => deleted(ones, current, () => setChosen(null));
  const toggle = (id) =>
    setChosen((ids) => (ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id]));
  const draw = (one) =>
    html`
      <${Row} key=${one.id} one=${one} isCurrent=${one.id === current} query=${query} deleteThem=${deleteThem}
        isChosen=${chosen?.includes(one.id)} toggle=${toggle} choose=${chosen
          ? null
          : () => setChosen([one.id])} />
    `;
  return html`
    <section class="talks" id="talks" aria-label=${t("talks.label")}>
      <button type="button" class="quiet new-talk" id="new-talk" onClick=${beginConversation}
        title=${`${t("talks.new")} (Alt+N)`}><${Icon} name="plus" />${t("talks.new")}</button>
      ${chosen && html`
        <${Chosen} ids=${chosen} items=${items ?? []} end=${() =>
          setChosen(null)} choose=${setChosen} deleteThem=${deleteThem} />
      `}
      ${(items === null || items.length > 0 || query) && html`
        <${Search} />
      `}
      <div class="talk-list" onKeyDown=${walk} onScroll=${(event) => cursor && more(event.currentTarget)}>
        ${items === null &&
          [70, 55, 80].map((width) => html`<div class="wait" style=${{ width: `${width}%` }}></div>`)}
        ${items !== null && grouped(items, query).map(([name, ones]) =>
          html`
            <h2 key=${`title-${name}`} id=${`talks-${name}`}>${t(`talks.${name}`)}</h2>
            <ul key=${name} aria-labelledby=${`talks-${name}`}>${ones.map(draw)}</ul>
          `
        )}
        ${items?.length === 0 && html`<p class="none">${t(query ? "talks.nothing" : "talks.none")}</p>`}
        ${cursor && html`
          <button type="button" class="quiet" id="talks-more" onClick=${loadMore}>${t("talks.more")}</button>
        `}
      </div>
    </section>
  `;
}

function Search() {
  const timer = useRef(0);
  const typed = (event) => {
    const words = event.currentTarget.value.trim();
    clearTimeout(timer.current);
    timer.current = setTimeout(() => lookFor(words), TYPING_MS);
  };
  return html`
    <input type="search" class="field" id="talks-search" dir="auto" autocomplete="off" onInput=${typed}
      aria-label=${t("talks.search")} placeholder=${t("talks.search")} />
  `;
}

/** How many are chosen, and what to do with them. */
function Chosen({ ids, items, choose, end, deleteThem }) {
  const ones = items.filter(({ id }) => ids.includes(id));
  return html`
    <div class="talks-chosen" role="group" aria-label=${t("talks.chosen", { n: ones.length })}>
      <b>${t("talks.chosen", { n: ones.length, count: count(ones.length) })}</b>
      <button type="button" class="quiet" id="talks-all" onClick=${() =>
        choose(items.map(({ id }) => id))}>${t("talks.all")}</button>
      <${IconButton} name="trash" label=${t("talks.delete")} id="talks-delete" disabled=${ones.length ===
        0} onClick=${() => deleteThem(ones)} />
      <${IconButton} name="close" label=${t("talks.select.end")} onClick=${end} />
    </div>
  `;
}

function Row({ one, isCurrent, isChosen, query, choose, toggle, deleteThem }) {
  const title = one.title || t("talks.new");
  const said = html`
    <span>
      <span class="title" dir="auto">${title}</span>
      ${query && one.found && html`<small dir="auto">${marked(one.found, query)}</small>`}
    </span>
    ${one.running && html`<i class="running" role="img" aria-label=${t("talks.running")}></i>`}
  `;
  if (!choose) {
    return html`
      <li>
        <label class="choice"><input type="checkbox" checked=${isChosen} onChange=${() =>
          toggle(one.id)} />${said}</label>
      </li>
    `;
  }
  const safely = (job) => () => Promise.resolve(job()).catch((error) => sayError(error, { key: "talks" }));
  const entries = [
    { name: "rename", icon: "edit", act: safely(() => renamed(one)) },
    one.pinned_at
      ? { name: "unpin", icon: "pin", act: safely(() => pin(one.id, false)) }
      : { name: "pin", icon: "pin", act: safely(() => pin(one.id, true)) },
    { name: "export", icon: "save", act: safely(() => save(one, "md")) },
    { name: "export.docx", icon: "save", act: safely(() => save(one, "docx")) },
    { name: "select", icon: "check", act: choose },
    { name: "delete", icon: "trash", act: safely(() => deleteThem([one])), isBad: true },
  ].map((entry) => ({ ...entry, label: t(`talks.${entry.name}`) }));
  const keys = (event) => {
    const act = { F2: entries[0].act, Delete: entries.at(-1).act }[event.key];
    if (act && event.target.tagName === "A") act();
  };
  return html`
    <li onKeyDown=${keys}>
      <a href=${`#ask/${encodeURIComponent(one.id)}`} data-id=${one.id} onClick=${hideSheet}
        aria-current=${isCurrent ? "page" : null} title=${`${title} · ${ago(one.updated_at)}`}>${said}</a>
      <${Menu} label=${t("talks.menu", { title })} entries=${entries} />
    </li>
  `;
}

/** The words that were looked for stand out. */
function marked(text, query) {
  const words = query.split(/\s+/).filter(Boolean).map((word) =>
    word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")
  );
  const parts = text.split(new RegExp(`(${words.join("|")})`, "iu"));
  return parts.map((part, at) => (at % 2 ? html`<mark>${part}</mark>` : part));
}

function grouped(items, query) {
  if (query) return items.length > 0 ? [["found", items]] : [];
  const midnight = new Date().setHours(0, 0, 0, 0);
  const groups = new Map(GROUPS.map((name) => [name, []]));
  for (const one of items) groups.get(groupOf(one, midnight)).push(one);
  return [...groups].filter(([, ones]) => ones.length > 0);
}

function groupOf({ pinned_at: pinned, updated_at: at }, midnight) {
  if (pinned) return "pinned";
  const time = Date.parse(at);
  if (time >= midnight) return "today";
  return time >= midnight - 6 * DAY_MS ? "week" : "older";
}

function more(list) {
  if (list.dataset.loads || list.scrollHeight - list.scrollTop - list.clientHeight > NEAR_END_PX) return;
  list.dataset.loads = "";
  loadMore().finally(() => delete list.dataset.loads);
}

function walk(event) {
  const links = [...event.currentTarget.querySelectorAll("a, .choice input")];
  const at = links.indexOf(document.activeElement);
  const last = links.length - 1;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  links[Math.max(0, Math.min(to, last))].focus();
}

async function renamed(one) {
  const title = await askFor({
    title: t("talks.rename.title"),
    label: t("talks.rename.label"),
    value: one.title,
  });
  if (title !== null) await rename(one.id, title.slice(0, 200));
}

async function deleted(ones, current, then) {
  const [{ title }] = ones;
  const isSure = await confirmed({
    title: t("talks.delete.title", { n: ones.length, count: count(ones.length) }),
    text: t("talks.delete.text", { n: ones.length, title: title || t("talks.new") }),
    go: t("talks.delete"),
  });
  if (!isSure) return;
  await remove(ones.map(({ id }) => id)).catch((error) => sayError(error, { key: "talks" }));
  then();
  if (ones.some(({ id }) => id === current)) go("ask");
}
