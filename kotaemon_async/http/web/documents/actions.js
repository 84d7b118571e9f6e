// What can be done with documents, one or many: each says how far it is and what did not work.

import { address, call } from "../frame/api.js";
import { count, t } from "../frame/language.js";
import { confirmed, forget, open, say, sayError, wordsFor } from "../frame/overlays.js";
import { go } from "../frame/router.js";
import { html, render } from "../vendor/preact.js";
import { collections } from "./collections.js";
import { isUnfinished, PATH, store } from "./document_store.js";

const AT_ONCE = 3;
const MOST_ASKED = 200;
const TELL_AFTER_MS = 700;
/** What the service takes as the name of a collection. */
const COLLECTION = "[\\p{L}\\p{N}_][\\p{L}\\p{N}_ .\\-]{0,99}";

/** A name within a sentence: whichever direction its letters have, they turn nothing round outside of it. */
const apart = (name) => `\u2068${name}\u2069`;

/** Ids of documents that something is being done to. */
export const busy = new Set();

export const canRetry = (one) => one.status === "failed" || one.status === "cancelled";

export async function remove(documents) {
  const n = documents.length;
  const said = t("documents.delete.text", { n, count: count(n), name: apart(documents[0]?.name) });
  const text = documents.some((one) => one.media_type === "application/zip")
    ? `${said} ${t("documents.delete.archive")}`
    : said;
  const isMeant = n > 0 &&
    (await confirmed({
      title: t("documents.delete.title", { n, count: count(n) }),
      text,
      go: t("documents.delete"),
    }));
  if (isMeant) {
    await each(
      documents,
      "documents.deleting",
      (one) => call("DELETE", `${PATH}/${one.id}`).then(() => store.remove(one.id)),
    );
  }
  return isMeant;
}

export function retry(documents) {
  return each(
    documents.filter(canRetry),
    "documents.retrying",
    async (one) => store.put(await call("POST", `${PATH}/${one.id}/retry`)),
  );
}

export function cancel(documents) {
  return each(
    documents.filter(isUnfinished),
    "documents.cancelling",
    async (one) => store.put(await call("POST", `${PATH}/${one.id}/cancel`)),
  );
}

export async function move(documents) {
  const collection = await askCollection({
    title: t("documents.move.title", { n: documents.length, count: count(documents.length) }),
    go: t("documents.move"),
  });
  if (!collection) return false;
  const elsewhere = documents.filter((one) => one.collection !== collection);
  await each(elsewhere, "documents.moving", (one) => moveOne(one, collection));
  return true;
}

/** Asks for a collection, one that is there or a new name; null when the dialog was closed. */
export function askCollection({ title, go }) {
  const names = collections.writable();
  const body = drawn(html`
    <label for="dialog-input">${t("documents.move.label")}</label>
    <input id="dialog-input" list="dialog-options" required maxlength="100" pattern=${COLLECTION} dir="auto"
      autocomplete="off" spellcheck="false" title=${t("documents.into.title")} />
    <datalist id="dialog-options">${names.map((name) => html`<option key=${name} value=${name}></option>`)}
    </datalist>
    <small>${t("documents.move.other")} ${t("documents.into.title")}</small>
  `);
  const input = body.querySelector("input");
  return open({ title, body, go, read: () => input.value.trim() || null, focus: input });
}

/** What a dialog shows, drawn once or again: the node that holds it. */
export function drawn(parts, node = document.createElement("div")) {
  node.className = "drawn";
  render(parts, node);
  return node;
}

async function moveOne(one, collection) {
  try {
    store.put(await call("PATCH", `${PATH}/${one.id}`, { collection }));
  } catch (error) {
    if (error.code === "conflict") error.code = "same_file"; // nothing else stands in the way of a move
    else if (error.code === "not_found") {
      await store.look(one.id);
      if (store.get(one.id)) error.code = "not_your_collection";
    }
    throw error;
  }
}

/** Asks about these documents in a new conversation, which says so; with a question at once. */
export function ask(documents, question = "") {
  const first = documents.slice(0, MOST_ASKED);
  if (first.length < documents.length) say(t("documents.ask.most", { count: count(MOST_ASKED) }));
  go("ask", { documents: first.map((one) => one.id).join(","), q: question });
}

/**
 * The file as it was handed in, beside this page; the service
 * shows what can do no harm, and offers the rest for saving.
 */
export function openOriginal(one) {
  window.open(address(`${PATH}/${one.id}/content`), "_blank", "noopener");
}

/** Does it to each, a few at once; what failed is said in one message. */
async function each(documents, doing, act) {
  const waiting = [...documents];
  const failures = [];
  const telling = setInterval(
    () =>
      say(t(doing, { done: count(documents.length - waiting.length), count: count(documents.length) }), {
        key: doing,
        lasting: true,
      }),
    TELL_AFTER_MS,
  );
  const work = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      busy.add(one.id);
      await act(one).catch((
        error,
      ) => (error.code === "not_found" ? store.remove(one.id) : failures.push({ one, error })));
      busy.delete(one.id);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  clearInterval(telling);
  forget(doing);
  if (failures.length === 1 && documents.length === 1) sayError(failures[0].error);
  else if (failures.length) sayMany(failures, documents.length);
}

function sayMany(failures, all) {
  const [{ one, error }] = failures;
  const words = t("documents.some_failed", {
    n: failures.length,
    count: count(failures.length),
    all: count(all),
    name: apart(one.name),
    why: wordsFor(error).text,
  });
  say(words, { kind: "bad", lasting: true, key: "error" });
}
