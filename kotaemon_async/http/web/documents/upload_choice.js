// What to upload and into which collection: dropped anywhere on the page, or chosen with the buttons of the view.

import { collections } from "./collections.js";
import { COLLECTION } from "./document_actions.js";
import { h, icon } from "../frame/dom.js";
import { acceptDrops, visible } from "./drops.js";
import { say } from "../frame/notice.js";
import { may } from "../frame/session.js";
import { t } from "../frame/strings.js";
import { uploads } from "./uploads.js";

const INTO = "kotaemon.into";

const into = () => localStorage.getItem(INTO) ?? "default";

/** Takes files that are dropped anywhere on the page, and shows where they went. */
export function acceptDroppedDocuments(shared) {
  acceptDrops((given) => {
    shared.go("documents");
    take(given);
  }, () => (may("write") ? t("uploads.drop_into", { collection: into() }) : t("rights.upload")));
}

function take(given) {
  if (!may("write")) say(t("rights.upload"));
  else if (given.length) uploads.add(given, into());
  else say(t("uploads.none"));
}

/** Into which collection uploads go: one that is there, or a new name. */
export function intoField() {
  const list = h("datalist", { id: "into-collections" });
  const keep = () => {
    if (!input.value.trim()) input.value = "default";
    if (input.reportValidity()) localStorage.setItem(INTO, input.value.trim());
  };
  const offer = () => list.replaceChildren(...collections.writable().map((value) => h("option", { value })));
  const input = h("input", {
    class: "field",
    id: "into",
    list: "into-collections",
    value: into(),
    pattern: COLLECTION,
    title: t("documents.into.title"),
    maxlength: 100,
    autocomplete: "off",
    spellcheck: "false",
    onfocus: offer,
    onchange: keep,
  });
  return h("label", { class: "into" }, h("span", {}, t("documents.into")), input, list);
}

/** The buttons for files and for a folder. */
export function uploadButtons() {
  const chosen = (event) => {
    take(visible(event.target.files));
    event.target.value = "";
  };
  const files = h("input", { type: "file", multiple: true, id: "files", hidden: true, onchange: chosen });
  const folder = h("input", {
    type: "file",
    webkitdirectory: true,
    id: "folder",
    hidden: true,
    onchange: chosen,
  });
  return [
    h(
      "button",
      { class: "plain", type: "button", id: "upload-folder", onclick: () => folder.click() },
      t("documents.folder"),
    ),
    h(
      "button",
      { class: "go", type: "button", id: "upload-files", onclick: () => files.click() },
      icon("upload"),
      t("documents.upload"),
    ),
    files,
    folder,
  ];
}
