// Who did what, for an admin: administrative and destructive acts, and refused ones, the newest first.

import { call } from "../frame/api.js";
import { clock } from "../frame/format.js";
import { sayError, wordsFor } from "../frame/notice.js";
import { href } from "../frame/router.js";
import { code, t } from "../frame/strings.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const PATH = "/api/v1/audit";
const AT_ONCE = 25;
const REFRESH_MS = 15_000;

/** The tab. */
export function Audit() {
  const { items, cursor, error, readMore } = useActs();
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

/** The newest acts, read again and again; older ones that were read stay: {items, cursor, error, readMore()}. */
function useActs() {
  const [state, setState] = useState({ items: null, cursor: null, error: null });
  useEffect(() => {
    const over = new AbortController();
    const read = () =>
      call("GET", `${PATH}?limit=${AT_ONCE}`, undefined, { signal: over.signal }).then(
        (found) => setState((before) => withNewest(before, found)),
        (error) => over.signal.aborted || setState((before) => ({ ...before, error })),
      );
    read();
    const timer = setInterval(() => document.hidden || read(), REFRESH_MS);
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, []);
  const readMore = async () => {
    const found = await call("GET", `${PATH}?limit=${AT_ONCE}&cursor=${encodeURIComponent(state.cursor)}`);
    setState((before) => ({
      ...before,
      items: [...before.items, ...found.items],
      cursor: found.next_cursor,
    }));
  };
  return { ...state, readMore };
}

function withNewest({ items, cursor }, found) {
  if (!items?.length) return { items: found.items, cursor: found.next_cursor, error: null };
  const oldest = found.items.at(-1)?.seq ?? 0;
  return { items: [...found.items, ...items.filter((one) => one.seq < oldest)], cursor, error: null };
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
