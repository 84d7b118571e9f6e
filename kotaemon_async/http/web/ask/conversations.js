// The conversations of this caller, as the service tells of them: kept up to date by its events.

import { call, follow, request } from "../frame/api.js";
import { sayError } from "../frame/overlays.js";
import { store } from "../frame/ui.js";

const PATH = "/api/v1/conversations";
const PAGE = 50;
/** Kept while it is looked at: the service gives no more at once. */
const MOST = 200;

/** items: the pinned first, then the latest, null before they are known; query: what is looked for. */
export const conversations = store({ items: null, cursor: null, query: "" });

const pathOf = (id) => `${PATH}/${encodeURIComponent(id)}`;

/** Follows them from now on, over breaks of the connection, too: each time they are read anew. */
export function watchConversations() {
  follow(`${PATH}/events`, hear);
}

/** Asks for those that are shown once more. */
export async function load() {
  const { items, query } = conversations.get();
  const limit = Math.min(MOST, Math.max(PAGE, items?.length ?? 0));
  try {
    const found = await call("GET", `${PATH}?limit=${limit}${asked(query)}`);
    if (query !== conversations.get().query) return; // something else is looked for by now
    conversations.set({ items: ordered(found.items), cursor: found.next_cursor });
  } catch (error) {
    if (error.status !== 0) sayError(error, { key: "talks" }); // the edge of the page says that it is not reached
  }
}

/** Adds the next ones to the list. */
export async function loadMore() {
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
export function lookFor(query) {
  if (query === conversations.get().query) return undefined;
  conversations.set({ query });
  return load();
}

/** The conversation, where it is among those that are known. */
export const known = (id) => conversations.get().items?.find((one) => one.id === id);

export const rename = (id, title) => changed(id, { title });

export const pin = (id, pinned) => changed(id, { pinned });

/** Deletes them; those that are gone already do not matter. */
export async function remove(ids) {
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
