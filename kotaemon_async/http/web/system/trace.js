// The path of one request or document: what it did, when, and what held it up.

import { may } from "../frame/access.js";
import { call } from "../frame/api.js";
import { clock, code, count, duration, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { go, href } from "../frame/router.js";
import { CopyLink, CopyText, Icon } from "../frame/ui.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const RUNNING_EVERY_MS = 2_000;
const KINDS = { ok: "ok", error: "bad", cancelled: "", running: "", unfinished: "warn" };
const AT_ONCE = 300;
const MARKED = ["waits", "retry", "recovered", "fallback", "lane_lost", "cache_hit", "answer_shared"];
/** Names with something of whoever runs the service in them: the first word decides. */
const OPEN_NAMES = ["link", "chat", "parser", "vectors"];
const LOUD = { warning: "warn", error: "bad", critical: "bad" };

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

/** 0.3 ms, 14 ms, 1.8 s: short times as they are. */
const time = (seconds) =>
  seconds > 0 && seconds < 0.001 ? `${(1000 * seconds).toFixed(1)} ms` : duration(seconds);

/** A step's name in words. */
function stepName(name) {
  const [first, ...rest] = name.split(" ");
  const whole = code("step", name);
  if (whole !== name.replaceAll("_", " ")) return whole;
  return OPEN_NAMES.includes(first) && rest.length ? t(`step.of.${first}`, { name: rest.join(" ") }) : name;
}

/** An event as a sentence. */
function happened({ name, attributes }) {
  if (name === "waits") return waited(attributes);
  if (name === "cut") return t("trace.cut", attributes);
  if (name === "retry" && attributes.attempt) return t("event.retry.attempt", attributes);
  if (name === "retry") {
    return t(`event.retry.${attributes.outcome === "healed" ? "healed" : "failed"}`, attributes);
  }
  const values = Object.entries(attributes).map(([key, value]) => [key, code("error", value)]);
  const component = code("part", attributes.component ?? "");
  return t(`event.${name}`, { ...Object.fromEntries(values), component });
}

/** The ends of processes that cut something off, as events. */
function cuts(trace) {
  const ends = new Set(trace.spans.map((span) => span.process_ended_at).filter(Boolean));
  return [...ends].map((at) => ({
    name: "cut",
    at_s: Math.max(0, (Date.parse(at) - Date.parse(trace.started_at)) / 1000),
    attributes: { time: clock(at) },
  }));
}

function waited({ kind, code: why, cause, wait_s: waitS }) {
  const reason = why ? code("error", why) : cause ? code("wait.cause", cause) : code("wait.kind", kind);
  return waitS ? t("event.waits.for", { reason, time: duration(waitS) }) : t("event.waits", { reason });
}

/** The whole waterfall. */
function Steps({ trace }) {
  const [isWhole, setWhole] = useState(false);
  const beganMs = Date.parse(trace.started_at);
  const wholeS = Math.max(
    0.000_001,
    ...trace.spans.map((span) => span.starts_s + (span.duration_s ?? 0)),
    trace.duration_s ?? (Date.now() - beganMs) / 1000,
  );
  const parents = new Set(trace.spans.map((span) => span.parent_id));
  const shown = isWhole ? trace.spans : trace.spans.slice(0, AT_ONCE);
  const left = trace.spans.length - shown.length;
  return html`
    <section class="waterfall" aria-labelledby="title-steps">
      <h3 id="title-steps">${t("trace.what")}</h3>
      <div class="card">
        <div class="axis" aria-hidden="true">
          <div class="ticks">${[0, 0.25, 0.5, 0.75, 1].map((part) =>
            html`
              <span key=${part} style=${{ left: `${100 * part}%` }}>${part === 0
                ? "0"
                : time(part * wholeS)}</span>
            `
          )}</div>
        </div>
        <ol class="steps" role="list">${shown.map((span) =>
          html`
            <${Step} key=${span.span_id} span=${span} beganMs=${beganMs} wholeS=${wholeS}
              isParent=${parents.has(span.span_id)} />
          `
        )}</ol>
        ${left > 0 && html`
          <button type="button" class="plain" onClick=${() => setWhole(true)}>${t("trace.more", {
            count: count(left),
          })}</button>
        `}
      </div>
    </section>
  `;
}

function Step({ span, beganMs, wholeS, isParent }) {
  const took = span.duration_s === null ? code("trace.status", span.status) : time(span.duration_s);
  const lastS = span.duration_s ?? lasted(span, beganMs, wholeS);
  const bar = {
    left: `${Math.min(99.6, (100 * span.starts_s) / wholeS)}%`,
    width: `${Math.max(0, Math.min(100, (100 * lastS) / wholeS))}%`,
  };
  const marks = span.events.filter((one) => MARKED.includes(one.name));
  return html`
    <li data-span=${span.name} data-status=${span.status}>
      <details data-key=${span.span_id}>
        <summary>
          <span class="what" title=${span.name}
            style=${{ paddingInlineStart: `${Math.min(span.depth, 12) * 14}px` }}>
            <span class="hidden-words">${t("trace.depth", { n: span.depth + 1 })}</span>${stepName(
              span.name,
            )}${mishap(span)}
          </span>
          <span class="track" aria-hidden="true">
            <i class=${`took ${span.status}${isParent ? " whole" : ""}`} style=${bar}></i>
            ${marks.map((one, place) =>
              html`<i key=${place} class=${`tick ${one.name}`} style=${{
                left: `${(100 * one.at_s) / wholeS}%`,
              }}></i>`
            )}
          </span>
          <span class="n">${took}</span>
          <span class="hidden-words">${`${t("trace.starts", { time: time(span.starts_s) })}, ${
            code("trace.status", span.status)
          }`}</span>
        </summary>
        <${More} span=${span} />
      </details>
    </li>
  `;
}

/** Says what cannot be told from the bar alone. */
function mishap(span) {
  if (span.status === "error") {
    return html`<small class="bad">${code("error", span.attributes["error.type"] ?? "internal")}</small>`;
  }
  const isCut = span.status === "cancelled" || span.status === "unfinished";
  return isCut && html`<small class="warn">${code("trace.status", span.status)}</small>`;
}

/** A step without an end goes on until now, or went on until its process ended. */
function lasted(span, beganMs, wholeS) {
  if (span.status === "running") return wholeS - span.starts_s;
  const endedS = span.process_ended_at
    ? (Date.parse(span.process_ended_at) - beganMs) / 1000
    : Math.max(0, ...span.events.map((one) => one.at_s));
  return Math.max(0, endedS - span.starts_s);
}

function More({ span }) {
  const ended = span.process_ended_at
    ? t("trace.cut", { time: clock(span.process_ended_at) })
    : t("trace.cut_unknown");
  const facts = {
    [t("trace.slug")]: span.name,
    [t("trace.begin")]: `+${time(span.starts_s)}`,
    ...span.attributes,
  };
  return html`
    <div class="of-step">
      ${span.status === "unfinished" && html`<p class="warn">${ended}</p>`}
      ${span.events.map((one, place) =>
        html`
          <p key=${place}>
            <span class="n">${`+${time(one.at_s)} `}</span>${MARKED.includes(one.name)
              ? happened(one)
              : code("event", one.name)}<${Fields} fields=${one.attributes} />
          </p>
        `
      )}
      <dl>${Object.entries(facts).map(([key, value]) =>
        html`
          <div key=${key}>
            <dt>${key}</dt>
            <dd dir="auto">${String(value)}</dd>
          </div>
        `
      )}</dl>
    </div>
  `;
}

/** Fields as key=value. */
function Fields({ fields }) {
  const text = Object.entries(fields).map(([key, value]) =>
    `${key}=${Array.isArray(value) ? value.join(",") : value}`
  ).join("  ");
  return text && html`<code>${` ${text}`}</code>`;
}

/** The lines of the log that belong to a path, by time. */
function Log({ lines }) {
  if (lines.length === 0) return null;
  return html`
    <section class="log" aria-labelledby="title-log">
      <h3 id="title-log">${t("trace.log")}</h3>
      <ol class="card lines" role="list" tabindex="0" aria-labelledby="title-log">
        ${lines.map((one, place) =>
          html`
            <li key=${place} data-level=${one.level}>
              <span class="n">${`${one.at_s < 0 ? "−" : "+"}${time(Math.abs(one.at_s))}`}</span>
              <span class=${`level ${LOUD[one.level] ?? ""}`}>${one.level}</span>
              <span class="text"><b>${one.event}</b>${one.exception &&
                html`<em> ${one.exception}</em>`}<${Fields}
                fields=${one.fields} /></span>
            </li>
          `
        )}
      </ol>
    </section>
  `;
}
