// One question and its answer, from the first sign of life to the last: every state it can be in is shown as what it is.

import { call } from "../frame/api.js";
import { liveChips, nameChips, provisional } from "./chips.js";
import { doubtful, rejectedWords, withDoubt } from "./claims.js";
import { fill, h, icon, trusted } from "../frame/dom.js";
import { events } from "../frame/events.js";
import { count } from "../frame/format.js";
import { traceButton, wordsFor } from "../frame/notice.js";
import { keepUnfinished } from "./remembered.js";
import { markSentences } from "./sentence_marks.js";
import { because, servedLine } from "./served.js";
import { code, t } from "../frame/strings.js";

const SILENT_MS = 8_000;
const LOOKS = 3;

/**
 * `desk` is where it lies: openSource(citation, from), again(turn), edit(turn), changed(turn), announce(words).
 * `state` is one of asking, reading, writing, done, interrupted, stopped, lost, left, failed.
 */
export class Turn {
  constructor({ question, scope, conversationId }, desk) {
    Object.assign(this, {
      question,
      scope,
      conversationId,
      desk,
      answer: null,
      said: "",
      html: "",
      tail: "",
      passages: [],
      traceId: "",
      heardAt: 0,
      isSilent: false,
    });
    this.progress = h("p", { class: "progress" });
    this.voided = h("div", {});
    this.text = h("div", { class: "answer" });
    this.below = h("div", {});
    this.node = h(
      "article",
      { class: "turn" },
      h("h3", { class: "asked" }, question),
      this.voided,
      this.text,
      this.progress,
      this.below,
    );
    liveChips(this.text, (marker) => this.source(marker), this.#open);
  }

  #open = (source, from) => this.desk.openSource(source, from);

  get isRunning() {
    return ["asking", "reading", "writing"].includes(this.state);
  }

  /** The citation behind a marker; while the answer is under way the passage that has this number. */
  source(marker) {
    if (this.answer) {
      return withDoubt(this.answer, this.answer.citations.find((one) => one.marker === marker)) ?? null;
    }
    const passage = this.passages[marker - 1];
    return passage ? provisional(passage, marker) : null;
  }

  /** Asks, and shows what is heard until the end. */
  async run() {
    this.control = new AbortController();
    this.#become("asking", t("turn.looking"));
    document.addEventListener("health", this.#watch);
    keepUnfinished(this.conversationId, this.#leftover());
    try {
      for await (
        const event of events("POST", "/api/v1/answers", this.#request(), { signal: this.control.signal })
      ) this.#hear(event);
      if (this.isRunning) this.#lose();
    } catch (error) {
      if (!this.isRunning) return;
      if (error.name === "AbortError" && !this.isSilent) this.stopped();
      else if (this.heardAt > 0 || this.isSilent) this.#lose();
      else this.failed(error);
    } finally {
      document.removeEventListener("health", this.#watch);
    }
  }

  stop() {
    this.control?.abort();
  }

  /** Shows a whole answer, or one that broke off, as the service told or kept it. */
  show(answer) {
    this.answer = answer;
    const isCut = answer.complete === false;
    if (answer.html !== undefined || !this.html) this.#write(answer.html ?? null, answer.answer);
    markSentences(this.text, "uncited", answer.uncited);
    for (const kind of ["check", "unsupported"]) {
      markSentences(
        this.text,
        kind,
        doubtful(answer, kind).map((one) => one.sentence),
      );
    }
    const todo = [!isCut && ["again", "again", () => this.desk.again(this)], [
      "edit",
      "edit",
      () => this.desk.edit(this),
    ]].filter(Boolean);
    const line = servedLine(answer, { isCut, todo, openSource: this.#open });
    const why = answer.reasons.map(because).join(", ");
    const note = isCut ? this.#note(why ? t("turn.cut.text", { because: why }) : t("turn.cut.left")) : null;
    fill(this.below, note, line, rejectedWords(answer));
    for (const old of this.voided.querySelectorAll("details")) old.open = false;
    this.#become(isCut ? "interrupted" : "done");
  }

  /** The person had enough. */
  stopped() {
    this.#end("stopped", t("turn.stopped"));
  }

  /** Shows what was left of a question when the page was closed. */
  leftBehind({ text, state }) {
    this.said = text;
    if (text) this.#write(null, text);
    this.#end(
      state === "stopped" ? "stopped" : "left",
      t(state === "stopped" ? "turn.stopped" : "turn.left"),
    );
  }

  failed(error) {
    const { text, hint } = wordsFor(error);
    // What passes by itself is left to the person here: an answer that comes out of turn would surprise.
    const more = [0, 429, 503].includes(error.status) ? t("turn.later") : hint;
    this.#end("failed", text, more && h("small", {}, more), traceButton(error.traceId));
  }

  /** Keeps what is there for the next time that this page is opened. */
  keep() {
    if (this.isRunning) keepUnfinished(this.conversationId, this.#leftover());
  }

  #request() {
    const { collection, documentIds } = this.scope;
    return {
      question: this.question,
      conversation_id: this.conversationId,
      stream: true,
      html: true,
      ...(collection && { collection }),
      ...(documentIds.length > 0 && { document_ids: documentIds }),
    };
  }

  #leftover() {
    return {
      question: this.question,
      scope: this.scope,
      text: this.said,
      state: this.state,
      traceId: this.traceId,
    };
  }

  #hear({ name, data }) {
    this.heardAt = Date.now();
    if (name === "passages") this.#found(data);
    else if (name === "delta") this.#said(data.text);
    else if (name === "html") this.#write(this.html = data.html, this.tail = "");
    else if (name === "restart") this.#restart(data);
    else if (name === "done") this.#whole(data);
    else if (name === "interrupted") this.#whole({ ...data, complete: false });
  }

  #found({ passages, trace_id: traceId }) {
    Object.assign(this, { passages, traceId });
    const names = [...new Set(passages.map((one) => one.document_name))];
    const shown = names.slice(0, 2).join(", ") + (names.length > 2 ? " …" : "");
    this.#become(
      "reading",
      passages.length > 0
        ? t("turn.reading", { n: passages.length, count: count(passages.length), names: shown })
        : t("turn.writing"),
    );
  }

  #said(text) {
    this.said += text;
    this.tail += text;
    if (this.html) this.#append(this.tail);
    else this.#write(null, this.said);
    if (this.state !== "writing") this.#become("writing");
    else this.desk.changed(this);
  }

  #whole(answer) {
    keepUnfinished(this.conversationId, null);
    this.show(answer);
    const sources = t("turn.sources", { n: answer.citations.length, count: count(answer.citations.length) });
    const text = this.text.innerText.replace(/\s+/g, " ").slice(0, 600);
    this.desk.announce(
      answer.complete === false ? `${t("turn.cut")}. ${text}` : t("ask.answered", { sources, text }),
    );
  }

  /** An answer starts anew: what was said until now is void, and can be seen to be, unless it was thoughts. */
  #restart({ link, reason }) {
    if (reason !== "thoughts") this.#void(link, reason);
    this.text.replaceChildren();
    Object.assign(this, { said: "", html: "", tail: "" });
    this.#become("reading", t("turn.writing"));
  }

  #void(link, reason) {
    const old = h(
      "details",
      { class: "voided", open: true },
      h("summary", {}, t("turn.voided")),
      h("div", { class: "answer" }, ...this.text.childNodes),
    );
    for (const chip of old.querySelectorAll(".chip")) chip.disabled = true;
    this.voided.append(
      old,
      h(
        "p",
        { class: "restarted" },
        icon("again"),
        t("turn.restarted", { because: code("error", reason), link: code("who", link) }),
      ),
    );
  }

  #write(html, text) {
    this.text.classList.toggle("as-typed", html === null);
    if (html === null) this.text.textContent = text;
    else trusted(this.text, html);
    nameChips(this.text, (marker) => this.source(marker));
    this.desk.changed(this);
  }

  /** What was said since the last HTML came, as plain text at its end. */
  #append(tail) {
    let last = this.text;
    while (last.lastElementChild && /^(P|UL|OL|LI|BLOCKQUOTE|H\d)$/.test(last.lastElementChild.tagName)) {
      last = last.lastElementChild;
    }
    const old = last.querySelector(":scope > .tail");
    if (old) old.textContent = tail;
    else last.append(h("span", { class: "tail" }, tail));
  }

  #lose() {
    this.#end(
      "lost",
      t("turn.lost"),
      h("small", { class: "looking" }, this.traceId ? t("turn.lost.looking") : ""),
    );
    if (this.traceId) this.#lookForTheRest();
  }

  /** The answer may have been kept although its end was not heard. */
  #lookForTheRest() {
    let looks = 0;
    const look = async (event) => {
      if (event?.detail.status === "unreachable") return;
      looks += 1;
      const found = await keptAnswer(this.conversationId, this.traceId).catch(() => null);
      if (found || looks >= LOOKS || this.state !== "lost") document.removeEventListener("health", look);
      if (found && this.state === "lost") this.#whole(found);
      else if (looks >= LOOKS) this.below.querySelector(".looking")?.remove();
    };
    document.addEventListener("health", look);
    look();
  }

  /** A service that is not reached, and nothing heard for a while: this answer does not come any more. */
  #watch = ({ detail }) => {
    if (detail.status !== "unreachable" || Date.now() - this.heardAt < SILENT_MS) return;
    this.isSilent = true;
    this.control.abort();
  };

  #end(state, words, ...more) {
    this.#become(state);
    fill(this.below, this.#note(words, ...more));
    this.desk.changed(this);
    keepUnfinished(this.conversationId, this.#leftover());
    this.desk.announce(words);
  }

  #note(words, ...more) {
    const again = h(
      "button",
      {
        type: "button",
        class: "plain",
        dataset: { do: "again" },
        onclick: () => this.desk.again(this),
      },
      icon("again"),
      t("turn.again"),
    );
    return h(
      "div",
      { class: "cut" },
      h(
        "div",
        {},
        h("p", {}, words),
        this.said || this.answer || this.state === "failed" ? null : h("small", {}, t("turn.nothing")),
        more,
      ),
      again,
    );
  }

  #become(state, progress = "") {
    this.state = state;
    this.node.dataset.state = state;
    this.text.setAttribute("aria-busy", String(this.isRunning));
    this.progress.textContent = progress;
    this.progress.hidden = !progress;
    this.desk.changed(this);
  }
}

async function keptAnswer(conversationId, traceId) {
  const found = await call("GET", `/api/v1/conversations/${encodeURIComponent(conversationId)}?html=true`);
  return found.answers.find((one) => one.trace_id === traceId) ?? null;
}
