// The view "Settings": how answers are made, by which models, what comes in by itself, and who may do what.

import { caller, isOpen, may, saidScopes } from "../frame/access.js";
import { call } from "../frame/api.js";
import { addWords, language, speak, t } from "../frame/language.js";
import { sayError, wordsFor } from "../frame/overlays.js";
import { href, useTitle } from "../frame/router.js";
import { Empty } from "../frame/ui.js";
import { words as ofSystem } from "../system/words.js";
import { html, useState } from "../vendor/preact.js";
import { Keys } from "./keys.js";
import { usePolled } from "./polled.js";
import { Audit, Feedback } from "./records.js";
import { Backups, Folders, Links, Part, Source } from "./service.js";
import { words } from "./words.js";

addWords(ofSystem);
addWords(words);

const PATH = "/api/v1/settings";
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

function General() {
  const { found: settings, error, take } = usePolled(PATH, may());
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

/** How answers are where a question does not say it. */
function Answers({ settings, take }) {
  const answers = settings?.answers;
  return html`
    <${Part} id="answers" title=${t("settings.answers")} hint=${t("settings.answers.hint")}>
      ${answers && html`
        <div class="card options">
          <${Choice} name="length" setting=${answers.length} values=${["short", "normal", "long"]}
            take=${take} />
          <${Choice} name="language" setting=${answers.language} values=${["", "en", "zh"]} take=${take} />
        </div>
      `}
    <//>
  `;
}

/** One choice; what the environment or the file sets is shown as it is. */
function Choice({ name, setting, values, take }) {
  const [isSaving, setSaving] = useState(false);
  const id = `answers-${name}`;
  const label = (value) => t(`settings.${name}.${value || "question"}`);
  const choose = async (value) => {
    setSaving(true);
    try {
      take(await call("PUT", PATH, { answers: { [name]: value } }));
    } catch (error) {
      sayError(error);
    } finally {
      setSaving(false);
    }
  };
  return html`
    <label for=${id}>${t(`settings.${name}`)}</label>
    <select id=${id} class="field" value=${setting.value} disabled=${isSaving || setting.choices.length === 0}
      onChange=${(event) => choose(event.currentTarget.value)}>
      ${values.map((value) => html`<option key=${value} value=${value}>${label(value)}</option>`)}
    </select>
    <span class="said">
      <${Source} setting=${setting} />
      ${setting.source === "page" && html`
        <button type="button" class="quiet" disabled=${isSaving} onClick=${() => choose(null)}>${t(
          "settings.default",
        )}</button>
      `}
    </span>
  `;
}

/** Who is asked who he is. */
function SignIn({ set }) {
  return html`
    <${Part} id="sign-in" title=${t("settings.sign_in")}>
      ${set && html`
        <p class="card none">${t(`settings.sign_in.${set.value}`)} ${set.value !== "open" && html`
          <a href=${href("settings", "keys")}>${t("settings.tab.keys")}</a>
        `}</p>
        <${Source} setting=${set} />
      `}
    <//>
  `;
}
