// A small live chart: one series over the last half hour, with its last value in large type.

import { fill, h, set, svg } from "../frame/dom.js";
import { clock } from "../frame/format.js";
import { t } from "../frame/strings.js";

const WIDTH = 240;
const HEIGHT = 56;
/** Values farther apart than this are not joined: nobody knows what was between them. */
const JOINED_S = 90;

/**
 * A card with a chart. `look` says how the series reads: {title, show(value) -> text, say(value) -> words, detail(figures)
 * -> text, limit(figures) -> value or null, none -> words without a value}.
 */
export class Chart {
  constructor(name, look) {
    Object.assign(this, { name, look, points: [], pointed: null });
    this.value = h("b", {}, h("span", { class: "wait number" }));
    this.detail = h("small", { class: "detail" }, h("span", { class: "wait words" }));
    this.lines = svg("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
      focusable: "false",
    });
    this.plot = h("div", {
      class: "plot wait",
      role: "img",
      tabindex: 0,
      "aria-label": look.title,
      onpointermove: (event) => this.pointTo(event),
      onpointerleave: () => this.point(null),
      onfocus: () => this.ends(),
      onblur: () => this.point(null),
      onkeydown: (event) => this.walk(event),
    }, this.lines);
    this.node = h(
      "div",
      { class: "card figure", dataset: { figure: name } },
      h("h4", {}, look.title),
      this.value,
      this.plot,
      this.detail,
    );
  }

  /** Draws what is known now. */
  draw(figures) {
    this.points = figures.points(this.name);
    if (figures.at.length === 0) return;
    this.plot.classList.remove("wait");
    this.now = figures.at.at(-1);
    this.spanS = figures.spanS;
    this.limit = this.look.limit?.(figures) ?? null;
    this.most =
      1.12 * Math.max(this.look.least ?? 0, this.limit ?? 0, ...this.points.map(([, value]) => value)) || 1;
    fill(this.lines, this.shapes());
    this.plain = this.look.detail?.(figures, this.points.at(-1)) ?? "";
    set(this.plot, "aria-label", this.words());
    this.point(this.pointed);
  }

  shapes() {
    const runs = joined(this.points);
    const line = runs.map((run) =>
      `M${run.map(([at, value]) => this.place(at, value)).join("L")}${run.length === 1 ? "h0" : ""}`
    ).join("");
    const area = runs.map((run) =>
      `M${this.x(run[0][0])} ${HEIGHT}L${run.map(([at, value]) => this.place(at, value)).join("L")}L${
        this.x(run.at(-1)[0])
      } ${HEIGHT}z`
    ).join("");
    return [
      svg("path", { class: "ground", d: `M0 ${HEIGHT}H${WIDTH}` }),
      this.limit !== null && svg("path", { class: "limit", d: `M0 ${this.y(this.limit)}H${WIDTH}` }),
      runs.length > 0 && svg("path", { class: "area", d: area }),
      runs.length > 0 && svg("path", { class: "line", d: line }),
      this.pointed !== null && svg("path", { class: "cursor", d: `M${this.x(this.pointed[0])} 0V${HEIGHT}` }),
    ];
  }

  x = (at) => Math.round(10 * WIDTH * (1 - (this.now - at) / this.spanS)) / 10;

  y = (value) => Math.round(10 * (HEIGHT - 1.5 - (HEIGHT - 3) * (value / this.most))) / 10;

  place = (at, value) => `${this.x(at)} ${this.y(value)}`;

  /** Says what one moment was, or what is now. */
  point(moment) {
    const isMoved = this.pointed !== moment;
    this.pointed = moment;
    const shown = moment ?? this.points.at(-1) ?? null;
    fill(this.value, shown ? this.look.show(shown[1]) : t("system.none"));
    fill(
      this.detail,
      moment ? clock(moment[0]) : this.isFocused() ? this.range() : shown ? this.plain : this.look.none ?? "",
    );
    if (isMoved && this.now) fill(this.lines, this.shapes());
  }

  isFocused = () => document.activeElement === this.plot && this.points.length > 0;

  /** Says the least and the most while the chart has the focus. */
  ends() {
    this.point(null);
  }

  pointTo(event) {
    if (this.points.length === 0) return;
    const box = this.plot.getBoundingClientRect();
    const at = this.now - this.spanS * (1 - (event.clientX - box.left) / box.width);
    this.point(
      this.points.reduce((best, one) => (Math.abs(one[0] - at) < Math.abs(best[0] - at) ? one : best)),
    );
  }

  walk(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") return this.point(null);
    if (step === undefined || this.points.length === 0) return undefined;
    event.preventDefault();
    const here = this.pointed
      ? this.points.findIndex(([at]) => at === this.pointed[0])
      : this.points.length - 1;
    this.point(this.points[Math.min(this.points.length - 1, Math.max(0, here + step))]);
    set(
      this.plot,
      "aria-label",
      `${this.look.title}: ${this.look.show(this.pointed[1])}, ${clock(this.pointed[0])}`,
    );
    return undefined;
  }

  range() {
    const values = this.points.map(([, value]) => value);
    return t("system.range", {
      least: this.look.show(Math.min(...values)),
      most: this.look.show(Math.max(...values)),
    });
  }

  /** All of it in words. */
  words() {
    const last = this.points.at(-1);
    if (!last) return `${this.look.title}: ${this.look.none ?? t("system.none")}`;
    return [`${this.look.title}: ${this.look.show(last[1])}`, this.plain, this.range()].filter(Boolean).join(
      ", ",
    );
  }
}

/** The points in runs without a gap. */
function joined(points) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point[0] - run.at(-1)[0] <= JOINED_S) run.push(point);
    else runs.push([point]);
  }
  return runs;
}
