// The steps of a path on one time axis, each below the one that began it, with what it says when it is
// unfolded; and the lines of the log that belong to it.

import { clock, count, duration } from "../frame/format.js";
import { code, t } from "../frame/strings.js";
import { html, useState } from "../vendor/preact.js";

const AT_ONCE = 300;
const MARKED = ["waits", "retry", "recovered", "fallback", "lane_lost", "cache_hit", "answer_shared"];
/** Names with something of whoever runs the service in them: the first word decides. */
const OPEN_NAMES = ["link", "chat", "parser", "vectors"];
const LOUD = { warning: "warn", error: "bad", critical: "bad" };

/** 0.3 ms, 14 ms, 1.8 s: short times as they are. */
export const time = (seconds) =>
  seconds > 0 && seconds < 0.001 ? `${(1000 * seconds).toFixed(1)} ms` : duration(seconds);

/** A step's name in words. */
function stepName(name) {
  const [first, ...rest] = name.split(" ");
  const whole = code("step", name);
  if (whole !== name.replaceAll("_", " ")) return whole;
  return OPEN_NAMES.includes(first) && rest.length ? t(`step.of.${first}`, { name: rest.join(" ") }) : name;
}

/** An event as a sentence. */
export function happened({ name, attributes }) {
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
export function cuts(trace) {
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
export function Steps({ trace }) {
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
export function Log({ lines }) {
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
