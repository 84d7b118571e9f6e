// What of a document was not or badly read: a small button in its row, and the list that it opens.

import { tell } from "../frame/dialog.js";
import { h } from "../frame/dom.js";
import { count } from "../frame/format.js";
import { saidPlace } from "../frame/places.js";
import { code, t } from "../frame/strings.js";

const MOST_PLACES = 30;

/** How many things were not read, in words; empty for none. */
export function warned({ warnings = [] }) {
  return warnings.length > 0
    ? t("documents.warnings", { n: warnings.length, count: count(warnings.length) })
    : "";
}

/** Shows what was not read, where, why and what to do about it. */
export function showWarnings(document) {
  return tell({
    title: t("documents.warnings.title", { name: document.name }),
    body: h("ul", { class: "warnings" }, document.warnings.map(item)),
  });
}

function item({ code: kind, places, more, message, hint }) {
  const shown = places.slice(0, MOST_PLACES).map((place) => saidPlace(place));
  const left = places.length - shown.length + (more ?? 0);
  const others = left > 0 ? t("documents.warnings.more", { count: count(left) }) : "";
  const where = [shown.join(t("documents.warnings.between")), others].filter(Boolean).join(" ");
  return h(
    "li",
    {},
    h("b", {}, code("warning", kind)),
    where && h("span", {}, where),
    h("p", {}, message),
    hint && h("small", {}, hint),
  );
}
