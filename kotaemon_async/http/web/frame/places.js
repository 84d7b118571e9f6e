// Where something stands in a document, in words: the service says the same in domain/places.py.

import { t } from "./strings.js";

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
