// Who is signed in, at the foot of the navigation: what he may do, the keys for an admin, and the way out.

import { html, useRef } from "../vendor/preact.js";
import { sayError } from "./notice.js";
import { caller, isOpen, may, signOut } from "./session.js";
import { hideSheet } from "./sheet.js";
import { t } from "./strings.js";
import { beside, Icon } from "./ui.js";

/** The button with its menu; nothing where nobody signs in. */
export function Caller() {
  const [panel, button] = [useRef(null), useRef(null)];
  if (isOpen()) return null;
  const me = caller();
  const name = me.user || me.id;
  const groups = [...me.groups].sort().join(t("place.comma"));
  const label = t("caller.label", { name });
  const hide = () => {
    panel.current.hidePopover();
    hideSheet();
  };
  return html`
    <div class="caller">
      <button type="button" class="quiet" id="caller" ref=${button} popovertarget="caller-panel"
        aria-haspopup="dialog" title=${label}><${Icon} name="person" /><bdi>${name}</bdi></button>
      <div id="caller-panel" class="caller-panel" ref=${panel} popover="auto" role="dialog"
        aria-label=${label}
        onToggle=${({ newState }) => newState === "open" && beside(panel.current, button.current)}>
        <p>
          <b><bdi>${name}</bdi></b>
          ${groups && html`<small>${t("caller.groups", { n: me.groups.length, groups })}</small>`}
          <small>${saidScopes(me.scopes)}</small>
        </p>
        ${may() && html`
          <a class="quiet" id="to-keys" href="#settings/keys"
            onClick=${hide}><${Icon} name="key" />${t(
              "nav.keys",
            )}</a>
        `}
        ${me.signed_in_by === "session" && html`
          <button type="button" class="quiet" id="sign-out" onClick=${() => signOut().catch(sayError)}>
            <${Icon} name="leave" />${t("caller.out")}
          </button>
        `}
        ${me.signed_in_by === "proxy" && html`<small>${t("caller.proxy")}</small>`}
      </div>
    </div>
  `;
}

/** The scopes in words: all of them are said in one. */
export function saidScopes(scopes) {
  if (scopes.includes("admin")) return t("scope_of.admin");
  return [...scopes].sort().map((one) => t(`scope_of.${one}`)).join(t("place.comma"));
}
