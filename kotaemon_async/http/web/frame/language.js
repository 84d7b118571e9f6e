// The reader's language: its words, its numbers and times, and how a place in a document is called.
// The service says places with the same words in domain/places.py.

import { words as ofFrame } from "./words.js";
import { words as ofErrors } from "./words_errors.js";

/** Name -> [English, 中文]: each is written beside the other, so that neither is forgotten. */
const WORDS = { ...ofFrame, ...ofErrors };
const LANGUAGES = ["en", "zh"];
const CHOICE = "kotaemon.language";

export const language = choose();
const PLACE = LANGUAGES.indexOf(language);
document.documentElement.lang = language === "zh" ? "zh-CN" : "en";

function choose() {
  const chosen = localStorage.getItem(CHOICE);
  if (LANGUAGES.includes(chosen)) return chosen;
  const wanted = (navigator.languages ?? [navigator.language]).map((one) => one.slice(0, 2));
  return wanted.find((one) => LANGUAGES.includes(one)) ?? "en";
}

/** Adds the words of a view. */
export const addWords = (words) => Object.assign(WORDS, words);

/** Chooses a language and shows the page in it. */
export function speak(chosen) {
  localStorage.setItem(CHOICE, chosen);
  location.reload();
}

/** The words under a name, with {placeholders} filled in; `n` also chooses between "one | many". */
export function t(name, values = {}) {
  const found = WORDS[name]?.[PLACE];
  if (found === undefined) throw new Error(`no words for ${name}`);
  const forms = found.split(" | ");
  const form = forms.length > 1 && values.n !== 1 ? forms[1] : forms[0];
  return form.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/**
 * The words for a code of a closed list, e.g. code("error", "encrypted"); the code itself when it is unknown.
 */
export function code(family, value) {
  return WORDS[`${family}.${value}`]?.[PLACE] ?? String(value).replaceAll("_", " ");
}

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

const [MINUTES, HOURS, DAYS] = language === "zh" ? ["分钟", "小时", "天"] : ["min", "h", "d"];

/** 14 ms, 1.8 s, 3 min, 2 h */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${whole.format(Math.round(seconds * 10) / 10)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} ${MINUTES}`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} ${HOURS}`;
  return `${Math.round(seconds / 86_400)} ${DAYS}`;
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

const NAME_CHARS = 80;
const HEADINGS = 2;
/** A scan that was read with less confidence may have wrong letters. */
const SURE = 0.8;
/** What is called a chapter already needs no sign in front. */
const CHAPTER = /^(?:(?:chapter|part|book|section|appendix)(?![\p{L}\p{N}_])|§|第.{1,6}[章节節篇回部编編])/iu;

/** The place of a citation or a passage; answers of earlier releases have only its page. */
export const placeOf = ({ place, page }) => place ?? { kind: "page", number: page };

/**
 * The place in words; `pages` are all pages of a quote that goes on over a page break; `say` is t in some
 * language.
 */
export function saidPlace(place, pages = [], say = t) {
  const has = (flag) => (place.flags ?? []).includes(flag);
  const hidden = has("hidden") ? say("place.hidden") : "";
  const unsure = (place.confidence ?? 1) < SURE ? say("place.unsure") : "";
  const after = ["notes", "scanned"].filter(has).map((flag) => say(`place.${flag}`)).join("") + unsure;
  if (place.kind === "page") return saidPage(place, pages, say) + after;
  if (place.kind === "slide") return say("place.slide", place) + hidden + after;
  const names = namesOf(place, has("about"));
  const [first, last] = place.rows ?? [];
  const rows = place.rows ? say(first === last ? "place.row" : "place.rows", { first, last }) : "";
  const parts = [names && names + hidden, rows].filter(Boolean);
  const whole = parts.length > 0 ? parts.join(say("place.comma")) : say("place.part", place) + hidden;
  const page = has("about") && /\d+$/.exec(place.label ?? "");
  const about = page ? say("place.about", { number: page[0] }) : "";
  return whole + after + about;
}

/** The place of a citation in words, both pages where it goes on over the break. */
export const saidCitation = (citation) =>
  saidPlace(placeOf(citation), (citation.parts ?? []).map((one) => one.page));

function saidPage({ number, label }, pages, say) {
  const [first, last] = [Math.min(...pages), Math.max(...pages)];
  if (pages.length > 0 && first < last) return say("place.pages", { first, last });
  const named = label && label !== String(number) ? say("place.label", { label: short(label) }) : "";
  return say("place.page", { number }) + named;
}

/** What the place is called: a sheet's name, a section's headings, an attachment below its mail. */
function namesOf({ kind, label: own = "", headings: above = [] }, isAbout) {
  const label = isAbout ? "" : short(own);
  const headings = above.slice(-HEADINGS).map(short).filter(Boolean);
  const joined = (names, sign) => [...new Set(names.filter(Boolean))].join(sign);
  if (kind === "sheet") return label;
  // A mail's own name holds its subject.
  const isSaid = headings.length > 0 && own.includes(headings[0].replace(/…$/u, ""));
  if (kind === "part") return joined([isSaid ? "" : headings[0], label], " · ");
  if (label) return joined([label, headings.at(-1)], " › ");
  const path = headings.join(" › ");
  return !path || CHAPTER.test(path) ? path : `§ ${path}`;
}

function short(name) {
  const plain = [...name.trim().replace(/\s+/g, " ")];
  return plain.length <= NAME_CHARS ? plain.join("") : `${plain.slice(0, NAME_CHARS).join("").trimEnd()}…`;
}
