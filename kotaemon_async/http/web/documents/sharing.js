// With whom a collection is shared: a line above the list, and the dialog that changes it.

import { isOpen, may } from "../frame/access.js";
import { call } from "../frame/api.js";
import { t } from "../frame/language.js";
import { open, sayError } from "../frame/overlays.js";
import { Icon, IconButton } from "../frame/ui.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { drawn } from "./actions.js";
import { collections, foreignOwner, pathOf } from "./collections.js";

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
