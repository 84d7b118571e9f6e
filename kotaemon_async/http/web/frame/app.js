// The page: its navigation and the view that the address names.

import { conversations } from "../ask/conversations.js";
import { AskView } from "../ask/view.js";
import { words as ofAsk } from "../ask/words.js";
import { acceptDroppedDocuments, DropCover } from "../documents/drops.js";
import { words as ofDocuments } from "../documents/words.js";
import { html, render, useLayoutEffect } from "../vendor/preact.js";
import { enter, isOpen, may } from "./access.js";
import { NotReached, useModule } from "./again.js";
import { watchHealth } from "./health.js";
import { addWords, t } from "./language.js";
import { Navigation } from "./navigation.js";
import { forget } from "./overlays.js";
import { Overlays, pressed } from "./palette.js";
import { href, nameView, useRoute, useTitle } from "./router.js";
import { Empty, useStore, Waiting } from "./ui.js";

for (const words of [ofAsk, ofDocuments]) addWords(words);

/** View -> what a caller has to be allowed for it to be his, and its component, perhaps loaded only then. */
const VIEWS = {
  ask: { needs: ["ask"], component: AskView },
  documents: {
    needs: ["ask", "write"],
    load: () => import("../documents/view.js").then((found) => found.View),
  },
  system: { needs: ["admin"], load: () => import("../system/system.js").then((found) => found.View) },
  settings: {
    needs: ["ask", "write"],
    load: () => import("../settings/settings.js").then((found) => found.View),
  },
  search: { needs: ["ask"], load: () => import("../search/search.js").then((found) => found.View) },
  reader: { needs: ["ask", "write"], load: () => import("../reader/reader.js").then((found) => found.View) },
};
/** Those that the navigation leads to; the keys are reached by the caller's name. */
const OFFERED = ["ask", "documents", "search", "system", "settings"];

/** The views of this caller. */
const offered = () => OFFERED.filter((name) => name in VIEWS && may(...VIEWS[name].needs));

/** Paths of one's own requests are shown to everybody. */
const isHis = (view, path) => may(...VIEWS[view].needs) || (view === "system" && path[0] === "trace");

/** Keys were a view of their own; such addresses stay good. */
const asNow = (route) => (route.view === "keys" ? { ...route, view: "settings", path: ["keys"] } : route);

function App() {
  const route = asNow(useRoute());
  const isOfDocument = route.view === "documents" && route.path.length > 0;
  const view = isOfDocument ? "reader" : route.view in VIEWS ? route.view : offered()[0];
  const named = isOfDocument ? "documents" : view;
  useLayoutEffect(() => {
    document.documentElement.dataset.view = view;
    nameView(t(`nav.${named}`));
  }, [view]);
  useTitle(useTitleOf(view, route.path));
  return html`
    <a class="skip" href="#main" onClick=${toMain}>${t("skip")}</a>
    <${Navigation} view=${named} offered=${offered()} />
    <main id="main" class="main" tabindex="-1">
      ${isHis(view, route.path)
        ? html`<${View} key=${view} view=${view} route=${route} />`
        : html`<${NotHis} view=${named} />`}
    </main>
    <${Overlays} offered=${offered()} />
    <${DropCover} />
  `;
}

/** What a place in a view is called, where the frame knows it. */
function useTitleOf(view, [first, second]) {
  const { items } = useStore(conversations);
  if (view === "ask") return items?.find(({ id }) => id === first)?.title;
  return view === "system" && first === "trace" && second ? `${t("trace")} ${second.slice(0, 13)}` : "";
}

function toMain(event) {
  event.preventDefault(); // #main is no place of the router's
  document.getElementById("main").focus();
}

/** A view, once its module is there. */
function View({ view, route }) {
  const { value: Loaded, error } = useModule(VIEWS[view].load, VIEWS[view].component);
  if (Loaded) return html`<${Loaded} route=${route} />`;
  return error ? html`<${NotReached} error=${error} />` : html`<${Waiting} label=${t("health.asking")} />`;
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

async function begin() {
  await enter();
  forget("health");
  document.addEventListener("keydown", pressed);
  acceptDroppedDocuments();
  render(html`<${App} />`, document.getElementById("app"));
  watchHealth();
}

begin();
