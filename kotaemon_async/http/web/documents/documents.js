// The view "Documents": what was handed in, how far each is, and what can be done with it.

import { ask, busy, cancel, canRetry, move, openOriginal, remove, retry } from "./document_actions.js";
import { collections, mayChange } from "./collections.js";
import { Choice, Selection } from "../ask/document_choice.js";
import { emptyState, noMatchState } from "./document_hints.js";
import { openMenu } from "./document_menu.js";
import { DocumentRows } from "./document_rows.js";
import { stateOf } from "./document_status.js";
import { isUnfinished, store } from "./document_store.js";
import { showWarnings } from "./document_warnings.js";
import { filters, listHead, selectionBar } from "./document_tools.js";
import { h } from "../frame/dom.js";
import { count } from "../frame/format.js";
import { say, sayError } from "../frame/notice.js";
import { may } from "../frame/session.js";
import { mayShare, share, sharingLine } from "./sharing.js";
import { t } from "../frame/strings.js";
import { intoField, uploadButtons } from "./upload_choice.js";
import { uploadList } from "./upload_list.js";
import { uploads } from "./uploads.js";

const DENSE = "kotaemon.dense";
const SUMMARY_EVERY_MS = 10_000;
const AGES_EVERY_MS = 30_000;

/** The view; with an id it shows where that document stands. */
export function documents(shared, [wanted] = []) {
  const view = new DocumentView(shared, wanted);
  return { node: view.node, close: () => view.close(), moved: ([id]) => view.find(id) };
}

class DocumentView {
  #choice = new Choice();
  #selection = new Selection();
  #shown = [];
  #isDense = localStorage.getItem(DENSE) === "yes";
  #isBusy = false;
  #wanted;
  #ends = [];

  constructor(shared, wanted) {
    this.shared = shared;
    this.#wanted = wanted;
    this.#build();
    const telling = setInterval(() => (this.summary.textContent = summaryOf(store.all())), SUMMARY_EVERY_MS);
    const ageing = setInterval(() => this.show(), AGES_EVERY_MS);
    const forget = uploads.watch(() => uploads.isBusy === this.#isBusy || this.show());
    this.#ends = [
      forget,
      store.watch(() => this.show()),
      collections.watch(() => this.show()),
      () => clearInterval(telling),
      () => clearInterval(ageing),
      () => this.uploads.close(),
      () => this.list.close(),
    ];
    collections.read();
    this.show();
  }

  #build() {
    const change = () => {
      this.list.node.scrollTop = 0;
      this.show();
    };
    this.uploads = uploadList(uploads);
    this.tools = filters(this.#choice, change, () => this.#turnDensity());
    this.bar = selectionBar(this.#acts());
    this.sharing = sharingLine();
    this.titles = listHead(
      this.#choice,
      change,
      (isOn) => (isOn ? this.#selection.all(this.#shown) : this.#selection.clear(), this.show()),
    );
    this.list = new DocumentRows({
      label: t("nav.documents"),
      head: this.titles.node,
      selection: this.#selection,
      busy,
      hear: (what, one, anchor) => this.#hear(what, one, anchor),
    });
    this.number = h("span", { class: "number" });
    this.summary = h("p", { class: "hidden-words", role: "status" });
    this.nothing = emptyState();
    this.noMatch = noMatchState(
      () => (this.#choice.set({ words: "", collection: "", status: "" }), this.show()),
    );
    this.node = h(
      "section",
      { class: "view documents" },
      h(
        "header",
        { class: "head" },
        h("h2", {}, t("nav.documents"), this.number),
        may("write") && [intoField(), ...uploadButtons()],
      ),
      this.uploads.node,
      this.tools.node,
      this.bar.node,
      this.sharing.node,
      this.list.node,
      this.nothing,
      this.noMatch,
      this.summary,
    );
  }

  close() {
    for (const end of this.#ends) end();
  }

  find(id) {
    this.#wanted = id;
    this.show();
  }

  /** Shows what is known now. */
  show() {
    const all = store.all();
    const isWaiting = !store.isWhole && all.length === 0;
    this.#selection.prune(store);
    this.#shown = this.#choice.of(store);
    this.number.textContent = all.length ? `${count(all.length)}${store.isWhole ? "" : " …"}` : "";
    this.#isBusy = uploads.isBusy;
    this.nothing.hidden = isWaiting || this.#isBusy || all.length > 0;
    this.noMatch.hidden = all.length === 0 || this.#shown.length > 0;
    const isEmpty = !isWaiting && all.length === 0;
    this.list.node.hidden = isEmpty || !this.noMatch.hidden;
    this.tools.node.hidden = isEmpty || this.#selection.size > 0;
    this.tools.show(all, this.#isDense, store.isAway);
    const selected = this.#selected();
    const isHis = selected.every(mayChange);
    this.bar.show(selected.length, {
      ask: may("ask"),
      retry: isHis && selected.some(canRetry),
      move: isHis,
      delete: isHis,
    });
    this.sharing.show(this.#choice.collection);
    this.titles.show(this.#shown, this.#selection);
    this.list.show(this.#shown, this.#isDense, isWaiting);
    if (this.#wanted && store.get(this.#wanted)) {
      this.list.reveal(this.#wanted);
      this.#wanted = undefined;
    }
  }

  #turnDensity() {
    this.#isDense = !this.#isDense;
    localStorage.setItem(DENSE, this.#isDense ? "yes" : "no");
    this.show();
  }

  #selected() {
    return [...this.#selection.ids].map((id) => store.get(id)).filter(Boolean);
  }

  /** Shows what is at work, and what came of it. */
  async #during(work) {
    this.show();
    const isDone = await work;
    this.show();
    return isDone;
  }

  async #doneWith(work) {
    if (await this.#during(work)) this.#selection.clear();
    this.show();
  }

  /** What can be done with the selected ones. */
  #acts() {
    return {
      ask: () => ask(this.#selected(), this.shared),
      retry: () => this.#during(retry(this.#selected())),
      move: () => this.#doneWith(move(this.#selected())),
      delete: () => this.#doneWith(remove(this.#selected())),
      clear: () => this.#hear("clear"),
    };
  }

  #hear(what, one, anchor) {
    const selection = this.#selection;
    if (what === "pick") selection.toggle(one.id);
    else if (what === "reach") selection.reach(one.id, this.#shown);
    else if (what === "all") selection.all(this.#shown);
    else if (what === "clear") selection.clear();
    else if (what === "retry") this.#during(retry([one]));
    else if (what === "delete") this.#delete(selection.size ? this.#selected() : [one]);
    else if (what === "warnings") showWarnings(one);
    else if (what === "menu") this.#openMenu(one, anchor);
    this.show();
  }

  #delete(documents) {
    if (documents.every(mayChange)) this.#doneWith(remove(documents));
    else say(t("rights.change"));
  }

  #openMenu(one, anchor) {
    const about = [
      h("b", {}, h("bdi", {}, one.name)),
      one.status === "failed" && h("span", {}, stateOf(one).under),
    ];
    openMenu(anchor, {
      label: t("documents.actions", { name: one.name }),
      about,
      entries: this.#entries(one),
      back: () => this.list.node.focus(),
    });
  }

  /** What can be done with one. */
  #entries(one) {
    const isHis = mayChange(one);
    return [
      { icon: "open", words: t("documents.open"), act: () => openOriginal(one) },
      may("ask") && { icon: "ask", words: t("documents.ask_one"), act: () => ask([one], this.shared) },
      one.warnings?.length > 0 &&
      { icon: "list", words: t("documents.warnings.show"), act: () => showWarnings(one) },
      isHis && canRetry(one) &&
      { icon: "again", words: t("documents.retry"), act: () => this.#during(retry([one])) },
      isHis && isUnfinished(one) &&
      { icon: "stop", words: t("documents.cancel"), act: () => this.#during(cancel([one])) },
      isHis && { icon: "next", words: t("documents.move_one"), act: () => this.#during(move([one])) },
      mayShare(one.collection) &&
      { icon: "share", words: t("share.menu"), act: () => share(one.collection).catch(sayError) },
      { icon: "system", words: t("documents.trace"), act: () => this.shared.go("system", "trace", one.id) },
      isHis &&
      {
        icon: "trash",
        words: t("documents.delete_one"),
        isBad: true,
        act: () => this.#during(remove([one])),
      },
    ].filter(Boolean);
  }
}

/** For screen readers, now and then: what goes on, not every page of it. */
function summaryOf(all) {
  const number = (status) => all.filter((one) => one.status === status).length;
  const open = all.filter(isUnfinished).length;
  return t("documents.summary", {
    n: open,
    open: count(open),
    ready: count(number("ready")),
    failed: count(number("failed")),
  });
}
