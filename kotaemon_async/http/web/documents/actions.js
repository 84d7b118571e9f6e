// What can be done with documents, one or many, and with whom a collection is shared.

import { isOpen, may } from "../frame/access.js";
import { address, call } from "../frame/api.js";
import { count, t } from "../frame/language.js";
import { confirmed, forget, open, say, sayError, wordsFor } from "../frame/overlays.js";
import { go } from "../frame/router.js";
import { Icon, IconButton } from "../frame/ui.js";
import { html, render, useEffect, useState } from "../vendor/preact.js";
import { collections, foreignOwner, isUnfinished, PATH, pathOf, store } from "./library.js";

const AT_ONCE = 3;
const MOST_ASKED = 200;
const TELL_AFTER_MS = 700;
/** What the service takes as the name of a collection. */
const COLLECTION = "[\\p{L}\\p{N}_][\\p{L}\\p{N}_ .\\-]{0,99}";

/** A name within a sentence: whichever direction its letters have, they turn nothing round outside of it. */
export const apart = (name) => `\u2068${name}\u2069`;

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

const KINDS = ["user", "group"];
const RIGHTS = ["read", "write"];
/** What the service takes as the name of a user or a group. */
export const NAME = "[\\p{L}\\p{N}_][\\p{L}\\p{N}_ .@\\-]{0,63}";

/** Whether the caller may say who shares the collection. */
export const mayShare = (name) => !isOpen() && may("write") && collections.get(name)?.rights === "own";

/** Whose a collection is and who shares it; nothing where everybody may do everything. */
export function SharingLine({ name }) {
  const [shares, setShares] = useState([]);
  const one = isOpen() ? null : collections.get(name);
  const isAsked = one?.access === "shared" && mayShare(name);
  useEffect(() => {
    let isOver = false;
    setShares([]);
    if (isAsked) call("GET", pathOf(name)).then((found) => isOver || setShares(found.shares), () => {});
    return () => (isOver = true);
  }, [name, isAsked]);
  if (!one) return null;
  const change = () => share(name).then((changed) => changed && setShares(changed.shares), sayError);
  return html`
    <p class="sharing">
      <span>${saidSharing(one, shares)}</span>
      ${mayShare(name) && html`
        <button type="button" class="quiet" id="share" onClick=${change}>
          <${Icon} name="share" />${t("share.go")}
        </button>
      `}
    </p>
  `;
}

/** Whose a collection is, and who else has it; names only as far as the caller may know them. */
function saidSharing(one, shares) {
  const owner = foreignOwner(one.name);
  const whose = owner ? t("share.of", { owner }) : one.owner ? t("share.yours") : t("share.nobodys");
  const names = shares.map((share) =>
    t(`share.said.${share.rights}`, { name: share.user ?? `${share.group} (${t("share.group")})` })
  );
  const access = names.length > 0
    ? t("share.said", { names: names.join(t("place.comma")) })
    : t(`share.access.${one.access}`);
  return [whose, access, one.rights === "read" && t("share.you_read")].filter(Boolean).join(" · ");
}

/** Asks with whom the collection is to be shared, and does it; the collection as it is then, or null. */
export async function share(name) {
  const now = await call("GET", pathOf(name));
  let given = { everybody: now.public ?? "", shares: now.shares };
  const body = document.createElement("div");
  const show = (changes) => {
    given = { ...given, ...changes };
    drawn(html`<${Shares} ...${given} change=${show} />`, body);
  };
  const read = async () => {
    const last = written(body);
    if (last === null) return null;
    const shares = [...given.shares, ...last];
    const changed = await call("PATCH", pathOf(name), { public: given.everybody || null, shares });
    await collections.read();
    return changed;
  };
  show({});
  return open({
    title: t("share.title", { name: `\u2068${name}\u2069` }),
    body,
    go: t("share.save"),
    read,
    focus: body.querySelector("#share-name"),
  });
}

/** The share that is written in the fields, as a list; null when what stands there is no name. */
function written(body) {
  const field = (name) => body.querySelector(`#share-${name}`);
  const name = field("name").value.trim();
  if (!field("name").reportValidity()) return null;
  return name ? [{ [field("kind").value]: name, rights: field("rights").value }] : [];
}

function Shares({ everybody, shares, change }) {
  const put = (place, one) => change({ shares: shares.map((old, n) => (n === place ? one : old)) });
  return html`
    <label for="share-public">${t("share.public")}</label>
    <${Choice} id="share-public" values=${["", ...RIGHTS]} value=${everybody}
      words=${(value) => t(`share.public.${value || "none"}`)}
      onChange=${(event) => change({ everybody: event.currentTarget.value })} />
    <h3>${t("share.with")}</h3>
    <ul class="shares">
      ${shares.map((one, place) =>
        html`
          <${Share} key=${one.user ?? `group ${one.group}`} one=${one}
            put=${(rights) => put(place, { ...one, rights })}
            end=${() => change({ shares: shares.filter((other) => other !== one) })} />
        `
      )}
    </ul>
    <${NewShare} add=${(added) => change({ shares: [...shares, ...added] })} />
    <small>${t("share.hint")}</small>
  `;
}

function Share({ one, put, end }) {
  const kind = one.user ? "user" : "group";
  const name = one[kind];
  return html`
    <li data-kind=${kind} data-name=${name}>
      <span><bdi>${name}</bdi>${kind === "group" && html`<small>${t("share.group")}</small>`}</span>
      <${Choice} values=${RIGHTS} value=${one.rights} words=${(value) => t(`share.rights.${value}`)}
        aria-label=${t("share.rights", { name })} onChange=${(event) => put(event.currentTarget.value)} />
      <${IconButton} name="close" label=${t("share.end", { name })} onClick=${end} />
    </li>
  `;
}

/** The fields for one more. */
function NewShare({ add }) {
  const take = (event) => {
    const body = event.currentTarget.closest(".new-share");
    const added = written(body);
    if (!added?.length) return;
    add(added);
    body.querySelector("#share-name").value = "";
  };
  const pressed = (event) => {
    if (event.key !== "Enter" || !event.currentTarget.value.trim()) return;
    event.preventDefault();
    take(event);
  };
  return html`
    <div class="new-share">
      <input id="share-name" class="field" pattern=${NAME} maxlength="64" autocomplete="off"
        spellcheck="false"
        dir="auto" placeholder=${t("share.name")} aria-label=${t("share.name")} onKeyDown=${pressed} />
      <${Choice} id="share-kind" values=${KINDS} words=${(value) => t(`share.kind.${value}`)}
        aria-label=${t("share.kind")} />
      <${Choice} id="share-rights" values=${RIGHTS} words=${(value) => t(`share.rights.${value}`)}
        aria-label=${t("share.rights.new")} />
      <button type="button" class="plain" id="share-add" onClick=${take}>${t("share.add")}</button>
    </div>
  `;
}

function Choice({ values, words, ...given }) {
  return html`
    <select class="field" ...${given}>
      ${values.map((one) => html`<option key=${one} value=${one}>${words(one)}</option>`)}
    </select>
  `;
}
