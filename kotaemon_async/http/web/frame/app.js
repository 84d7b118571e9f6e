// The page: its navigation and the view that the address names.

import { ask } from "../ask/ask.js";
import { conversationList } from "../ask/conversations.js";
import { words as ofAsk } from "../ask/words.js";
import { acceptDroppedDocuments, DropCover } from "../documents/drops.js";
import { words as ofDocuments } from "../documents/words.js";
import { words as ofSystem } from "../system/words.js";
import { html, render, useEffect, useMemo, useState } from "../vendor/preact.js";
import { address } from "./api.js";
import { callerMenu } from "./caller.js";
import { count } from "./format.js";
import { health, watchHealth } from "./health.js";
import { Hosted } from "./hosted.js";
import { forget, sayError } from "./notice.js";
import { go, href, nameView, useRoute } from "./router.js";
import { enter, isOpen, may } from "./session.js";
import { useStore } from "./store.js";
import { addWords, code, language, speak, t } from "./strings.js";
import { theme, toggleTheme } from "./theme.js";
import { Empty, Icon, Waiting } from "./ui.js";

for (const words of [ofAsk, ofDocuments, ofSystem]) addWords(words);

/** What views share: the scope of questions, and where to go. */
const shared = { scope: { collection: null, documentIds: [] }, go, refreshConversations: () => {} };

/** View -> what a caller has to be allowed for it to be his, and its component, perhaps loaded only then. */
const VIEWS = {
  ask: { needs: ["ask"], component: hosting(ask) },
  documents: {
    needs: ["ask", "write"],
    load: () => import("../documents/view.js").then((found) => found.View),
  },
  system: {
    needs: ["admin"],
    load: () => import("../system/system.js").then((found) => hosting(found.system)),
  },
  keys: { needs: ["admin"], load: () => import("../system/keys.js").then((found) => hosting(found.keys)) },
  search: { needs: ["ask"], load: () => import("../search/search.js").then((found) => found.View) },
  reader: { needs: ["ask", "write"], load: () => import("../reader/reader.js").then((found) => found.View) },
};

function hosting(make) {
  return ({ route }) => html`<${Hosted} make=${(rest) => make(shared, rest)} rest=${route.path} />`;
}

/** The views of this caller; the keys are reached by his name. */
const offered = () => ["ask", "search", "documents", "system"].filter((name) => may(...VIEWS[name].needs));

/** Paths of one's own requests are shown to everybody; where no key is asked for there are none to keep. */
function isHis(view, path) {
  const isAllowed = may(...VIEWS[view].needs) && !(view === "keys" && isOpen());
  return isAllowed || (view === "system" && path[0] === "trace");
}

function App() {
  const route = useRoute();
  const isOfDocument = route.view === "documents" && route.path.length > 0;
  const view = isOfDocument ? "reader" : route.view in VIEWS ? route.view : offered()[0];
  const named = isOfDocument ? "documents" : view;
  useEffect(() => {
    document.documentElement.dataset.view = view;
    nameView(t(`nav.${named}`));
  }, [view]);
  return html`
    <a class="skip" href="#main" onClick=${toMain}>${t("skip")}</a>
    <nav id="nav" class="nav" aria-label=${t("nav.label")}>
      <${Navigation} view=${named} />
    </nav>
    <main id="main" class="main" tabindex="-1">
      ${isHis(view, route.path)
        ? html`<${View} key=${view} view=${view} route=${route} />`
        : html`<${NotHis} view=${named} />`}
    </main>
    <${DropCover} />
  `;
}

function toMain(event) {
  event.preventDefault(); // #main is no place of the router's
  document.getElementById("main").focus();
}

/** A view, once its module is there. */
function View({ view, route }) {
  const [Loaded, setLoaded] = useState(() => VIEWS[view].component);
  useEffect(() => {
    if (!Loaded) VIEWS[view].load().then((component) => setLoaded(() => component), sayError);
  }, []);
  return Loaded ? html`<${Loaded} route=${route} />` : html`<${Waiting} label=${t("health.asking")} />`;
}

/** What stands there instead of a view that is not the caller's. */
function NotHis({ view }) {
  const other = offered()[0];
  return html`
    <section class="view" id="not-yours">
      <${Empty} icon="key" title=${t(isOpen() ? "rights.all" : "rights.none")}>
        <p>${t(isOpen() ? "rights.open" : `rights.${view}`)}</p>
        ${other && html`<a class="go" href=${href(other)}>${t("rights.go", { view: t(`nav.${other}`) })}</a>`}
      <//>
    </section>
  `;
}

function Navigation({ view }) {
  const list = useMemo(() => (may("ask") ? conversationList(shared) : null), []);
  if (list) shared.refreshConversations = list.refresh;
  const menu = useMemo(callerMenu, []);
  return html`
    <h1 class="brand"><img src=${address("/web/icon.svg")} alt="" width="22" height="22" />kotaemon</h1>
    <div class="views">
      ${offered().map((name) =>
        html`
          <a key=${name} href=${href(name)} data-view=${name} aria-current=${name === view ? "page" : null}>
            <${Icon} name=${name} /><span>${t(`nav.${name}`)}</span>
          </a>
        `
      )}
    </div>
    ${list && html`<${Hosted} make=${() => list} rest=${[]} />`}
    ${menu && html`<${Hosted} make=${() => ({ node: menu })} rest=${[]} />`}
    <footer class="foot">
      <${Well} />
      <div class="choices">
        <${LanguageButton} />
        <${ThemeButton} />
      </div>
    </footer>
  `;
}

/** How the service is, and how many documents it has. */
function Well() {
  const { status, documents: total } = useStore(health);
  const words = [
    code("health", status),
    total === null ? "" : t("documents.count", { n: total, count: count(total) }),
  ];
  const said = html`<i class="dot"></i><span>${words.filter(Boolean).join(" · ")}</span>`;
  return may()
    ? html`<a class="well" id="well" href="#system" data-status=${status}>${said}</a>`
    : html`<p class="well" id="well" data-status=${status}>${said}</p>`;
}

function LanguageButton() {
  const other = language === "zh" ? "en" : "zh";
  return html`
    <button class="quiet" id="language" lang=${other} onClick=${() => speak(other)}>${other === "zh"
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
    <button class="quiet" id="theme" onClick=${toggle} aria-label=${t("theme.switch")} title=${t(
      "theme.switch",
    )}>
      <${Icon} name=${shown === "dark" ? "sun" : "moon"} />
    </button>
  `;
}

function shortcuts(event) {
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
  if (event.key === "/" && may("ask") && !isTyping && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    go("ask");
    requestAnimationFrame(() => document.getElementById("question")?.focus());
  }
}

async function begin() {
  await enter();
  forget("health");
  document.addEventListener("keydown", shortcuts);
  acceptDroppedDocuments();
  render(html`<${App} />`, document.getElementById("app"));
  watchHealth();
}

begin();
