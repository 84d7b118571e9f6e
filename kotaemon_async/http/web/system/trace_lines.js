// The log lines that belong to a path.

import { h } from "../frame/dom.js";
import { t } from "../frame/strings.js";
import { attributesOf, time } from "./trace_rows.js";

const LOUD = { warning: "warn", error: "bad", critical: "bad" };

/** All lines by time, or null when there are none. */
export function logLines(trace) {
  if (trace.logs.length === 0) return null;
  return h(
    "section",
    { class: "log", "aria-labelledby": "title-log" },
    h("h3", { id: "title-log" }, t("trace.log")),
    h(
      "ol",
      { class: "card lines", role: "list", tabindex: 0, "aria-labelledby": "title-log" },
      trace.logs.map(line),
    ),
  );
}

function line(one) {
  return h(
    "li",
    { dataset: { level: one.level } },
    h("span", { class: "n" }, `${one.at_s < 0 ? "−" : "+"}${time(Math.abs(one.at_s))}`),
    h("span", { class: `level ${LOUD[one.level] ?? ""}` }, one.level),
    h(
      "span",
      { class: "text" },
      h("b", {}, one.event),
      one.exception && h("em", {}, ` ${one.exception}`),
      attributesOf(one.fields),
    ),
  );
}
