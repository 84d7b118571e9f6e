// The navigation: the views, the conversations, who is signed in, how the service is.
// On a phone it is a bar at the foot, and all that is no view lies in a sheet over the page.

import { ConversationList } from "../ask/conversations.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { caller, isOpen, may, saidScopes, signOut } from "./access.js";
import { health } from "./health.js";
import { code, count, language, speak, t } from "./language.js";
import { sayError } from "./overlays.js";
import { paletteKey, showPalette } from "./palette.js";
import { href, lastOf, useLayer } from "./router.js";
import { beside, hideSheet, Icon, IconButton, sheet, showSheet, theme, toggleTheme, useStore } from "./ui.js";

/** On a phone these have no room in the bar; they are in the sheet. */
const RARE = ["system", "settings"];

/** `offered` are the views of this caller, `view` is the one that is shown. */
export function Navigation({ view, offered }) {
  const { isOpen: isShown } = useStore(sheet);
  const side = useRef(null);
  useLayer(isShown, hideSheet);
  useEffect(() => {
    if (!isShown) return undefined;
    const behind = [document.getElementById("main"), document.getElementById("views")];
    for (const node of behind) node.inert = true;
    const leave = (event) => event.key === "Escape" && !covered() && hideSheet();
    document.addEventListener("keydown", leave);
    side.current.focus();
    return () => {
      for (const node of behind) node.inert = false;
      document.removeEventListener("keydown", leave);
      document.getElementById("show-sheet")?.focus();
    };
  }, [isShown]);
  return html`
    <nav id="nav" class="nav" aria-label=${t("nav.label")} data-sheet=${isShown ? "open" : null}>
      <div class="brand-row">
        <h1 class="brand"><${Mark} />kotaemon</h1>
        <button type="button" class="quiet" id="to-palette" aria-haspopup="dialog" onClick=${showPalette}
          aria-label=${t("palette.label")} title=${`${t("palette.label")} (${paletteKey})`}>
          <${Icon} name="search" /><kbd>${paletteKey}</kbd>
        </button>
      </div>
      <div class="views" id="views">
        ${offered.map((name) =>
          html`
            <${ViewLink} key=${name} name=${name} isCurrent=${name === view} isRare=${RARE.includes(name)} />
          `
        )}
        <button type="button" class="quiet" id="show-sheet" aria-haspopup="dialog" aria-expanded=${isShown}
          onClick=${showSheet}><${Icon} name="list" /><span>${t("nav.more")}</span></button>
      </div>
      <div class="side" ref=${side} tabindex="-1" role=${isShown ? "dialog" : null}
        aria-modal=${isShown ? "true" : null} aria-label=${isShown ? t("nav.more") : null}>
        <div class="side-head">
          <b>${t("talks.label")}</b>
          <${IconButton} name="search" label=${t("palette.label")} onClick=${fromSheet(showPalette)} />
          <${IconButton} name="close" label=${t("close")} id="hide-sheet" onClick=${hideSheet} />
        </div>
        ${may("ask") && html`<${ConversationList} />`}
        ${isShown && html`
          <div class="rare">
            ${offered.filter((name) => RARE.includes(name)).map((name) =>
              html`<${ViewLink} key=${name} name=${name} isCurrent=${name === view} />`
            )}
          </div>
        `}
        <footer class="foot">
          <${Caller} />
          <${Well} />
          <div class="choices">
            <${LanguageButton} />
            <${ThemeButton} />
          </div>
        </footer>
      </div>
    </nav>
  `;
}

/** The page's own sign: a page of which one line is marked, as in icon.svg. */
function Mark() {
  return html`
    <svg class="mark" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true" focusable="false">
      <rect x="3" y="3" width="26" height="26" rx="6" />
      <path d="M16 3h7a6 6 0 0 1 6 6v14a6 6 0 0 1-6 6h-7z" />
      <path d="M8.500 11h5M8.500 16h5M8.500 21h5" />
      <path d="M19 16h6" />
    </svg>
  `;
}

/** A link to a view: to where one was in it. */
function ViewLink({ name, isCurrent, isRare }) {
  return html`
    <a href=${lastOf(name)} data-view=${name} class=${isRare ? "is-rare" : null}
      aria-current=${isCurrent ? "page" : null} onClick=${hideSheet}>
      <${Icon} name=${name} /><span>${t(`nav.${name}`)}</span>
    </a>
  `;
}

const covered = () => document.querySelector("dialog[open], [popover]:popover-open");

const fromSheet = (act) => () => {
  hideSheet();
  act();
};

/** How the service is, and how many documents can be asked about; those that failed lead to their list. */
function Well() {
  const { status, ready, failed } = useStore(health);
  const number = ready === null ? "" : t("documents.count.ready", { n: ready, count: count(ready) });
  const said = html`<i class="dot"></i><span>${
    [code("health", status), number].filter(Boolean).join(
      " · ",
    )
  }</span>`;
  return html`
    <div class="well" id="well" data-status=${status}>
      ${may() ? html`<a href="#system" onClick=${hideSheet}>${said}</a>` : html`<p>${said}</p>`}
      ${failed > 0 && html`
        <a class="failed" id="to-failed" href=${href("documents", { status: "failed" })}
          onClick=${hideSheet}>${t("documents.tally.failed", { count: count(failed) })}</a>
      `}
    </div>
  `;
}

function LanguageButton() {
  const other = language === "zh" ? "en" : "zh";
  return html`
    <button type="button" class="quiet" id="language" lang=${other} onClick=${() => speak(other)}>${other ===
        "zh"
      ? "中文"
      : "English"}</button>
  `;
}

function ThemeButton() {
  const [shown, setShown] = useState(theme);
  const toggle = () => {
    toggleTheme();
    setShown(theme());
  };
  return html`
    <${IconButton} id="theme" name=${shown === "dark" ? "sun" : "moon"} label=${t(
      "theme.switch",
    )} onClick=${toggle} />
  `;
}

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
