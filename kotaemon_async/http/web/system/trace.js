// The path of one request or document: what it did, when, and what held it up.

import { call } from "../frame/api.js";
import { clock, count } from "../frame/format.js";
import { wordsFor } from "../frame/notice.js";
import { go, href } from "../frame/router.js";
import { may } from "../frame/session.js";
import { code, t } from "../frame/strings.js";
import { CopyLink, CopyText, Icon } from "../frame/ui.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { cuts, happened, Log, Steps, time } from "./trace_steps.js";

const RUNNING_EVERY_MS = 2_000;
const KINDS = { ok: "ok", error: "bad", cancelled: "", running: "", unfinished: "warn" };
/** Where one comes from who looks at a path. */
const home = () => (may() ? "system" : may("ask") ? "ask" : "documents");
/** An id of a trace is told from others by its beginning. */
const short = (name) =>
  /^[0-9a-f]{32}$/.test(name) ? name.slice(0, 8) : name.length > 40 ? `${name.slice(0, 40)}…` : name;

/** A field for any id that leads to a path. */
export function TraceSearch({ id }) {
  const find = (event) => {
    event.preventDefault();
    const field = event.currentTarget.elements[id];
    const name = field.value.trim();
    field.value = "";
    if (name) go("system", "trace", name);
  };
  return html`
    <form class="find" role="search" onSubmit=${find}>
      <label class="hidden-words" for=${id}>${t("trace.find")}</label>
      <${Icon} name="search" />
      <input id=${id} class="field" type="search" autocomplete="off" spellcheck="false" maxlength="200"
        dir="auto" placeholder=${t("trace.find.hint")} />
    </form>
  `;
}

/** The path that a name leads to: the id of a trace, a document, an answer or a request. */
export function Trace({ name }) {
  const { trace, error, ask } = useTrace(name);
  const title = useRef(null);
  useEffect(() => title.current.focus(), []);
  const leave = (event) => {
    if (event.key === "Escape" && event.target.tagName !== "INPUT") go(home());
  };
  return html`
    <article class="trace" aria-labelledby="trace-title" onKeyDown=${leave}>
      <div class="head">
        <a class="quiet back" href=${href(home())}><${Icon} name="previous" />${t(`nav.${home()}`)}</a>
        <h2 id="trace-title" ref=${title} tabindex="-1" title=${trace?.trace_id}>
          ${t("trace.title", { id: short(trace?.trace_id ?? name) })}
        </h2>
        <${TraceSearch} id="trace-again" />
      </div>
      <div class="trace-body">
        ${trace
          ? html`<${Found} trace=${trace} />`
          : error
          ? html`<${Failed} error=${error} name=${name} ask=${ask} />`
          : [1, 2, 3, 4].map((n) => html`<div key=${n} class="wait step-wait"></div>`)}
      </div>
    </article>
  `;
}

/** Reads the path, and reads it again while it runs: {trace, error, ask()}. */
function useTrace(name) {
  const [state, setState] = useState({ trace: null, error: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const over = new AbortController();
    const { signal } = over;
    let timer = 0;
    let isRunning = false;
    const later = () => {
      timer = setTimeout(() => (document.hidden ? later() : ask()), RUNNING_EVERY_MS);
    };
    const ask = async () => {
      try {
        const path = `/api/v1/traces/${encodeURIComponent(name)}`;
        const trace = await call("GET", path, undefined, { signal });
        if (signal.aborted) return;
        isRunning = trace.status === "running";
        setState({ trace, error: null });
      } catch (error) {
        if (signal.aborted) return;
        setState((before) => ({ ...before, error }));
      }
      if (isRunning) later();
    };
    ask();
    return () => {
      clearTimeout(timer);
      over.abort();
    };
  }, [round]);
  return { ...state, ask: () => setRound(round + 1) };
}

function Found({ trace }) {
  return html`
    <${Summary} trace=${trace} />
    <${HeldUp} trace=${trace} />
    <${Steps} trace=${trace} />
    <${Log} lines=${trace.logs} />
  `;
}

function Summary({ trace }) {
  const sums = [["steps", trace.spans], ["lines", trace.logs]].map(([name, all]) =>
    t(`trace.${name}`, { n: all.length, count: count(all.length) })
  );
  const documents = [...new Set(trace.spans.map((span) => span.attributes.doc_id).filter(Boolean))];
  return html`
    <div class="trace-sum">
      <span class=${`badge ${KINDS[trace.status]}`} id="trace-status">${code(
        "trace.status",
        trace.status,
      )}</span>
      ${trace.duration_s !== null && html`<b>${time(trace.duration_s)}</b>`}
      <small>${[clock(trace.started_at), ...sums].join(" · ")}${documents.map((id) =>
        html`${" · "}<a key=${id} href=${href("documents", id)}>${id}</a>`
      )}</small>
      <span class="acts">
        <${CopyText} class="trace-id" data-trace=${trace.trace_id} text=${trace.trace_id}
          label=${`${t("trace")} ${trace.trace_id.slice(0, 8)}`} />
        <${CopyText} id="copy-trace" text=${JSON.stringify(trace, null, 2)} label=${t("trace.json")} />
        <${CopyLink} to=${href("system", "trace", trace.trace_id)} />
      </span>
    </div>
  `;
}

/** What held it up, as sentences in their order. */
function HeldUp({ trace }) {
  const all = [
    ...["waits", "retries", "fallbacks"].flatMap((kind) => trace[kind]),
    ...cuts(trace),
  ].sort((one, other) => one.at_s - other.at_s);
  return html`
    ${trace.truncated && html`<p class="small warn">${t("trace.truncated")}</p>`}
    ${all.length > 0 && html`
      <section class="held" aria-labelledby="title-held">
        <h3 id="title-held">${t("trace.held")}</h3>
        <ul>${all.map((one, place) =>
          html`
            <li key=${place} data-event=${one.name}>
              <span class="n">+${time(one.at_s)}</span><span>${happened(one)}</span>
            </li>
          `
        )}</ul>
      </section>
    `}
  `;
}

function Failed({ error, name, ask }) {
  const isUnknown = error.code === "not_found";
  const { text, hint } = isUnknown
    ? { text: t("trace.unknown", { id: name }), hint: t("trace.unknown.hint") }
    : wordsFor(error);
  return html`
    <div class="empty" role="alert">
      <h3>${text}</h3>
      <p>${hint}</p>
      <button type="button" class="plain" onClick=${ask}><${Icon} name="again" />${t("trace.again")}</button>
      ${!isUnknown && error.traceId && html`
        <${CopyText} text=${error.traceId} label=${`${t("trace")} ${error.traceId.slice(0, 8)}`} />
      `}
    </div>
  `;
}
