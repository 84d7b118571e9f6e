// The steps of a path on one time axis, each below the one that began it, with what it says when it is unfolded.

import { h } from "../frame/dom.js";
import { clock, count, duration } from "../frame/format.js";
import { code, t } from "../frame/strings.js";

const AT_ONCE = 300;
const MARKED = ["waits", "retry", "recovered", "fallback", "lane_lost", "cache_hit", "answer_shared"];
/** Names with something of whoever runs the service in them: the first word decides. */
const OPEN_NAMES = ["link", "chat", "parser", "vectors"];

/** 0.3 ms, 14 ms, 1.8 s: short times as they are. */
export const time = (
  seconds,
) => (seconds > 0 && seconds < 0.001 ? `${(1000 * seconds).toFixed(1)} ms` : duration(seconds));

/** A step's name in words. */
export function stepName(name) {
  const [first, ...rest] = name.split(" ");
  const whole = code("step", name);
  if (whole !== name.replaceAll("_", " ")) return whole;
  return OPEN_NAMES.includes(first) && rest.length ? t(`step.of.${first}`, { name: rest.join(" ") }) : name;
}

/** An event as a sentence. */
export function happened(event) {
  const { attributes } = event;
  if (event.name === "waits") return waited(attributes);
  if (event.name === "cut") return t("trace.cut", attributes);
  if (event.name === "retry" && attributes.attempt) return t("event.retry.attempt", attributes);
  if (event.name === "retry") {
    return t(`event.retry.${attributes.outcome === "healed" ? "healed" : "failed"}`, attributes);
  }
  const values = Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [key, code("error", value)]),
  );
  return t(`event.${event.name}`, { ...values, component: code("part", attributes.component ?? "") });
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
export function steps(trace, unfolded) {
  const beganMs = Date.parse(trace.started_at);
  const wholeS = Math.max(
    0.000_001,
    ...trace.spans.map((span) => span.starts_s + (span.duration_s ?? 0)),
    trace.duration_s ?? (Date.now() - beganMs) / 1000,
  );
  const scale = { beganMs, wholeS };
  const parents = new Set(trace.spans.map((span) => span.parent_id));
  const rows = trace.spans.map((span) => () =>
    step(span, scale, parents.has(span.span_id), unfolded.has(span.span_id))
  );
  const list = h("ol", { class: "steps", role: "list" }, rows.slice(0, AT_ONCE).map((make) => make()));
  const left = rows.length - AT_ONCE;
  const more = left > 0 && h("button", {
    type: "button",
    class: "plain",
    onclick: (event) => {
      list.append(...rows.slice(AT_ONCE).map((make) => make()));
      event.currentTarget.remove();
    },
  }, t("trace.more", { count: count(left) }));
  return h(
    "section",
    { class: "waterfall", "aria-labelledby": "title-steps" },
    h("h3", { id: "title-steps" }, t("trace.what")),
    h("div", { class: "card" }, axis(wholeS), list, more),
  );
}

function axis(wholeS) {
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const tick = (part) =>
    h("span", { style: { left: `${100 * part}%` } }, part === 0 ? "0" : time(part * wholeS));
  return h("div", { class: "axis", "aria-hidden": "true" }, h("div", { class: "ticks" }, ticks.map(tick)));
}

function step(span, scale, isParent, isOpen) {
  const isOver = span.duration_s !== null;
  const took = isOver ? time(span.duration_s) : code("trace.status", span.status);
  const summary = h(
    "summary",
    {},
    h(
      "span",
      { class: "what", title: span.name, style: { paddingLeft: `${Math.min(span.depth, 12) * 14}px` } },
      h("span", { class: "hidden-words" }, t("trace.depth", { n: span.depth + 1 })),
      stepName(span.name),
      mishap(span),
    ),
    h("span", { class: "track", "aria-hidden": "true" }, bar(span, scale, isParent), ticksOf(span, scale)),
    h("span", { class: "n" }, took),
    h(
      "span",
      { class: "hidden-words" },
      `${t("trace.starts", { time: time(span.starts_s) })}, ${code("trace.status", span.status)}`,
    ),
  );
  return h(
    "li",
    { dataset: { span: span.name, status: span.status } },
    h("details", { open: isOpen, dataset: { key: span.span_id } }, summary, more(span)),
  );
}

/** Says what cannot be told from the bar alone. */
function mishap(span) {
  if (span.status === "error") {
    return h("small", { class: "bad" }, code("error", span.attributes["error.type"] ?? "internal"));
  }
  if (span.status === "cancelled" || span.status === "unfinished") {
    return h("small", { class: "warn" }, code("trace.status", span.status));
  }
  return null;
}

function bar(span, scale, isParent) {
  const { wholeS } = scale;
  const lastS = span.duration_s ?? lasted(span, scale);
  const width = Math.max(0, Math.min(100, (100 * lastS) / wholeS));
  return h("i", {
    class: `took ${span.status}${isParent ? " whole" : ""}`,
    style: { left: `${Math.min(99.6, (100 * span.starts_s) / wholeS)}%`, width: `${width}%` },
  });
}

/** A step without an end goes on until now, or went on until its process ended. */
function lasted(span, { beganMs, wholeS }) {
  if (span.status === "running") return wholeS - span.starts_s;
  const endedS = span.process_ended_at
    ? (Date.parse(span.process_ended_at) - beganMs) / 1000
    : Math.max(0, ...span.events.map((one) => one.at_s));
  return Math.max(0, endedS - span.starts_s);
}

function ticksOf(span, { wholeS }) {
  return span.events.filter((one) => MARKED.includes(one.name)).map((one) =>
    h("i", { class: `tick ${one.name}`, style: { left: `${(100 * one.at_s) / wholeS}%` } })
  );
}

function more(span) {
  const ended = span.status === "unfinished" &&
    h(
      "p",
      { class: "warn" },
      span.process_ended_at ? t("trace.cut", { time: clock(span.process_ended_at) }) : t("trace.cut_unknown"),
    );
  return h(
    "div",
    { class: "of-step" },
    ended,
    span.events.map((one) =>
      h(
        "p",
        {},
        h("span", { class: "n" }, `+${time(one.at_s)} `),
        MARKED.includes(one.name) ? happened(one) : code("event", one.name),
        attributesOf(one.attributes),
      )
    ),
    h(
      "dl",
      {},
      pairs({
        [t("trace.slug")]: span.name,
        [t("trace.begin")]: `+${time(span.starts_s)}`,
        ...span.attributes,
      }),
    ),
  );
}

const pairs = (fields) =>
  Object.entries(fields).map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, String(value))));

/** Fields as key=value, for lines. */
export function attributesOf(fields) {
  const text = Object.entries(fields).map(([key, value]) =>
    `${key}=${Array.isArray(value) ? value.join(",") : value}`
  ).join("  ");
  return text && h("code", {}, ` ${text}`);
}
