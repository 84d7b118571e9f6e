// Who is signed in, at the foot of the navigation: what he may do, the keys for an admin, and the way out.

import { h, icon } from "./dom.js";
import { sayError } from "./notice.js";
import { caller, isOpen, may, signOut } from "./session.js";
import { t } from "./strings.js";

/** The button with its menu; null where everybody may do everything. */
export function callerMenu() {
  if (isOpen()) return null;
  const me = caller();
  const name = me.user || me.id;
  const out = () => signOut().catch(sayError);
  const panel = h(
    "div",
    {
      id: "caller-panel",
      class: "caller-panel",
      popover: "auto",
      role: "dialog",
      "aria-label": t("caller.label", { name }),
    },
    h(
      "p",
      {},
      h("b", {}, h("bdi", {}, name)),
      me.groups.length > 0 &&
        h("small", {}, t("caller.groups", { n: me.groups.length, groups: [...me.groups].sort().join(", ") })),
      h("small", {}, saidScopes(me.scopes)),
    ),
    may() && h(
      "a",
      {
        class: "quiet",
        id: "to-keys",
        href: "#keys",
        onclick: () => panel.hidePopover(),
      },
      icon("key"),
      t("nav.keys"),
    ),
    me.signed_in_by === "session" &&
      h(
        "button",
        { type: "button", class: "quiet", id: "sign-out", onclick: out },
        icon("leave"),
        t("caller.out"),
      ),
    me.signed_in_by === "proxy" && h("small", {}, t("caller.proxy")),
  );
  const button = h(
    "button",
    {
      type: "button",
      class: "quiet",
      id: "caller",
      popovertarget: "caller-panel",
      "aria-haspopup": "dialog",
      title: t("caller.label", { name }),
    },
    icon("person"),
    h("span", {}, h("bdi", {}, name)),
  );
  panel.addEventListener("beforetoggle", () => place(panel, button));
  return h("div", { class: "caller" }, button, panel);
}

/** The scopes in words: all of them are said in one. */
export function saidScopes(scopes) {
  if (scopes.includes("admin")) return t("scope_of.admin");
  return [...scopes].sort().map((one) => t(`scope_of.${one}`)).join(t("place.comma"));
}

/** Above its button. */
function place(panel, button) {
  const at = button.getBoundingClientRect();
  Object.assign(panel.style, {
    left: `${Math.max(8, Math.min(at.left, innerWidth - 268))}px`,
    bottom: `${innerHeight - at.top + 6}px`,
  });
}
