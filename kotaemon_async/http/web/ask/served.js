// The line below an answer: who gave it and why, what it rests on, how long it took, and what to do with it.

import { giveCards } from "../frame/card.js";
import { claimList, withDoubt } from "./claims.js";
import { copied } from "../frame/clipboard.js";
import { fill, h, icon } from "../frame/dom.js";
import { age, count, duration } from "../frame/format.js";
import { traceButton } from "../frame/notice.js";
import { saidCitation } from "../frame/places.js";
import { code, t } from "../frame/strings.js";

const OLD_S = 60;

/** A reason in words, e.g. "primary timed out". */
export function because({ component, code: why }) {
  const part = code("who", component);
  const sentence = code("because", why);
  if (sentence.includes("{part}")) return sentence.replace("{part}", part);
  return `${part}: ${code("error", why)}`;
}

/** The line; `todo` are the buttons of this turn as [name, icon, what to do]. */
export function servedLine(answer, { isCut, todo, openSource }) {
  const sources = sourceList(answer, openSource);
  const claims = claimList(answer);
  const line = h(
    "div",
    { class: "served" },
    badge(answer, isCut),
    answer.citations.length > 0 && sources.button,
    answer.timings_s?.total !== undefined &&
      h("span", { class: "took", title: t("turn.time") }, duration(answer.timings_s.total)),
    answer.missing?.length > 0 &&
      h("span", { class: "missing" }, t("turn.missing", { names: answer.missing.join(" · ") })),
    claims?.button,
    answer.uncited.length > 0 && uncitedButton(answer.uncited),
    h(
      "span",
      { class: "todo" },
      h("button", {
        type: "button",
        class: "quiet",
        dataset: { do: "copy" },
        "aria-label": t("turn.copy"),
        title: t("turn.copy"),
        onclick: (event) => copy(event.currentTarget, answer),
      }, icon("copy")),
      todo.map(([name, look, action]) =>
        h("button", {
          type: "button",
          class: "quiet",
          dataset: { do: name },
          "aria-label": t(`turn.${name}`),
          title: t(`turn.${name}`),
          onclick: action,
        }, icon(look))
      ),
      traceButton(answer.trace_id),
      answer.trace_id &&
        h("a", {
          class: "quiet",
          dataset: { do: "path" },
          href: `#system/trace/${encodeURIComponent(answer.trace_id)}`,
          "aria-label": t("turn.path"),
          title: t("turn.path"),
        }, icon("path")),
    ),
  );
  giveCards(line, ".badge[data-reasons]", () => answer.reasons.map((one) => h("p", {}, because(one))));
  giveCards(line, ".uncited", () => answer.uncited.map((one) => h("p", { class: "quoted" }, one)));
  return h("div", {}, line, claims?.list, sources.list);
}

function badge(answer, isCut) {
  const old = answer.age_s >= OLD_S ? t("served.old", { age: age(answer.age_s) }) : null;
  const why = isCut ? t("turn.cut") : answer.reasons.length > 0 ? because(answer.reasons[0]) : null;
  const who = giver(answer);
  const words = [old ? `${who}, ${old}` : who, why].filter(Boolean).join(" · ");
  const look = lookOf(answer, isCut);
  const more = !isCut && answer.reasons.length > 1 ? ` +${answer.reasons.length - 1}` : "";
  const data = { served: answer.served_by };
  if (answer.reasons.length === 0) return h("span", { class: `badge ${look}`, dataset: data }, words);
  return h(
    "button",
    {
      type: "button",
      class: `badge ${look}`,
      dataset: { ...data, reasons: answer.reasons.map((one) => `${one.component}:${one.code}`).join(" ") },
    },
    words,
    more,
  );
}

/** Who gave the answer, or that it is none of what was asked for. */
function giver(answer) {
  if (answer.outcome === "nearest") return t("outcome.nearest");
  if (answer.served_by !== "extractive" || answer.complete === false) return code("served", answer.served_by);
  if (answer.outcome === "nothing") return t("outcome.nothing");
  return answer.citations.length > 0 ? code("served", "extractive") : t("served.itself");
}

/** Green is for answers alone: not for the nearest, for nothing, for greetings, nor for what is in doubt. */
function lookOf(answer, isCut) {
  if (answer.served_by === "busy") return "bad";
  if (answer.degraded || isCut || (answer.claims ?? []).some((one) => one.verdict === "unsupported")) {
    return "warn";
  }
  const isReply = answer.served_by === "extractive" && answer.citations.length === 0;
  return answer.outcome === "nearest" || answer.outcome === "nothing" || isReply ? "" : "ok";
}

function uncitedButton(sentences) {
  return h(
    "button",
    { type: "button", class: "quiet uncited" },
    t("turn.uncited", { n: sentences.length, count: count(sentences.length) }),
  );
}

/** The button "3 sources", and the list that it opens: also for fingers, which cannot hover. */
function sourceList(answer, openSource) {
  const { citations } = answer;
  const list = h(
    "ol",
    { class: "sources", hidden: true },
    citations.map((one) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: "source",
            dataset: { marker: one.marker },
            onclick: (event) => openSource(withDoubt(answer, one), event.currentTarget),
          },
          h("span", { class: "number", "aria-hidden": "true" }, one.marker),
          h("span", {}, h("b", {}, one.document_name), h("small", {}, whereOf(one)), h("q", {}, one.quote)),
        ),
      )
    ),
  );
  const flip = () => {
    list.hidden = !list.hidden;
    button.setAttribute("aria-expanded", String(!list.hidden));
  };
  const button = h(
    "button",
    { type: "button", class: "quiet", dataset: { do: "sources" }, "aria-expanded": "false", onclick: flip },
    t("turn.sources", { n: citations.length, count: count(citations.length) }),
    icon("down"),
  );
  return { button, list };
}

async function copy(button, answer) {
  if (!(await copied(withSources(answer)))) return;
  fill(button, icon("check"));
  setTimeout(() => fill(button, icon("copy")), 1500);
}

/** Where a quote stands, and whether its document is gone. */
function whereOf(citation) {
  const place = saidCitation(citation);
  return citation.gone ? `${place}${t("place.comma")}${t("source.gone")}` : place;
}

/** The answer as plain text with its sources, to be pasted elsewhere. */
export function withSources(answer) {
  const sources = answer.citations.map((one) =>
    `[${one.marker}] ${one.document_name}, ${whereOf(one)}: “${one.quote.replace(/\s+/g, " ").trim()}”`
  );
  return [
    answer.answer.trim(),
    ...(sources.length > 0 ? [`${t("turn.sources.copied")}:\n${sources.join("\n")}`] : []),
  ].join("\n\n");
}
