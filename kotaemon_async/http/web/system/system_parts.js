// The components of the service, how each is, and why.

import { fill, h } from "../frame/dom.js";
import { age, bytes, clock, count, duration } from "../frame/format.js";
import { health, partsOf } from "./health_memory.js";
import { code, t } from "../frame/strings.js";

/** The name of a component or model link in words. */
export function partName(name) {
  if (name.startsWith("link.")) return t("part.link", { name: name.slice(5) });
  return code("part", name);
}

/** Why a component is not well, in one sentence. */
export function reasonOf(part) {
  return part.code ? code("error", part.code) : code("health", part.status);
}

/** When it was well last, as a clock shows it; empty when that is not known. */
export function sinceOf(part) {
  const ageS = part.last_success_age_s;
  return typeof ageS === "number" && part.status !== "ok" ? clock(health.atMs / 1000 - ageS) : "";
}

/** The sentence at the top: {status, title, reasons}; with an open incident not all is well. */
export function headline(incidents) {
  const { report } = health;
  const unwell = partsOf(report).filter(([, part]) => part.status !== "ok");
  if (report.status === "ok" && incidents > 0) {
    return { status: "degraded", title: t("system.head.incident"), reasons: [] };
  }
  return { status: report.status, title: t(`system.head.${report.status}`), reasons: unwell.map(reason) };
}

function reason([name, part]) {
  const since = sinceOf(part);
  const hint = part.code ? code("hint", part.code) : "";
  return h(
    "li",
    { dataset: { part: name } },
    h(
      "p",
      {},
      h("b", {}, partName(name)),
      ` · ${reasonOf(part)}`,
      since && ` · ${t("system.since", { time: since })}`,
    ),
    hint && hint !== part.code?.replaceAll("_", " ") && h("small", {}, hint),
  );
}

/** The list of all components. */
export function partList(node) {
  const row = ([name, part]) =>
    h(
      "tr",
      { dataset: { part: name, status: part.status } },
      h("th", { scope: "row" }, partName(name)),
      h(
        "td",
        { class: "how" },
        h("i", { class: `dot ${part.status}` }),
        h("span", {}, code("system.state", part.status)),
      ),
      h("td", { class: "why" }, why(part)),
      h("td", { class: "last" }, lastSuccess(part)),
    );
  fill(
    node,
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["component", "state", "what", "last"].map((name) =>
          h("th", { scope: "col" }, t(`system.column.${name}`))
        ),
      ),
    ),
    h("tbody", {}, partsOf(health.report).map(row)),
  );
}

/** What there is to tell: the reason with what it said itself, the breaker, or a figure of its own. */
function why(part) {
  const breaker = breakerOf(part);
  if (part.status === "ok") return [breaker, !breaker && h("span", { class: "fact" }, factOf(part))];
  return [
    h("p", {}, reasonOf(part), breaker && " · ", breaker),
    part.rebuilding && h("small", { class: "said" }, factOf(part)),
    part.message && h("small", { class: "said" }, part.message),
  ];
}

function breakerOf(part) {
  if (!part.state || part.state === "closed") return null;
  const until = health.atMs + 1000 * (part.retry_in_s ?? 0);
  const node = h("span", { class: "breaker", dataset: { state: part.state, until: String(until) } });
  countDown(node);
  return node;
}

/** Says when something is asked again, as the time goes on. */
export function countDown(node) {
  const left = Math.ceil((Number(node.dataset.until) - Date.now()) / 1000);
  const words = left > 0 ? t("system.again_in", { time: duration(left) }) : t("system.again_next");
  fill(node, `${code("system.breaker", node.dataset.state)} · ${words}`);
}

function lastSuccess(part) {
  const ageS = part.last_success_age_s;
  if (ageS === undefined) return "";
  if (ageS === null) return t("system.never");
  return ageS < 1 ? t("time.now") : t("system.ago", { age: age(ageS) });
}

/** How many files of followed folders are documents, wait, and cannot be read. */
function filesOf(part) {
  const sum = (figure) => part.folders.reduce((total, folder) => total + figure(folder), 0);
  const waiting = sum((folder) => folder.waiting);
  const refused = sum((folder) => (folder.refused?.count ?? 0) + (folder.unreadable?.count ?? 0));
  return [
    t("system.fact.files", { n: part.files, count: count(part.files) }),
    waiting && t("system.fact.files_waiting", { count: count(waiting) }),
    refused && t("system.fact.files_refused", { count: count(refused) }),
  ].filter(Boolean).join(" · ");
}

/** The one figure that says most about a healthy component. */
function factOf(part) {
  if (Array.isArray(part.folders)) return filesOf(part);
  if (part.rebuilding) {
    return t("system.fact.rebuilding", {
      done: count(part.rebuilding.done),
      total: count(part.rebuilding.total),
    });
  }
  if (typeof part.used_bytes === "number") return t("system.fact.used", { used: bytes(part.used_bytes) });
  if (typeof part.free_bytes === "number") return t("system.fact.free", { free: bytes(part.free_bytes) });
  if (typeof part.count === "number") {
    return t("system.fact.vectors", { n: part.count, count: count(part.count) });
  }
  if (typeof part.p99_s === "number") return t("system.fact.lag", { time: duration(part.p99_s) });
  if (typeof part.size_bytes === "number") return t("system.fact.kept", { size: bytes(part.size_bytes) });
  if (typeof part.model === "string") return part.model;
  if (typeof part.entries === "number") {
    return t("system.fact.entries", { n: part.entries, count: count(part.entries) });
  }
  if (typeof part.kept === "number") {
    return t("system.fact.backups", { n: part.kept, count: count(part.kept) });
  }
  if (Array.isArray(part.open)) {
    return t("system.fact.incidents", { n: part.open.length, count: count(part.open.length) });
  }
  return "";
}
