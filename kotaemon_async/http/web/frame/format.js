// Numbers and times as people write them, in the page's language.

import { language, t } from "./strings.js";

const locale = language === "zh" ? "zh-CN" : "en";
const whole = new Intl.NumberFormat(locale);
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** 1,234 */
export const count = (number) => whole.format(number);

/** 482 kB, 18.4 MB */
export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(Math.floor(Math.log10(Math.max(number, 1)) / 3), units.length - 1);
  const value = number / 1000 ** step;
  return `${whole.format(step > 1 ? Math.round(value * 10) / 10 : Math.round(value))} ${units[step]}`;
}

/** 14 ms, 1.8 s, 3 min, 2 h */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${whole.format(Math.round(seconds * 10) / 10)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** 3 hours, 5 minutes, 2 days: in whole words. */
export function age(seconds) {
  const [unit, size] =
    [["day", 86_400], ["hour", 3600], ["minute", 60]].find(([, size]) => seconds >= size) ?? ["second", 1];
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(
    Math.round(seconds / size),
  );
}

/** just now, 5 minutes ago, yesterday, or the date; `at` is an ISO time. */
export function ago(at, now = Date.now()) {
  const seconds = (now - Date.parse(at)) / 1000;
  if (seconds < 45) return t("time.now");
  for (const [unit, size, most] of [["minute", 60, 3600], ["hour", 3600, 86_400], ["day", 86_400, 604_800]]) {
    if (seconds < most) return relative.format(-Math.round(seconds / size), unit);
  }
  return new Date(at).toLocaleDateString(locale, { dateStyle: "medium" });
}

/** 27 Nov 2026; `at` is an ISO time. */
export const day = (at) => new Date(at).toLocaleDateString(locale, { dateStyle: "medium" });

/** 14:32, or with the date when it is not today; `at` is an ISO time or seconds since 1970. */
export function clock(at) {
  const time = new Date(typeof at === "number" ? at * 1000 : at);
  const isToday = time.toDateString() === new Date().toDateString();
  return time.toLocaleString(
    locale,
    isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" },
  );
}
