// What people think of answers, for an admin: the verdict, why, and the way to the answer and its trace.

import { call } from "../frame/api.js";
import { clock } from "../frame/format.js";
import { sayError, wordsFor } from "../frame/notice.js";
import { href, replace } from "../frame/router.js";
import { caller, isOpen } from "../frame/session.js";
import { code, t } from "../frame/strings.js";
import { Badge, Icon } from "../frame/ui.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const PATH = "/api/v1/feedback";
const AT_ONCE = 25;
const MOST_AT_ONCE = 200;
const WHICH = ["", "down", "up"];

/** The tab: #settings/feedback?verdict=down. */
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
  const [{ items, cursor, error }, setState] = useState({ items: null, cursor: null, error: null });
  useEffect(() => {
    const over = new AbortController();
    page({ verdict, limit: AT_ONCE }, over.signal).then(
      (found) => setState({ items: found.items, cursor: found.next_cursor, error: null }),
      (error) => over.signal.aborted || setState({ items: null, cursor: null, error }),
    );
    return () => over.abort();
  }, []);
  const readMore = async () => {
    const found = await page({ verdict, limit: AT_ONCE, cursor });
    setState({ items: [...items, ...found.items], cursor: found.next_cursor, error: null });
  };
  if (error) return html`<p class="stale" role="alert">${wordsFor(error).text} ${wordsFor(error).hint}</p>`;
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

function page(query, signal) {
  const given = Object.entries(query).filter(([, value]) => value);
  return call("GET", `${PATH}?${new URLSearchParams(given)}`, undefined, { signal });
}

/** Saves all of it as a file. */
async function save(verdict) {
  const items = [];
  let cursor = null;
  do {
    const found = await page({ verdict, limit: MOST_AT_ONCE, cursor });
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
