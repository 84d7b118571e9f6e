// What is asked before a key is made or replaced, and the one look at its secret.

import { copied } from "../frame/clipboard.js";
import { open, tell } from "../frame/dialog.js";
import { fill, h, icon } from "../frame/dom.js";
import { NAME } from "../documents/sharing.js";
import { t } from "../frame/strings.js";

const SCOPES = ["ask", "write", "admin"];
const USUAL = ["ask", "write"];
const DAYS = ["", "30", "90", "365"];
const GRACE_H = ["0", "1", "24", "168"];
const DAY_MS = 86_400_000;

/** Asks for {name, user?, groups?, scopes, expires_at?} until `create` takes it; what that gave, or null. */
export function askForNewKey(create) {
  const text = (id, more = {}) =>
    h("input", { id, autocomplete: "off", spellcheck: "false", maxlength: 64, ...more });
  const [name, user, groups] = [
    text("key-name", { required: true, pattern: NAME }),
    text("key-user", { pattern: NAME }),
    text("key-groups", { maxlength: 600 }),
  ];
  const scopes = SCOPES.map((value) =>
    h("input", { type: "checkbox", id: `key-${value}`, value, checked: USUAL.includes(value) })
  );
  const days = choice("key-expires", DAYS, (value) => t(`keys.expires.${value || "never"}`));
  const read = () => {
    const chosen = scopes.filter((one) => one.checked).map((one) => one.value);
    scopes[0].setCustomValidity(chosen.length > 0 ? "" : t("keys.scopes.none"));
    if (!scopes[0].reportValidity()) return null;
    const wanted = { name: name.value.trim(), scopes: chosen };
    const named = groups.value.split(",").map((one) => one.trim()).filter(Boolean);
    if (user.value.trim()) wanted.user = user.value.trim();
    if (named.length > 0) wanted.groups = named;
    if (days.value) wanted.expires_at = new Date(Date.now() + Number(days.value) * DAY_MS).toISOString();
    return create(wanted);
  };
  for (const one of scopes) one.addEventListener("change", () => scopes[0].setCustomValidity(""));
  const field = (node, words, hint = null) =>
    h("div", { class: "field-row" }, h("label", { for: node.id }, words), node, hint && h("small", {}, hint));
  const boxes = scopes.map((box) =>
    h("label", { class: "check" }, box, h("span", {}, t(`scope_of.${box.value}`)))
  );
  const body = [
    field(name, t("keys.name")),
    field(user, t("keys.user"), t("keys.user.hint")),
    field(groups, t("keys.groups"), t("keys.groups.hint")),
    h("fieldset", {}, h("legend", {}, t("keys.scopes")), boxes),
    field(days, t("keys.expires")),
  ];
  return open({ title: t("keys.new.title"), body, go: t("keys.make"), read, focus: name });
}

/** Asks how long the former key is to be valid beside the new one, in hours; what `rotate` gave, or null. */
export function askForGrace(one, rotate) {
  const grace = choice("key-grace", GRACE_H, (value) => t(`keys.grace.${value}`));
  grace.value = "24";
  const body = [h("p", {}, t("keys.rotate.text")), h("label", { for: "key-grace" }, t("keys.grace")), grace];
  return open({
    title: t("keys.rotate.title", { name: one.name }),
    body,
    go: t("keys.rotate"),
    read: () => rotate(Number(grace.value)),
  });
}

/** Shows the secret of a new key, which nobody can see again. */
export function showSecret(made) {
  const secret = h("input", {
    id: "secret",
    readonly: true,
    value: made.key,
    "aria-label": t("keys.secret"),
    onfocus: () => secret.select(),
  });
  const copy = h(
    "button",
    {
      type: "button",
      class: "plain",
      id: "copy-secret",
      onclick: async () => {
        if (!(await copied(made.key))) return secret.select();
        return fill(copy, icon("check"), t("copied"));
      },
    },
    icon("copy"),
    t("copy"),
  );
  return tell({
    title: t("keys.made", { name: made.name }),
    body: [h("p", {}, t("keys.made.text")), h("div", { class: "secret" }, secret, copy)],
  });
}

function choice(id, values, words) {
  return h("select", { id, class: "field" }, values.map((value) => h("option", { value }, words(value))));
}
