// The view "System": how the service is, its last half hour, its incidents, and the path of a request.

import { copied } from "../frame/clipboard.js";
import { fill, h, icon } from "../frame/dom.js";
import { age, clock } from "../frame/format.js";
import { Figures } from "./figures.js";
import { health } from "./health_memory.js";
import { IncidentList } from "./incident_list.js";
import { say } from "../frame/notice.js";
import { t } from "../frame/strings.js";
import { charts } from "./system_cards.js";
import { countDown, headline, partList } from "./system_parts.js";
import { reportText } from "./system_report.js";
import { TraceView } from "./trace_view.js";

const FIGURES_EVERY_MS = 5_000;

/** Kept while the page lives: coming back shows at once what was known. */
const figures = new Figures();

/** The view; `rest` is nothing, or ["trace", id]. */
export function system(shared, rest) {
  const view = new SystemView(shared);
  view.moved(rest);
  return { node: view.node, moved: (now) => view.moved(now), close: () => view.close() };
}

class SystemView {
  constructor(shared) {
    this.shared = shared;
    this.over = new AbortController();
    this.charts = charts();
    this.incidents = new IncidentList();
    this.trace = new TraceView(shared);
    this.banner = h(
      "div",
      { class: "headline", id: "headline", "aria-live": "polite" },
      h("div", { class: "wait" }),
    );
    this.stale = h("p", { class: "stale", id: "stale", role: "status", hidden: true });
    this.table = h(
      "table",
      { class: "parts" },
      h("tbody", {}, h("tr", {}, h("td", {}, h("div", { class: "wait" })))),
    );
    this.span = h("small", {});
    this.overview = h("div", { class: "overview" }, this.top(), this.stale, this.banner, this.sections());
    this.node = h("section", { class: "view system" }, this.overview, this.trace.node);
    this.listen();
  }

  top() {
    const copy = h(
      "button",
      {
        type: "button",
        class: "plain",
        id: "copy-report",
        onclick: () => this.copyReport(copy),
      },
      icon("copy"),
      t("system.copy"),
    );
    return h(
      "div",
      { class: "head" },
      h("h2", {}, t("nav.system")),
      this.trace.searchBox("trace-search"),
      copy,
    );
  }

  sections() {
    const part = (id, ...content) => h("section", { "aria-labelledby": id }, content);
    return [
      part("title-incidents", h("h3", { id: "title-incidents" }, t("system.incidents")), this.incidents.node),
      part(
        "title-figures",
        h("h3", { id: "title-figures" }, t("system.figures"), " ", this.span),
        h("div", { class: "figures", id: "figures" }, this.charts.map((one) => one.node)),
      ),
      part(
        "title-parts",
        h("h3", { id: "title-parts" }, t("system.parts")),
        h("div", { class: "parts-frame" }, this.table),
      ),
    ];
  }

  listen() {
    const { signal } = this.over;
    document.addEventListener("health", () => this.hear(), { signal });
    document.addEventListener("visibilitychange", () => this.look(), { signal });
    this.timers = [setInterval(() => this.look(), FIGURES_EVERY_MS), setInterval(() => this.tick(), 1000)];
    this.draw();
  }

  moved(rest) {
    const isTrace = rest[0] === "trace" && Boolean(rest[1]);
    this.overview.hidden = isTrace;
    this.trace.show(isTrace ? rest[1] : null);
    if (!isTrace) this.goOn();
    this.node.scrollTop = 0;
  }

  goOn() {
    this.look();
    this.askIncidents();
  }

  /** Asks for new figures, if somebody can see them. */
  async look() {
    if (document.hidden || this.overview.hidden || this.isLooking) return;
    this.isLooking = true;
    const isKnown = await figures.refresh(this.over.signal).then(() => true, () => false);
    this.isLooking = false;
    if (!isKnown || this.over.signal.aborted) return this.showAge();
    this.drawFigures();
    return this.showAge();
  }

  async hear() {
    this.draw();
    if (!this.overview.hidden && health.isReached) await this.askIncidents();
  }

  async askIncidents() {
    await this.incidents.refresh(this.over.signal).catch((error) =>
      this.over.signal.aborted || this.incidents.fail(error)
    );
    this.drawHeadline();
  }

  draw() {
    this.drawFigures();
    this.showAge();
    this.drawHeadline();
    if (health.report) partList(this.table);
  }

  drawHeadline() {
    if (!health.report) return;
    const { status, title, reasons } = headline(this.incidents.open.length);
    const words = [title, ...reasons.map((one) => one.textContent)].join("\n");
    if (words === this.said) return; // replaced only when it changes: it is read out
    this.said = words;
    this.banner.dataset.status = status;
    fill(
      this.banner,
      h("p", { class: "title" }, h("i", { class: "dot" }), h("strong", {}, title)),
      reasons.length > 0 && h("ul", {}, reasons),
    );
  }

  drawFigures() {
    if (figures.at.length === 0) return;
    for (const one of this.charts) one.draw(figures);
    fill(this.span, t("system.last", { time: age(Math.max(60, figures.at.at(-1) - figures.at[0])) }));
  }

  /** Greys what is no longer known to be so, with its time. */
  showAge() {
    const last = figures.at.at(-1);
    const isLost = !health.isReached;
    this.overview.classList.toggle("old", isLost);
    this.stale.hidden = !isLost;
    const atS = Math.max(last ?? 0, health.atMs / 1000);
    fill(this.stale, atS ? t("system.as_of", { time: clock(atS) }) : t("system.unreached"));
  }

  tick() {
    for (const node of this.table.querySelectorAll("[data-until]")) countDown(node);
  }

  async copyReport(button) {
    const isCopied = await copied(await reportText(figures, this.incidents));
    if (!isCopied) return say(t("system.not_copied"), { kind: "bad" });
    fill(button, icon("check"), t("copied"));
    setTimeout(() => fill(button, icon("copy"), t("system.copy")), 1500);
    return undefined;
  }

  close() {
    this.over.abort();
    this.trace.close();
    for (const timer of this.timers) clearInterval(timer);
  }
}
