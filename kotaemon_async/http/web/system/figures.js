// The service's last half hour, kept up to date while somebody looks.

import { call } from "../frame/api.js";
import { store } from "../frame/store.js";

const KEPT_S = 1800;
/** A rate of five seconds jumps: it is shown over a minute. */
const CALM_S = 60;
/** No chart shows less than this. */
const LEAST_S = 300;
/** What the service measures now and then is 0 before the first time. */
const MEASURED = ["memory_bytes", "memory_limit_bytes", "disk_free_bytes"];
const OVER_A_MINUTE = ["pages_per_s", "answers_per_min", "fallbacks_per_min"];

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
export function pointsOf({ at, series }, name) {
  const all = at.map((time, place) => [time, series[name]?.[place] ?? null]);
  const known = all.filter(([, value]) => value !== null && (value > 0 || !MEASURED.includes(name)));
  return OVER_A_MINUTE.includes(name) ? calmed(known) : known;
}

/** The newest value that is known, as [Unix seconds, value], or null. */
export const lastPoint = (state, name) => pointsOf(state, name).at(-1) ?? null;

/** How many seconds a chart shows: all that is kept, but no less than five minutes. */
export const spanOf = ({ at }) => Math.min(KEPT_S, Math.max(LEAST_S, (at.at(-1) ?? 0) - (at[0] ?? 0)));

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
