// The service's last half hour, kept up to date while somebody looks.

import { call } from "../frame/api.js";

const KEPT_S = 1800;
/** A rate of five seconds jumps: it is shown over a minute. */
const CALM_S = 60;
/** What the service measures now and then is 0 before the first time. */
const MEASURED = ["memory_bytes", "memory_limit_bytes", "disk_free_bytes"];
const OVER_A_MINUTE = ["pages_per_s", "answers_per_min", "fallbacks_per_min"];

/** The figures: `at` are Unix seconds, `series` has as many values for each name, null where there is nothing to tell. */
export class Figures {
  at = [];
  series = {};
  everyS = 5;

  /** Fetches what is new. Throws ApiError, AbortError. */
  async refresh(signal) {
    const found = await call("GET", `/api/v1/figures?after=${this.at.at(-1) ?? 0}`, undefined, { signal });
    this.everyS = found.every_s;
    this.take(found);
  }

  /** Adds later moments, and forgets those that are too old. */
  take(found) {
    const known = this.at.at(-1) ?? 0;
    const later = (_, place) => found.at[place] > known; // times are rounded: the last one may come again
    const at = found.at.filter(later);
    const series = Object.fromEntries(
      Object.entries(found.series).map(([name, values]) => [name, values.filter(later)]),
    );
    if (at.length === 0) return;
    const names = new Set([...Object.keys(this.series), ...Object.keys(series)]);
    const first = at.at(-1) - KEPT_S;
    const isKept = (_, place) => joined[place] >= first;
    const joined = [...this.at, ...at];
    for (const name of names) {
      const before = this.series[name] ?? this.at.map(() => null);
      this.series[name] = [...before, ...(series[name] ?? at.map(() => null))].filter(isKept);
    }
    this.at = joined.filter(isKept);
  }

  /** The points of a series that are known, oldest first, as [Unix seconds, value]; rates over a minute. */
  points(name) {
    const all = this.at.map((at, place) => [at, this.series[name]?.[place] ?? null]);
    const known = all.filter(([, value]) => value !== null && (value > 0 || !MEASURED.includes(name)));
    return OVER_A_MINUTE.includes(name) ? calmed(known) : known;
  }

  /** The newest value that is known, as [Unix seconds, value], or null. */
  last(name) {
    return this.points(name).at(-1) ?? null;
  }

  /** How many seconds a chart shows: all that is kept, but no less than five minutes. */
  get spanS() {
    return Math.min(KEPT_S, Math.max(300, (this.at.at(-1) ?? 0) - (this.at[0] ?? 0)));
  }
}

/** Each value as the mean of the minute that ends there. */
function calmed(points) {
  let begins = 0;
  return points.map(([at], place) => {
    while (points[begins][0] <= at - CALM_S) begins += 1;
    const minute = points.slice(begins, place + 1);
    return [at, minute.reduce((sum, [, value]) => sum + value, 0) / minute.length];
  });
}
