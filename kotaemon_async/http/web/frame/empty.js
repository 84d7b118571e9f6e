// What stands where the conversation will be: how it works here, or what to do first.

import { isUnfinished } from "../documents/document_store.js";
import { fill, h, icon } from "./dom.js";
import { count } from "./format.js";
import { may } from "./session.js";
import { t } from "./strings.js";

const MOST_NAMED = 3;

/** Teaches; `looking` promises {total, ready, documents}, or null when that is not known; `choose(document)`. */
export function emptyState(looking, choose) {
  const node = h("div", { class: "empty-ask" }, h("h3", {}, t("empty.title")), h("div", { class: "wait" }));
  looking.then((known) => fill(node, known?.total === 0 ? nothingYet() : howTo(known, choose)));
  return node;
}

function nothingYet() {
  if (!may("write")) return [h("h3", {}, t("empty.none.title")), h("p", {}, t("documents.empty.read"))];
  return [
    h("h3", {}, t("empty.none.title")),
    h("p", {}, t("empty.none.text")),
    h("a", { class: "go", id: "first-upload", href: "#documents" }, icon("upload"), t("empty.none.go")),
  ];
}

function howTo(known, choose) {
  const reading = (known?.documents ?? []).filter(isUnfinished).length;
  const ready = (known?.documents ?? []).filter((one) => one.status === "ready").slice(0, MOST_NAMED);
  const tip = (look, words) => h("li", {}, icon(look), h("span", {}, words));
  return [
    h("h3", {}, t("empty.title")),
    h("p", {}, t("empty.text")),
    h(
      "ul",
      { class: "tips" },
      tip("scope", t("empty.tip.scope")),
      tip("ask", t("empty.tip.follow")),
      tip("check", t("empty.tip.honest")),
    ),
    reading > 0 && h("p", { class: "small" }, t("empty.reading", { n: reading, count: count(reading) })),
    ready.length > 0 && h("h4", {}, t("empty.one")),
    ready.length > 0 &&
    h(
      "div",
      { class: "few" },
      ready.map((one) =>
        h(
          "button",
          {
            type: "button",
            class: "plain",
            title: one.name,
            onclick: () => choose(one),
          },
          icon("documents"),
          h("span", {}, one.name),
        )
      ),
    ),
  ];
}
