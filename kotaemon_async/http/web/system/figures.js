// The service's last half hour, kept up to date while somebody looks, and its small live charts.

import { call } from "../frame/api.js";
import { bytes, clock, count, duration, t } from "../frame/language.js";
import { store, useStore } from "../frame/ui.js";
import { html, useState } from "../vendor/preact.js";

const KEPT_S = 1800;
/** A rate of five seconds jumps: it is shown over a minute. */
const CALM_S = 60;
/** No chart shows less than this. */
const LEAST_S = 300;
/** What the service measures now and then is 0 before the first time. */
const MEASURED = ["memory_bytes", "memory_limit_bytes", "disk_free_bytes"];
const OVER_A_MINUTE = ["pages_per_s", "answers_per_min", "fallbacks_per_min"];
const WIDTH = 240;
const HEIGHT = 56;
/** Values farther apart than this are not joined: nobody knows what was between them. */
const JOINED_S = 90;
const LATELY_S = 90;

/**
 * `at` are Unix seconds, `series` has as many values for each name, null where there is nothing to tell. Kept
 * while the page lives: coming back shows at once what was known.
 */
export const figures = store({ at: [], series: {} });

/** Fetches what is new. Throws ApiError, AbortError. */
export async function refreshFigures(signal) {
  const after = figures.get().at.at(-1) ?? 0;
  const found = await call("GET", `/api/v1/figures?after=${after}`, undefined, { signal });
  figures.set((known) => joined(known, found));
}

/** What is known with later moments, without those that are too old. */
function joined(known, found) {
  const last = known.at.at(-1) ?? 0;
  const isLater = (_, place) => found.at[place] > last; // times are rounded: the last one may come again
  const later = found.at.filter(isLater);
  if (later.length === 0) return {};
  const at = [...known.at, ...later];
  const isKept = (_, place) => at[place] >= later.at(-1) - KEPT_S;
  const names = new Set([...Object.keys(known.series), ...Object.keys(found.series)]);
  const series = Object.fromEntries([...names].map((name) => {
    const before = known.series[name] ?? known.at.map(() => null);
    const now = found.series[name]?.filter(isLater) ?? later.map(() => null);
    return [name, [...before, ...now].filter(isKept)];
  }));
  return { at: at.filter(isKept), series };
}

/** The points of a series that are known, oldest first, as [Unix seconds, value]; rates over a minute. */
function pointsOf({ at, series }, name) {
  const all = at.map((time, place) => [time, series[name]?.[place] ?? null]);
  const known = all.filter(([, value]) => value !== null && (value > 0 || !MEASURED.includes(name)));
  return OVER_A_MINUTE.includes(name) ? calmed(known) : known;
}

/** The newest value that is known, as [Unix seconds, value], or null. */
export const lastPoint = (state, name) => pointsOf(state, name).at(-1) ?? null;

/** How many seconds a chart shows: all that is kept, but no less than five minutes. */
const spanOf = ({ at }) => Math.min(KEPT_S, Math.max(LEAST_S, (at.at(-1) ?? 0) - (at[0] ?? 0)));

/** Whether all of the half hour is known. */
export const isWhole = ({ at }) => at.length > 0 && at.at(-1) - at[0] >= KEPT_S - CALM_S;

/** Each value as the mean of the minute that ends there. */
function calmed(points) {
  let begins = 0;
  return points.map(([at], place) => {
    while (points[begins][0] <= at - CALM_S) begins += 1;
    const minute = points.slice(begins, place + 1);
    return [at, minute.reduce((sum, [, value]) => sum + value, 0) / minute.length];
  });
}

const rate = (value) =>
  value === 0 ? "0" : value < 10 ? String(Number(value.toPrecision(2))) : count(Math.round(value));
const perSecond = (value) => t("system.per_second", { rate: rate(value) });
const perMinute = (value) => t("system.per_minute", { rate: rate(value) });
/** When it was, for a value that is not of just now. */
const when = (
  { at },
  last,
) => (at.at(-1) - last[0] > LATELY_S ? t("system.at", { time: clock(last[0]) }) : "");

/** Series -> how it reads: show(value), detail(state, last point), limit(state), least height, none(). */
const LOOKS = {
  queue_depth: { show: count, least: 4, detail: oldest },
  pages_per_s: { show: perSecond, least: 0.5, detail: () => t("system.over_a_minute") },
  answers_per_min: { show: perMinute, least: 2, detail: answerTime },
  search_s: {
    show: duration,
    none: () => t("system.none.search_s"),
    detail: (state, last) => (last ? when(state, last) || t("system.on_average") : ""),
  },
  memory_bytes: {
    show: bytes,
    detail: ofLimit,
    limit: (state) => lastPoint(state, "memory_limit_bytes")?.[1] || null,
  },
  disk_free_bytes: { show: bytes, detail: () => t("system.free") },
  loop_lag_s: {
    show: duration,
    least: 0.02,
    none: () => t("system.none.loop_lag_s"),
    detail: () => t("system.on_average"),
  },
  fallbacks_per_min: { show: perMinute, least: 2, detail: () => t("system.other_source") },
};

function oldest(state, last) {
  const age = lastPoint(state, "queue_oldest_s");
  return last?.[1] > 0 && age ? t("system.oldest", { age: duration(age[1]) }) : t("system.nothing_waits");
}

function answerTime(state) {
  const last = lastPoint(state, "answer_s");
  if (!last) return t("system.none_yet");
  return [t("system.each", { time: duration(last[1]) }), when(state, last)].filter(Boolean).join(" ");
}

function ofLimit(state, last) {
  const limit = lastPoint(state, "memory_limit_bytes")?.[1];
  if (!last || !limit) return "";
  return t("system.of_limit", { limit: bytes(limit), percent: Math.round((100 * last[1]) / limit) });
}

/** All charts, in the order they are read. */
export function Charts() {
  const state = useStore(figures);
  return html`
    <div class="figures" id="figures">
      ${Object.keys(LOOKS).map((name) => html`<${Chart} key=${name} name=${name} state=${state} />`)}
    </div>
  `;
}

/** A card with one series: its last value in large type, or that of the moment that is pointed to. */
function Chart({ name, state }) {
  const [pointed, setPointed] = useState(null);
  const [isFocused, setFocused] = useState(false);
  const look = LOOKS[name];
  const points = pointsOf(state, name);
  const isKnown = state.at.length > 0;
  const moment = (pointed && points.find(([at]) => at === pointed)) || null;
  const shown = moment ?? points.at(-1) ?? null;
  const span = { now: state.at.at(-1), lengthS: spanOf(state) };
  const detail = moment
    ? clock(moment[0])
    : isFocused && points.length > 0
    ? rangeOf(points, look)
    : shown
    ? look.detail(state, shown)
    : look.none?.() ?? "";
  return html`
    <div class="card figure" data-figure=${name}>
      <h4>${t(`system.figure.${name}`)}</h4>
      <b>${isKnown
        ? (shown ? look.show(shown[1]) : t("system.none"))
        : html`<span class="wait number"></span>`}</b>
      <${Plot} name=${name} state=${state} points=${points} span=${span} moment=${moment}
        point=${setPointed}
        focus=${setFocused} />
      <p class="times" aria-hidden="true">${isKnown &&
        [1, 0.5, 0].map((part) =>
          html`<time key=${part}>${clock(span.now - part * span.lengthS)}</time>`
        )}</p>
      <small class="detail">${isKnown ? detail : html`<span class="wait words"></span>`}</small>
    </div>
  `;
}

/** The picture of a series, over which one points or walks with the arrow keys. */
function Plot({ name, state, points, span, moment, point, focus }) {
  const look = LOOKS[name];
  const isKnown = state.at.length > 0;
  const pointTo = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    point(nearest(points, span.now - span.lengthS * (1 - (event.clientX - box.left) / box.width)));
  };
  const leave = () => {
    focus(false);
    point(null);
  };
  return html`
    <div class=${isKnown ? "plot" : "plot wait"} role="img" tabindex="0"
      aria-label=${words(name, state, points, moment)} onPointerMove=${pointTo}
      onPointerLeave=${() => point(null)} onFocus=${() => focus(true)} onBlur=${leave}
      onKeyDown=${(event) => walk(event, points, moment, point)}>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true"
        focusable="false">
        ${isKnown && html`
          <${Lines} points=${points} span=${span} look=${look} limit=${look.limit?.(state) ?? null}
            cursor=${moment} />
        `}
      </svg>
    </div>
  `;
}

function Lines({ points, span, look, limit, cursor }) {
  const most = 1.12 * Math.max(look.least ?? 0, limit ?? 0, ...points.map(([, value]) => value)) || 1;
  const x = (at) => Math.round(10 * WIDTH * (1 - (span.now - at) / span.lengthS)) / 10;
  const y = (value) => Math.round(10 * (HEIGHT - 1.5 - (HEIGHT - 3) * (value / most))) / 10;
  const runs = unbroken(points);
  const path = (run) => run.map(([at, value]) => `${x(at)} ${y(value)}`).join("L");
  const line = runs.map((run) => `M${path(run)}${run.length === 1 ? "h0" : ""}`).join("");
  const area = runs.map((run) => `M${x(run[0][0])} ${HEIGHT}L${path(run)}L${x(run.at(-1)[0])} ${HEIGHT}z`)
    .join("");
  return html`
    <path class="ground" d=${`M0 ${HEIGHT}H${WIDTH}`} />
    ${limit !== null && html`<path class="limit" d=${`M0 ${y(limit)}H${WIDTH}`} />`}
    ${runs.length > 0 && html`
      <path class="area" d=${area} />
      <path class="line" d=${line} />
    `}
    ${cursor && html`<path class="cursor" d=${`M${x(cursor[0])} 0V${HEIGHT}`} />`}
  `;
}

function nearest(points, at) {
  const closer = (best, one) => (Math.abs(one[0] - at) < Math.abs(best[0] - at) ? one : best);
  return points.length > 0 ? points.reduce(closer)[0] : null;
}

/** Arrows walk over the moments, Escape returns to now. */
function walk(event, points, moment, point) {
  const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (event.key === "Escape" && moment) return point(null);
  if (step === undefined || points.length === 0) return undefined;
  event.preventDefault();
  const here = moment ? points.findIndex(([at]) => at === moment[0]) : points.length - 1;
  return point(points[Math.min(points.length - 1, Math.max(0, here + step))][0]);
}

function rangeOf(points, look) {
  const values = points.map(([, value]) => value);
  return t("system.range", { least: look.show(Math.min(...values)), most: look.show(Math.max(...values)) });
}

/** All of it in words, or the moment that is pointed to. */
function words(name, state, points, moment) {
  const look = LOOKS[name];
  const title = t(`system.figure.${name}`);
  const last = points.at(-1);
  if (moment) return `${title}: ${look.show(moment[1])}, ${clock(moment[0])}`;
  if (!last) return `${title}: ${look.none?.() ?? t("system.none")}`;
  return [`${title}: ${look.show(last[1])}`, look.detail(state, last), rangeOf(points, look)].filter(Boolean)
    .join(", ");
}

/** The points in runs without a gap. */
function unbroken(points) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point[0] - run.at(-1)[0] <= JOINED_S) run.push(point);
    else runs.push([point]);
  }
  return runs;
}
