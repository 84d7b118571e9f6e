// The path of one request or document: what it did, when, and what held it up.

import { call } from "../frame/api.js";
import { copied } from "../frame/clipboard.js";
import { fill, h, icon } from "../frame/dom.js";
import { clock, count } from "../frame/format.js";
import { traceButton, wordsFor } from "../frame/notice.js";
import { may } from "../frame/session.js";
import { code, t } from "../frame/strings.js";
import { cuts, happened, steps, time } from "./trace_rows.js";
import { logLines } from "./trace_lines.js";

const RUNNING_EVERY_MS = 2_000;
/** Where one comes from who looks at a path. */
const home = () => (may() ? "system" : may("ask") ? "ask" : "documents");

/** Shows a path, and goes on while it runs. */
export class TraceView {
  constructor(shared) {
    this.shared = shared;
    this.name = null;
    this.body = h("div", { class: "trace-body" });
    this.node = h(
      "article",
      {
        class: "trace",
        hidden: true,
        "aria-labelledby": "trace-title",
        onkeydown: (event) => this.leave(event),
      },
      this.head(),
      this.body,
    );
  }

  head() {
    this.title = h("h2", { id: "trace-title", tabindex: -1 });
    const back = h("a", { class: "quiet back", href: `#${home()}` }, icon("previous"), t(`nav.${home()}`));
    return h("div", { class: "head" }, back, this.title, this.searchBox("trace-again"));
  }

  leave(event) {
    if (event.key === "Escape" && event.target.tagName !== "INPUT") this.shared.go(home());
  }

  /** A field for any id that leads to a path. */
  searchBox(id) {
    const field = h("input", {
      id,
      class: "field",
      type: "search",
      autocomplete: "off",
      spellcheck: "false",
      maxlength: 200,
      placeholder: t("trace.find.hint"),
    });
    const find = (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (name) this.shared.go("system", "trace", name);
      field.value = "";
    };
    return h(
      "form",
      { class: "find", role: "search", onsubmit: find },
      h("label", { class: "hidden-words", for: id }, t("trace.find")),
      icon("search"),
      field,
    );
  }

  /** Shows the path that the name leads to; null hides it. */
  show(name) {
    this.stop();
    this.node.hidden = name === null;
    if (name === this.name && this.trace) this.rest();
    if (name === null || name === this.name) return;
    this.name = name;
    this.trace = null;
    fill(this.title, t("trace.title", { id: short(name) }));
    this.title.title = name;
    fill(
      this.body,
      [40, 90, 70, 55].map((width) => h("div", { class: "wait step-wait", style: { width: `${width}%` } })),
    );
    this.ask();
    requestAnimationFrame(() => this.title.focus({ preventScroll: true }));
  }

  rest() {
    if (this.trace.status === "running") this.ask();
  }

  async ask() {
    const over = new AbortController();
    this.over = over;
    try {
      const trace = await call("GET", `/api/v1/traces/${encodeURIComponent(this.name)}`, undefined, {
        signal: over.signal,
      });
      if (over.signal.aborted) return;
      this.draw(trace);
    } catch (error) {
      if (over.signal.aborted) return;
      this.trace?.status === "running" ? this.later() : this.fail(error);
    }
  }

  later() {
    this.timer = setTimeout(() => (document.hidden ? this.later() : this.ask()), RUNNING_EVERY_MS);
  }

  draw(trace) {
    this.trace = trace;
    if (trace.status === "running") this.later();
    const focused = document.activeElement?.closest("details[data-key]")?.dataset.key;
    const unfolded = new Set(
      [...this.body.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key),
    );
    fill(this.title, t("trace.title", { id: trace.trace_id.slice(0, 8) }));
    this.title.title = trace.trace_id;
    fill(this.body, this.summary(), this.held(), steps(trace, unfolded), logLines(trace));
    if (focused) this.body.querySelector(`details[data-key="${CSS.escape(focused)}"] > summary`)?.focus();
  }

  summary() {
    const { trace } = this;
    const kind = { ok: "ok", error: "bad", cancelled: "", running: "", unfinished: "warn" }[trace.status];
    const sums = [["steps", trace.spans], ["lines", trace.logs]].map(([name, all]) =>
      t(`trace.${name}`, { n: all.length, count: count(all.length) })
    );
    const documents = [...new Set(trace.spans.map((span) => span.attributes.doc_id).filter(Boolean))];
    return h(
      "div",
      { class: "trace-sum" },
      h("span", { class: `badge ${kind}`, id: "trace-status" }, code("trace.status", trace.status)),
      trace.duration_s !== null && h("b", {}, time(trace.duration_s)),
      h("small", {}, [clock(trace.started_at), ...sums, ...documents].join(" · ")),
      h("span", { class: "acts" }, traceButton(trace.trace_id), this.copyButton()),
    );
  }

  copyButton() {
    const copy = async () => {
      if (!(await copied(JSON.stringify(this.trace, null, 2)))) return;
      fill(button, icon("check"), t("copied"));
      setTimeout(() => fill(button, icon("copy"), t("trace.json")), 1500);
    };
    const button = h(
      "button",
      { type: "button", class: "quiet", id: "copy-trace", onclick: copy },
      icon("copy"),
      t("trace.json"),
    );
    return button;
  }

  /** What held it up, as sentences in their order. */
  held() {
    const all = [
      ...["waits", "retries", "fallbacks"].flatMap((kind) => this.trace[kind]),
      ...cuts(this.trace),
    ].sort((one, other) => one.at_s - other.at_s);
    const cut = this.trace.truncated && h("p", { class: "small warn" }, t("trace.truncated"));
    if (all.length === 0) return cut;
    return [
      cut,
      h(
        "section",
        { class: "held", "aria-labelledby": "title-held" },
        h("h3", { id: "title-held" }, t("trace.held")),
        h(
          "ul",
          {},
          all.map((one) =>
            h(
              "li",
              { dataset: { event: one.name } },
              h("span", { class: "n" }, `+${time(one.at_s)}`),
              h("span", {}, happened(one)),
            )
          ),
        ),
      ),
    ];
  }

  fail(error) {
    const isUnknown = error.code === "not_found";
    const { text, hint } = isUnknown
      ? { text: t("trace.unknown", { id: this.name }), hint: t("trace.unknown.hint") }
      : wordsFor(error);
    const again = h(
      "button",
      { type: "button", class: "plain", onclick: () => this.ask() },
      icon("again"),
      t("trace.again"),
    );
    fill(
      this.body,
      h(
        "div",
        { class: "empty", role: "alert" },
        h("h3", {}, text),
        h("p", {}, hint),
        again,
        isUnknown ? null : traceButton(error.traceId),
      ),
    );
  }

  stop() {
    this.over?.abort();
    clearTimeout(this.timer);
  }

  close() {
    this.stop();
  }
}

/** Long ids are cut in the middle of nothing: their beginning tells them apart. */
const short = (
  name,
) => (/^[0-9a-f]{32}$/.test(name) ? name.slice(0, 8) : name.length > 40 ? `${name.slice(0, 40)}…` : name);
