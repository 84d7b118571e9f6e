// The charts of the view "System": what each series is called and how it reads.

import { Chart } from "./chart.js";
import { bytes, clock, count, duration } from "../frame/format.js";
import { t } from "../frame/strings.js";

const LATELY_S = 90;

const rate = (
  value,
) => (value === 0 ? "0" : value < 10 ? String(Number(value.toPrecision(2))) : count(Math.round(value)));
const perSecond = (value) => t("system.per_second", { rate: rate(value) });
const perMinute = (value) => t("system.per_minute", { rate: rate(value) });
/** When it was, for a value that is not of just now. */
const when = (
  figures,
  last,
) => (figures.at.at(-1) - last[0] > LATELY_S ? t("system.at", { time: clock(last[0]) }) : "");

const LOOKS = {
  queue_depth: { show: count, least: 4, detail: oldest },
  pages_per_s: { show: perSecond, least: 0.5, detail: () => t("system.over_a_minute") },
  answers_per_min: { show: perMinute, least: 2, detail: answerTime },
  search_s: {
    show: duration,
    none: true,
    detail: (figures, last) => (last ? when(figures, last) || t("system.on_average") : ""),
  },
  memory_bytes: {
    show: bytes,
    detail: ofLimit,
    limit: (figures) => figures.last("memory_limit_bytes")?.[1] || null,
  },
  disk_free_bytes: { show: bytes, detail: () => t("system.free") },
  loop_lag_s: { show: duration, least: 0.02, none: true, detail: () => t("system.on_average") },
  fallbacks_per_min: { show: perMinute, least: 2, detail: () => t("system.other_source") },
};

function oldest(figures, last) {
  const age = figures.last("queue_oldest_s");
  return last?.[1] > 0 && age ? t("system.oldest", { age: duration(age[1]) }) : t("system.nothing_waits");
}

function answerTime(figures) {
  const last = figures.last("answer_s");
  return last
    ? [t("system.each", { time: duration(last[1]) }), when(figures, last)].filter(Boolean).join(" ")
    : t("system.none_yet");
}

function ofLimit(figures, last) {
  const limit = figures.last("memory_limit_bytes")?.[1];
  if (!last || !limit) return "";
  return t("system.of_limit", { limit: bytes(limit), percent: Math.round((100 * last[1]) / limit) });
}

/** All charts, in the order they are read. */
export function charts() {
  return Object.entries(LOOKS).map(([name, look]) => {
    const none = look.none && t(`system.none.${name}`);
    return new Chart(name, { ...look, title: t(`system.figure.${name}`), none });
  });
}
