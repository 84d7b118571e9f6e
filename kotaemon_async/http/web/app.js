// The page: its navigation, its views, and what all of them share.

import { address, call } from "./api.js";
import { ask } from "./ask.js";
import { callerMenu } from "./caller.js";
import { collections } from "./collections.js";
import { conversationList } from "./conversations.js";
import { documents } from "./documents.js";
import { fill, h, icon } from "./dom.js";
import { count } from "./format.js";
import { keys } from "./keys.js";
import { forget, say } from "./notice.js";
import { enter, isOpen, may } from "./session.js";
import { code, language, speak, t } from "./strings.js";
import { system } from "./system.js";
import { theme, toggleTheme } from "./theme.js";
import { acceptDroppedDocuments } from "./upload_choice.js";

const VIEWS = { ask, documents, system, keys };
/** What a caller has to be allowed for a view to be his. */
const NEEDS = { ask: ["ask"], documents: ["ask", "write"], system: ["admin"], keys: ["admin"] };
const HEALTH_EVERY_MS = 10_000;

/** What views share: the scope of questions, and where to go. */
const shared = { scope: { collection: null, documentIds: [] }, go, refreshConversations: () => {} };
let shown = { name: "", close: () => {} };

/** The place in the address: view, and what it shows, e.g. #ask/conv_1 or #system/trace/4bf9. */
function place() {
  const [name, ...rest] = location.hash.slice(1).split("/").map(decodeURIComponent);
  return { name: name in VIEWS ? name : offered()[0], rest };
}

/** The views of this caller; the keys are reached by his name. */
const offered = () => ["ask", "documents", "system"].filter((name) => may(...NEEDS[name]));

/** Paths of one's own requests are shown to everybody; where no key is asked for there are none to keep. */
const isHis = (name, rest) => (may(...NEEDS[name]) && !(name === "keys" && isOpen())) || (name === "system" && rest[0] === "trace");

/** What stands there instead of a view that is not the caller's. */
function notHis(name) {
  const other = offered()[0];
  const back = other && h("a", { class: "go", href: `#${other}` }, t("rights.go", { view: t(`nav.${other}`) }));
  return h("section", { class: "view" }, h("div", { class: "empty", id: "not-yours" }, icon("key"), h("h2", {}, t(isOpen() ? "rights.all" : "rights.none")), h("p", {}, t(isOpen() ? "rights.open" : `rights.${name}`)), back));
}

/** Goes to a view and what it shows. */
function go(name, ...rest) {
  location.hash = [name, ...rest].map(encodeURIComponent).join("/");
}

function show() {
  const { name, rest } = place();
  document.documentElement.dataset.view = name;
  for (const link of document.querySelectorAll(".nav [data-view]")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${t(`nav.${name}`)} · kotaemon`;
  const isShown = isHis(name, rest);
  if (isShown && shown.name === name && shown.moved) return shown.moved(rest);
  shown.close?.();
  if (!isShown) {
    shown = { name: "" };
    return fill(document.getElementById("main"), notHis(name));
  }
  const view = VIEWS[name](shared, rest);
  shown = { name, close: view.close, moved: view.moved };
  fill(document.getElementById("main"), view.node);
  view.shown?.();
  return undefined;
}

function navigation() {
  const link = (name) => h("a", { href: `#${name}`, dataset: { view: name } }, icon(name), h("span", {}, t(`nav.${name}`)));
  const list = may("ask") ? conversationList(shared) : null;
  if (list) shared.refreshConversations = list.refresh;
  const well = [h("i", { class: "dot" }), h("span", {}, t("health.asking"))];
  const other = language === "zh" ? "en" : "zh";
  return [
    h("h1", { class: "brand" }, h("img", { src: address("/web/icon.svg"), alt: "", width: 22, height: 22 }), "kotaemon"),
    h("div", { class: "views" }, offered().map(link)),
    list?.node,
    callerMenu(),
    h("footer", { class: "foot" },
      may() ? h("a", { class: "well", id: "well", href: "#system" }, well) : h("p", { class: "well", id: "well" }, well),
      h("div", { class: "choices" },
        h("button", { class: "quiet", id: "language", lang: other, onclick: () => speak(other) }, other === "zh" ? "中文" : "English"),
        h("button", { class: "quiet", id: "theme", onclick: switchTheme, "aria-label": t("theme.switch"), title: t("theme.switch") }, themeIcon()),
      ),
    ),
  ];
}

const themeIcon = () => icon(theme() === "dark" ? "sun" : "moon");

function switchTheme(event) {
  toggleTheme();
  fill(event.currentTarget, themeIcon());
}

/** Asks how the service is, now and then, for the dot in the corner; says when it is lost and when it is back. */
async function watchHealth() {
  let wasReached = true;
  for (;;) {
    let report = null;
    if (!document.hidden) {
      report = await call("GET", "/healthz").catch(reportOf);
      const isReached = report.status !== "unreachable";
      if (isReached !== wasReached) say(isReached ? t("health.back") : t("health.lost"), { lasting: !isReached, key: "health" });
      wasReached = isReached;
      await showHealth(report);
    }
    await pause(HEALTH_EVERY_MS / (wasReached ? 1 : 5));
  }
}

/** Until the time is over, or the browser loses or finds its network. */
function pause(ms) {
  const over = new AbortController();
  const end = new Promise((again) => {
    setTimeout(again, ms);
    for (const name of ["online", "offline"]) window.addEventListener(name, again, { signal: over.signal });
  });
  return end.finally(() => over.abort());
}

/** A report comes with 503, too, when a core part is down. */
const reportOf = (error) => (error.body?.components ? error.body : { status: error.status ? "down" : "unreachable" });

async function showHealth(report) {
  const well = document.getElementById("well");
  well.dataset.status = report.status;
  document.dispatchEvent(new CustomEvent("health", { detail: report }));
  const found = report.status === "unreachable" ? null : await collections.read();
  const total = found?.reduce((sum, one) => sum + one.documents, 0);
  const words = found ? `${code("health", report.status)} · ${t("documents.count", { n: total, count: count(total) })}` : code("health", report.status);
  well.lastChild.textContent = words;
}

function shortcuts(event) {
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
  if (event.key === "/" && may("ask") && !isTyping && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    go("ask");
    requestAnimationFrame(() => document.getElementById("question")?.focus());
  }
}

for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
await enter();
forget("health");
document.getElementById("nav").setAttribute("aria-label", t("nav.label"));
fill(document.getElementById("nav"), navigation());
window.addEventListener("hashchange", show);
document.addEventListener("keydown", shortcuts);
acceptDroppedDocuments(shared);
show();
watchHealth();
