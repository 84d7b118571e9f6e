// Incidents: what is wrong, how far from normal, what most likely causes it, and what to do.

import { call } from "../frame/api.js";
import { fill, h } from "../frame/dom.js";
import { age, ago, bytes, clock, count, duration } from "../frame/format.js";
import { sayError, wordsFor } from "../frame/notice.js";
import { code, t } from "../frame/strings.js";
import { partName } from "./system_parts.js";

const PAST_AT_ONCE = 10;

/** Open incidents, what is to be expected, and past ones; `refresh(signal)` asks for them. */
export class IncidentList {
  constructor() {
    this.open = [];
    this.now = h("div", { class: "incidents-open" }, h("div", { class: "wait incident-wait" }));
    this.past = h("ol", { class: "incidents-past" });
    this.more = h(
      "button",
      { type: "button", class: "plain", hidden: true, onclick: () => this.readMore() },
      t("system.more"),
    );
    this.fold = h("details", { class: "past", hidden: true }, h("summary", {}), this.past, this.more);
    this.node = h("div", { id: "incidents" }, this.now, this.fold);
    this.shown = "";
  }

  /** Throws ApiError, AbortError. */
  async refresh(signal) {
    const [open, closed] = await Promise.all([
      call("GET", "/api/v1/incidents?status=open&limit=50", undefined, { signal }),
      call("GET", `/api/v1/incidents?status=closed&limit=${PAST_AT_ONCE}`, undefined, { signal }),
    ]);
    this.open = open.items;
    this.forecasts = open.forecasts;
    this.draw(open, closed);
  }

  /** Draws what has changed; what is unfolded stays so. */
  draw(open, closed) {
    const state = JSON.stringify([open.items, open.forecasts.map(near), closed.items[0]?.id]);
    if (state === this.shown) return;
    this.shown = state;
    const focused = this.node.contains(document.activeElement)
      ? document.activeElement.closest("details[data-incident]")?.dataset.incident
      : null;
    const folds = new Map(
      [...this.now.querySelectorAll("details")].map((one) => [one.dataset.incident, one.open]),
    );
    const coming = open.forecasts.map(forecast).filter(Boolean);
    const isCalm = open.items.length + coming.length === 0;
    fill(
      this.now,
      open.items.map((one, place) => incident(one, folds.get(one.id) ?? place === 0)),
      coming,
      isCalm && nothing(closed.items.length),
    );
    fill(this.past, closed.items.map(closedRow));
    this.fold.hidden = closed.items.length === 0;
    fill(this.fold.firstChild, t("system.past"));
    this.follow(closed.next_cursor);
    if (focused) {
      this.node.querySelector(`details[data-incident="${CSS.escape(focused)}"] > summary`)?.focus();
    }
  }

  /** Says that incidents cannot be asked for; what was shown before stays. */
  fail(error) {
    if (this.shown) return;
    const { text, hint: todo } = wordsFor(error);
    fill(
      this.now,
      h(
        "p",
        { class: "card well-card" },
        h("i", { class: "dot" }),
        h("span", {}, text, " ", h("small", {}, todo)),
      ),
    );
  }

  follow(cursor) {
    this.cursor = cursor;
    this.more.hidden = !cursor;
  }

  async readMore() {
    try {
      const found = await call(
        "GET",
        `/api/v1/incidents?status=closed&limit=${PAST_AT_ONCE}&cursor=${encodeURIComponent(this.cursor)}`,
      );
      this.past.append(...found.items.map(closedRow));
      this.follow(found.next_cursor);
    } catch (error) {
      sayError(error);
    }
  }
}

/** What an incident says, in the page's language. */
function message(one) {
  const component = one.causes[0]?.component ?? "";
  const words = code("incident", one.cause);
  return words === one.cause.replaceAll("_", " ") ? one.message : words.replace("{component}", component);
}

function hint(one) {
  const words = code("incident.hint", one.cause);
  return words === one.cause.replaceAll("_", " ") ? one.hint : words;
}

function nothing(past) {
  return h(
    "p",
    { class: "card well-card" },
    h("i", { class: "dot ok" }),
    h(
      "span",
      {},
      t("system.no_incident"),
      " ",
      h("small", {}, t(past ? "system.no_incident.now" : "system.no_incident.ever")),
    ),
  );
}

function incident(one, isUnfolded) {
  return h(
    "article",
    { class: "card incident", dataset: { incident: one.id } },
    h("h4", {}, h("i", { class: "dot down" }), h("span", {}, message(one))),
    h("p", { class: "small" }, t("system.since", { time: clock(one.since) }), ` · ${ago(one.since)}`),
    h("p", { class: "todo" }, hint(one)),
    one.causes.length + one.signals.length + one.trace_ids.length > 0 && details(one, isUnfolded),
  );
}

function closedRow(one) {
  const lasted = (Date.parse(one.closed_at) - Date.parse(one.since)) / 1000;
  return h(
    "li",
    {},
    h(
      "details",
      { dataset: { incident: one.id } },
      h(
        "summary",
        {},
        h("span", {}, message(one)),
        h("small", {}, `${clock(one.since)} · ${t("system.lasted", { time: age(Math.max(1, lasted)) })}`),
      ),
      body(one),
    ),
  );
}

function details(one, isUnfolded) {
  return h(
    "details",
    { dataset: { incident: one.id }, open: isUnfolded },
    h("summary", {}, t("system.why")),
    body(one),
  );
}

function body(one) {
  return h(
    "div",
    { class: "incident-body" },
    one.causes.length > 0 &&
      h("section", {}, h("h5", {}, t("system.causes")), h("ol", { class: "causes" }, one.causes.map(cause))),
    one.signals.length > 0 &&
      h(
        "section",
        {},
        h("h5", {}, t("system.signals")),
        h("ul", { class: "signals" }, one.signals.map(signal)),
      ),
    one.trace_ids.length > 0 &&
      h(
        "section",
        {},
        h("h5", {}, t("system.touched")),
        h("p", { class: "trace-links" }, one.trace_ids.map(traceLink)),
      ),
    one.forecasts.map(forecast),
  );
}

/** A link to a path. */
export function traceLink(traceId) {
  return h(
    "a",
    { href: `#system/trace/${encodeURIComponent(traceId)}`, title: traceId },
    traceId.slice(0, 8),
  );
}

function cause(one) {
  const percent = Math.round(100 * one.score);
  const name = code("cause", one.cause);
  const isLink = one.cause.startsWith("llm_");
  return h(
    "li",
    {},
    h("span", {}, isLink ? `${name}: ${one.component}` : name),
    h("span", { class: "share", "aria-hidden": "true" }, h("i", { style: { width: `${percent}%` } })),
    h("span", { class: "n" }, h("span", { class: "hidden-words" }, t("system.likely")), `${percent} %`),
  );
}

function signal(one) {
  const [component, kind] = [one.signal.slice(0, one.signal.lastIndexOf(".")), one.signal.split(".").at(-1)];
  const isFlag = one.unit === "state";
  const value = (
    number,
  ) => (one.unit === "ratio"
    ? `${Math.min(100, Math.round(100 * number))} %`
    : one.unit === "s"
    ? duration(number)
    : count(Math.round(10 * number) / 10));
  const far = isFlag
    ? t("system.signal.flag")
    : t("system.signal.far", { value: value(one.value), normal: value(one.normal) });
  return h(
    "li",
    {},
    h("span", {}, `${signalOwner(component)} · ${code("signal", kind)}`),
    h("span", { class: "far" }, far),
    h("small", {}, t("system.since", { time: clock(one.since) })),
  );
}

/** A component of the service, or the name of a link as whoever runs it has called it. */
const signalOwner = (component) => {
  const known = partName(component);
  return known === component.replaceAll("_", " ") ? component : known;
};

/** Forecasts change by seconds; a person wants to know about days. */
const near = (one) => (one.left_s === null ? null : [one.resource, duration(one.left_s)]);

function forecast(one) {
  if (one.left_s === null) return null;
  const values = { time: age(one.left_s), at: clock(one.reached_at), pace: bytes(one.per_hour_bytes) };
  return h(
    "p",
    { class: "card forecast", dataset: { resource: one.resource } },
    h("i", { class: "dot degraded" }),
    h(
      "span",
      {},
      t(`system.forecast.${one.resource}`, values),
      " ",
      h("small", {}, t("system.forecast.pace", values)),
    ),
  );
}
