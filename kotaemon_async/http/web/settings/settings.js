// The view "Settings": how answers are made, by which models, what comes in by itself, and who may do what.

import { call } from "../frame/api.js";
import { saidScopes } from "../frame/caller.js";
import { wordsFor } from "../frame/notice.js";
import { href, useTitle } from "../frame/router.js";
import { caller, isOpen, may } from "../frame/session.js";
import { addWords, language, speak, t } from "../frame/strings.js";
import { Empty } from "../frame/ui.js";
import { words as ofSystem } from "../system/words.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Audit } from "./audit.js";
import { Feedback } from "./feedback.js";
import { Keys } from "./keys.js";
import { Links } from "./links.js";
import { Answers, Backups, Folders, SignIn } from "./places.js";
import { words } from "./words.js";

addWords(ofSystem);
addWords(words);

const REFRESH_MS = 10_000;
/** Tab -> what it shows; all but the first are an admin's. */
const TABS = { "": General, keys: Keys, audit: Audit, feedback: Feedback };

/** The view: #settings, #settings/keys, #settings/audit, #settings/feedback. */
export function View({ route }) {
  const tab = route.path[0] in TABS ? route.path[0] : "";
  const Tab = TABS[tab];
  const isHis = tab === "" || may();
  useTitle(tab ? t(`settings.tab.${tab}`) : "");
  return html`
    <section class="view settings">
      <div class="head"><h2>${t("nav.settings")}</h2></div>
      ${may() && html`<${Tabs} now=${tab} />`}
      ${isHis ? html`<${Tab} key=${tab} route=${route} />` : html`<${NotHis} />`}
    </section>
  `;
}

function Tabs({ now }) {
  return html`
    <nav class="tabs" aria-label=${t("settings.tabs")}>
      ${Object.keys(TABS).map((tab) =>
        html`
          <a key=${tab} href=${tab ? href("settings", tab) : href("settings")} data-tab=${tab || "general"}
            aria-current=${tab === now ? "page" : null}>${t(`settings.tab.${tab || "general"}`)}</a>
        `
      )}
    </nav>
  `;
}

function NotHis() {
  return html`
    <div id="not-yours">
      <${Empty} icon="key" title=${t("rights.none")}>
        <p>${t("rights.keys")}</p>
        <a class="go" href=${href("settings")}>${t("rights.go", { view: t("nav.settings") })}</a>
        <//>
        </div>
  `;
}

/** Reads the settings now and then, which are an admin's: {settings, error, take(settings)}. */
function useSettings() {
  const [state, setState] = useState({ settings: null, error: null });
  const changes = useRef(0);
  useEffect(() => {
    if (!may()) return undefined;
    const over = new AbortController();
    const look = async () => {
      const before = changes.current;
      try {
        const settings = await call("GET", "/api/v1/settings", undefined, { signal: over.signal });
        if (before === changes.current) setState({ settings, error: null }); // else it is older than the change
      } catch (error) {
        if (!over.signal.aborted) setState(({ settings }) => ({ settings, error }));
      }
    };
    look();
    const timer = setInterval(() => document.hidden || look(), REFRESH_MS);
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, []);
  const take = (settings) => {
    changes.current += 1;
    setState({ settings, error: null });
  };
  return { ...state, take };
}

function General() {
  const { settings, error, take } = useSettings();
  return html`
    ${error && html`<p class="stale" role="alert">${wordsFor(error).text} ${wordsFor(error).hint}</p>`}
    ${!isOpen() && html`<${Me} />`}
    ${may("ask") && html`<${Links} set=${settings?.links} />`}
    ${may() && (settings || !error) && html`
      <${Answers} settings=${settings} take=${take} />
      <${Folders} folders=${settings?.folders} />
      <${Backups} backups=${settings?.backups} />
      <${SignIn} set=${settings?.sign_in} />
    `}
    <${Looks} />
  `;
}

/** Who it is, and what he may do. */
function Me() {
  const me = caller();
  const groups = [...me.groups].sort().join(t("place.comma"));
  return html`
    <section aria-labelledby="title-me">
      <h3 id="title-me">${t("settings.me")}</h3>
      <dl class="card facts">
        <div><dt>${t("settings.me.user")}</dt><dd dir="auto">${me.user || me.id}</dd></div>
        ${groups && html`
          <div>
            <dt>${t("settings.me.groups")}</dt>
            <dd dir="auto">${groups}</dd>
          </div>
        `}
        <div><dt>${t("settings.me.may")}</dt><dd>${saidScopes(me.scopes)}</dd></div>
      </dl>
    </section>
  `;
}

/** What is this browser's own. */
function Looks() {
  return html`
    <section aria-labelledby="title-looks">
      <h3 id="title-looks">${t("settings.looks")}</h3>
      <div class="card options">
        <label for="page-language">${t("settings.looks.language")}</label>
        <select id="page-language" class="field" value=${language}
          onChange=${(event) => speak(event.currentTarget.value)}>
          <option value="en" lang="en">English</option>
          <option value="zh" lang="zh-CN">中文</option>
        </select>
        <small>${t("settings.looks.hint")}</small>
      </div>
    </section>
  `;
}
