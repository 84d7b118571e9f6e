// What the view says when there is nothing to list.

import { h, icon } from "../frame/dom.js";
import { may } from "../frame/session.js";
import { t } from "../frame/strings.js";

/** What can be read, and the three ways to hand it in. */
export function emptyState() {
  if (!may("write")) {
    return h(
      "div",
      { class: "empty", hidden: true },
      icon("documents"),
      h("h2", {}, t("documents.empty")),
      h("p", {}, t("documents.empty.read")),
    );
  }
  const way = (sign, name, ...more) =>
    h(
      "li",
      {},
      icon(sign),
      h(
        "div",
        {},
        h("b", {}, t(`documents.empty.${name}`)),
        h("small", {}, t(`documents.empty.${name}.how`)),
        more,
      ),
    );
  return h(
    "div",
    { class: "empty teach", hidden: true },
    icon("documents"),
    h("h2", {}, t("documents.empty")),
    h("p", {}, t("documents.empty.what")),
    h(
      "ul",
      {},
      way("down", "drop"),
      way("upload", "button"),
      way("next", "command", h("code", {}, "kotaemon-async ingest FOLDER")),
    ),
    h("p", { class: "small" }, t("documents.empty.then")),
  );
}

/** That nothing matches, and the way back. */
export function noMatchState(showAll) {
  return h(
    "div",
    { class: "empty", hidden: true },
    h("h2", {}, t("documents.no_match")),
    h("p", {}, t("documents.no_match.hint")),
    h("button", { class: "plain", type: "button", onclick: showAll }, t("documents.show_all")),
  );
}
