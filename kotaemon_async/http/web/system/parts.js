// The components of the service, how each is, and why.

import { health } from "../frame/health.js";
import { age, bytes, clock, code, count, duration, t } from "../frame/language.js";
import { store, useStore } from "../frame/ui.js";
import { html, useEffect, useState } from "../vendor/preact.js";

/**
 * The last report that came, with its time: it stays when the service is not reached any more; `isReached`
 * tells whether the newest try had an answer.
 */
export const known = store({ report: null, atMs: 0, isReached: true });

function hear({ status, report }) {
  if (status === "asking") return;
  const isReached = status !== "unreachable";
  known.set(report?.components ? { report, atMs: Date.now(), isReached } : { isReached });
}
health.subscribe(hear);
hear(health.get());

/** States of a circuit breaker in which a component is not asked; others have states of their own. */
const LEFT_ALONE = ["open", "half_open", "misconfigured"];

/** Components by name, those that need somebody first. */
export function partsOf(report) {
  const order = { down: 0, degraded: 1, ok: 2 };
  return Object.entries(report.components).sort(([, one], [, other]) =>
    order[one.status] - order[other.status]
  );
}

/** The name of a component or model link in words. */
export function partName(name) {
  if (name.startsWith("link.")) return t("part.link", { name: name.slice(5) });
  return code("part", name);
}

/** Why a component is not well, in one sentence. */
export const reasonOf = (part) => (part.code ? code("error", part.code) : code("health", part.status));

/** When it was well last, as a clock shows it; empty when that is not known. */
function sinceOf(part, atMs) {
  const ageS = part.last_success_age_s;
  return typeof ageS === "number" && part.status !== "ok" ? clock(atMs / 1000 - ageS) : "";
}

/** The sentence at the top; with an open incident not all is well. */
export function Headline({ incidents }) {
  const { report, atMs } = useStore(known);
  if (!report) {
    return html`
      <div class="headline" id="headline" aria-live="polite">
        <div class="wait"></div>
      </div>
    `;
  }
  const isIncident = report.status === "ok" && incidents > 0;
  const unwell = isIncident ? [] : partsOf(report).filter(([, part]) => part.status !== "ok");
  return html`
    <div class="headline" id="headline" aria-live="polite" data-status=${isIncident
      ? "degraded"
      : report.status}>
      <p class="title"><i class="dot"></i><strong>${t(
        `system.head.${isIncident ? "incident" : report.status}`,
      )}</strong></p>
      ${unwell.length > 0 && html`<ul>${unwell.map(([name, part]) => reason(name, part, atMs))}</ul>`}
    </div>
  `;
}

function reason(name, part, atMs) {
  const since = sinceOf(part, atMs);
  const hint = part.code ? code("hint", part.code) : "";
  return html`
    <li key=${name} data-part=${name}>
      <p><b>${partName(name)}</b>${` · ${reasonOf(part)}`}${since &&
        ` · ${t("system.since", { time: since })}`}</p>
      ${hint && hint !== part.code?.replaceAll("_", " ") && html`<small>${hint}</small>`}
    </li>
  `;
}

/** The table of all components. */
export function Parts() {
  const { report, atMs } = useStore(known);
  const columns = ["component", "state", "what", "last"];
  return html`
    <div class="parts-frame">
      <table class="parts">
        ${report && html`
          <thead>
            <tr>${columns.map((name) =>
              html`<th key=${name} scope="col">${t(`system.column.${name}`)}</th>`
            )}</tr>
          </thead>
        `}
        <tbody>
          ${report
            ? partsOf(report).map(([name, part]) =>
              html`<${Part} key=${name} name=${name} part=${part} atMs=${atMs} />`
            )
            : html`
              <tr>
                <td>
                  <div class="wait"></div>
                </td>
              </tr>
            `}
        </tbody>
      </table>
    </div>
  `;
}

function Part({ name, part, atMs }) {
  return html`
    <tr data-part=${name} data-status=${part.status}>
      <th scope="row">${partName(name)}</th>
      <td class="how"><i class=${`dot ${part.status}`}></i><span>${code(
        "system.state",
        part.status,
      )}</span></td>
      <td class="why">
        <${Why} part=${part} atMs=${atMs} />
      </td>
      <td class="last">${lastSuccess(part)}</td>
    </tr>
  `;
}

/** What there is to tell: the reason with what it said itself, the breaker, or a figure of its own. */
function Why({ part, atMs }) {
  const isLeftAlone = LEFT_ALONE.includes(part.state);
  const untilMs = atMs + 1000 * (part.retry_in_s ?? 0);
  const breaker = isLeftAlone && html`<${Breaker} state=${part.state} untilMs=${untilMs} />`;
  if (part.status === "ok") return breaker || html`<span class="fact">${factOf(part)}</span>`;
  return html`
    <p>${reasonOf(part)}${breaker && " · "}${breaker}</p>
    ${part.rebuilding && html`<small class="said">${factOf(part)}</small>`}
    ${part.message && html`<small class="said" dir="auto">${part.message}</small>`}
  `;
}

/** Says when something is asked again, as the time goes on. */
export function Breaker({ state, untilMs }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const left = Math.ceil((untilMs - now) / 1000);
  const words = left > 0 ? t("system.again_in", { time: duration(left) }) : t("system.again_next");
  return html`<span class="breaker" data-state=${state}>${code("system.breaker", state)} · ${words}</span>`;
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
  const counted = (name, n) => t(`system.fact.${name}`, { n, count: count(n) });
  if (Array.isArray(part.folders)) return filesOf(part);
  if (part.rebuilding) {
    const { done, total } = part.rebuilding;
    return t("system.fact.rebuilding", { done: count(done), total: count(total) });
  }
  if (typeof part.used_bytes === "number") return t("system.fact.used", { used: bytes(part.used_bytes) });
  if (typeof part.free_bytes === "number") return t("system.fact.free", { free: bytes(part.free_bytes) });
  if (typeof part.count === "number") return counted("vectors", part.count);
  if (typeof part.p99_s === "number") return t("system.fact.lag", { time: duration(part.p99_s) });
  if (typeof part.size_bytes === "number") return t("system.fact.kept", { size: bytes(part.size_bytes) });
  if (typeof part.model === "string") return part.model;
  if (typeof part.entries === "number") return counted("entries", part.entries);
  if (typeof part.kept === "number") return counted("backups", part.kept);
  if (Array.isArray(part.open)) return counted("incidents", part.open.length);
  return "";
}
