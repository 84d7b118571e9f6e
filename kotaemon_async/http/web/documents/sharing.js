// With whom a collection is shared: a line above the list, and the dialog that changes it.

import { call } from "../frame/api.js";
import { collections, foreignOwner, pathOf } from "./collections.js";
import { open } from "../frame/dialog.js";
import { h, icon } from "../frame/dom.js";
import { sayError } from "../frame/notice.js";
import { isOpen, may } from "../frame/session.js";
import { t } from "../frame/strings.js";

const KINDS = ["user", "group"];
const RIGHTS = ["read", "write"];
/** What the service takes as the name of a user or a group. */
export const NAME = "[\\p{L}\\p{N}_][\\p{L}\\p{N}_ .@\\-]{0,63}";

/** Whether the caller may say who shares the collection. */
export const mayShare = (name) => !isOpen() && may("write") && collections.get(name)?.rights === "own";

/** {node, show(name)}: whose the collection is and who shares it; hidden without a name. */
export function sharingLine() {
  const words = h("span", {});
  const button = h("button", { type: "button", class: "quiet", id: "share" }, icon("share"), t("share.go"));
  const node = h("p", { class: "sharing", hidden: true }, words, button);
  const known = new Map();
  let shown = "";
  const show = (name) => {
    const one = name && !isOpen() ? collections.get(name) : null;
    shown = name;
    node.hidden = !one;
    if (!one) return;
    const now = saidSharing(one, known.get(name)?.shares ?? []);
    if (words.textContent !== now) words.textContent = now;
    button.hidden = !mayShare(name);
    if (one.access === "shared" && mayShare(name) && !known.has(name)) learn(name);
  };
  const put = (name, one) => {
    known.set(name, one);
    if (name === shown) show(name);
  };
  const learn = (name) => {
    known.set(name, null);
    call("GET", pathOf(name)).then((one) => put(name, one), () => known.delete(name));
  };
  button.addEventListener("click", () => share(shown).then((one) => one && put(one.name, one), sayError));
  return { node, show };
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
  const rows = h("ul", { class: "shares" }, now.shares.map(shareRow));
  const everybody = select(
    "share-public",
    ["", ...RIGHTS],
    now.public ?? "",
    (value) => t(`share.public.${value || "none"}`),
  );
  const fresh = newShare((one) => rows.append(shareRow(one)));
  const read = async () => {
    if (!fresh.take()) return null;
    const shares = [...rows.children].map((row) => ({
      [row.dataset.kind]: row.dataset.name,
      rights: row.querySelector("select").value,
    }));
    const changed = await call("PATCH", pathOf(name), { public: everybody.value || null, shares });
    await collections.read();
    return changed;
  };
  const body = [
    h("label", { for: "share-public" }, t("share.public")),
    everybody,
    h("h3", {}, t("share.with")),
    rows,
    fresh.node,
    h("small", {}, t("share.hint")),
  ];
  return open({
    title: t("share.title", { name: `\u2068${name}\u2069` }),
    body,
    go: t("share.save"),
    read,
    focus: fresh.input,
  });
}

function shareRow(one) {
  const kind = one.user ? "user" : "group";
  const name = one[kind];
  const node = h(
    "li",
    { dataset: { kind, name } },
    h("span", {}, h("bdi", {}, name), kind === "group" && h("small", {}, t("share.group"))),
    select(null, RIGHTS, one.rights, (value) => t(`share.rights.${value}`), t("share.rights", { name })),
    h("button", {
      type: "button",
      class: "quiet",
      "aria-label": t("share.end", { name }),
      title: t("share.end", { name }),
      onclick: () => node.remove(),
    }, icon("close")),
  );
  return node;
}

/** The fields for one more: {node, input, take}; `take()` adds what is written there, if it is a name. */
function newShare(add) {
  const input = h("input", {
    id: "share-name",
    pattern: NAME,
    maxlength: 64,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: t("share.name"),
    "aria-label": t("share.name"),
    onkeydown: (event) => event.key === "Enter" && input.value.trim() && (event.preventDefault(), take()),
  });
  const kind = select("share-kind", KINDS, "user", (value) => t(`share.kind.${value}`), t("share.kind"));
  const rights = select(
    "share-rights",
    RIGHTS,
    "read",
    (value) => t(`share.rights.${value}`),
    t("share.rights.new"),
  );
  const take = () => {
    const name = input.value.trim();
    if (!input.reportValidity()) return false;
    if (name) add({ [kind.value]: name, rights: rights.value });
    input.value = "";
    return true;
  };
  return {
    node: h(
      "div",
      { class: "new-share" },
      input,
      kind,
      rights,
      h("button", { type: "button", class: "plain", id: "share-add", onclick: take }, t("share.add")),
    ),
    input,
    take,
  };
}

function select(id, values, value, words, label = null) {
  const node = h(
    "select",
    { id, class: "field", "aria-label": label },
    values.map((one) => h("option", { value: one }, words(one))),
  );
  node.value = value;
  return node;
}
