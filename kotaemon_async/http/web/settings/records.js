// What was done and said, for an admin, the newest first: who did what, and what people think of answers.

import { caller, isOpen } from "../frame/access.js";
import { call } from "../frame/api.js";
import { clock, code, t } from "../frame/language.js";
import { sayError, wordsFor } from "../frame/overlays.js";
import { href, replace } from "../frame/router.js";
import { Badge, Icon } from "../frame/ui.js";
import { html } from "../vendor/preact.js";
import { addressOf, usePages } from "./polled.js";

const AUDIT = "/api/v1/audit";
const FEEDBACK = "/api/v1/feedback";
const MOST_AT_ONCE = 200;
const WHICH = ["", "down", "up"];

/** Who did what: administrative and destructive acts, and refused ones. */
export function Audit() {
  const { items, cursor, error, readMore } = usePages(AUDIT, {}, (one) => one.seq);
  return html`
    <section aria-labelledby="title-audit" id="audit">
      <h3 id="title-audit">${t("audit.title")}</h3>
      <p class="hint">${t("audit.hint")}</p>
      <div class="parts-frame">
        <table class="parts">
          <thead><tr>${["at", "who", "what", "result"].map((name) =>
            html`<th key=${name} scope="col">${t(`audit.column.${name}`)}</th>`
          )}</tr></thead>
          <tbody>
            ${!items && html`
              <tr>
                <td colspan="4">${error ? wordsFor(error).text : html`<div class="wait"></div>`}</td>
              </tr>
            `}
            ${items?.length === 0 && html`
              <tr>
                <td colspan="4">${t("audit.none")}</td>
              </tr>
            `}
            ${items?.map((one) => html`<${Act} key=${one.seq} one=${one} />`)}
          </tbody>
        </table>
      </div>
      ${cursor && html`
        <button type="button" class="plain" id="audit-more" onClick=${() => readMore().catch(sayError)}>${t(
          "system.more",
        )}</button>
      `}
    </section>
  `;
}

function Act({ one }) {
  const isGood = one.result === "ok";
  const from = [one.user && one.caller !== one.user && one.caller, one.address].filter(Boolean).join(" · ");
  return html`
    <tr data-action=${one.action} data-status=${isGood ? "ok" : "refused"}>
      <td class="last">${one.trace_id
        ? html`<a href=${href("system", "trace", one.trace_id)} title=${t("trace")}>${clock(one.at)}</a>`
        : clock(one.at)}</td>
      <td><bdi>${one.user || one.caller}</bdi><small dir="auto">${from}</small></td>
      <td>
        <span title=${one.action}>${code("audit.action", one.action)}</span>
        <small><bdi>${one.object}</bdi></small>
      </td>
      <td><span class=${`badge ${isGood ? "" : "warn"}`} title=${one.result}>${isGood
        ? t("audit.ok")
        : code("error", one.result)}</span></td>
    </tr>
  `;
}

/** What people think of answers: #settings/feedback?verdict=down. */
export function Feedback({ route }) {
  const verdict = WHICH.includes(route.query.verdict) ? route.query.verdict : "";
  return html`
    <section aria-labelledby="title-feedback" id="feedback">
      <div class="head">
        <h3 id="title-feedback">${t("opinions.title")}</h3>
        <label class="hidden-words" for="feedback-which">${t("opinions.which")}</label>
        <select id="feedback-which" class="field" value=${verdict}
          onChange=${(event) => replace("settings", "feedback", { verdict: event.currentTarget.value })}>
          ${WHICH.map((one) =>
            html`<option key=${one} value=${one}>${t(`opinions.which.${one || "all"}`)}</option>`
          )}
        </select>
        <button type="button" class="plain" id="save-feedback" onClick=${() => save(verdict).catch(sayError)}>
          <${Icon} name="save" />${t("opinions.save")}
        </button>
      </div>
      <p class="hint">${t("opinions.hint")}</p>
      <${Opinions} key=${verdict} verdict=${verdict} />
    </section>
  `;
}

function Opinions({ verdict }) {
  const { items, cursor, error, readMore } = usePages(FEEDBACK, { verdict }, (one) => one.answer_id);
  if (error && !items) {
    return html`<p class="stale" role="alert">${wordsFor(error).text} ${wordsFor(error).hint}</p>`;
  }
  if (!items) return html`<div class="card wait part-wait"></div>`;
  return html`
    ${items.length === 0 && html`<p class="card none">${t("opinions.none")}</p>`}
    <ul class="cards">${items.map((one) => html`<${Opinion} key=${one.answer_id} one=${one} />`)}</ul>
    ${cursor && html`
      <button type="button" class="plain" onClick=${() => readMore().catch(sayError)}>${t(
        "system.more",
      )}</button>
    `}
  `;
}

function Opinion({ one }) {
  // What was asked in a conversation opens for whose it is.
  const isOwn = one.conversation_id && (isOpen() || one.user === caller().user);
  const words = one.reason && code("feedback", one.reason);
  return html`
    <li class="card" data-answer=${one.answer_id} data-verdict=${one.verdict}>
      <p class="title">
        <${Badge} kind=${one.verdict === "up" ? "ok" : "warn"}>${t(`opinions.verdict.${one.verdict}`)}<//>
        ${words && html`<b dir="auto">${words}</b>`}
        <small>${[one.user, clock(one.at), one.link].filter(Boolean).join(" · ")}</small>
      </p>
      ${one.comment && html`<p class="comment" dir="auto">${one.comment}</p>`}
      <details>
        <summary dir="auto">${one.question}</summary>
        <p class="answer" dir="auto">${one.answer}</p>
      </details>
      <p class="links">
        ${isOwn &&
          html`<a href=${href("ask", one.conversation_id, one.answer_id)}>${t("opinions.answer")}</a>`}
        <a href=${href("system", "trace", one.trace_id)}>${t("opinions.trace")}</a>
      </p>
    </li>
  `;
}

/** Saves all of it as a file. */
async function save(verdict) {
  const items = [];
  let cursor = null;
  do {
    const found = await call("GET", addressOf(FEEDBACK, { verdict, limit: MOST_AT_ONCE, cursor }));
    items.push(...found.items);
    cursor = found.next_cursor;
  } while (cursor);
  const file = new Blob([JSON.stringify(items, null, 2)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = "feedback.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
