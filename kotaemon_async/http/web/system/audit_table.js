// Who did what: administrative and destructive acts, and refused ones, the newest first.

import { call } from "../frame/api.js";
import { fill, h } from "../frame/dom.js";
import { clock } from "../frame/format.js";
import { sayError, wordsFor } from "../frame/notice.js";
import { t } from "../frame/strings.js";

const PATH = "/api/v1/audit";
const AT_ONCE = 25;

export class AuditTable {
  #items = [];
  #cursor = null;

  constructor() {
    this.body = h("tbody", {}, h("tr", {}, h("td", { colspan: 4 }, h("div", { class: "wait" }))));
    this.more = h("button", {
      type: "button",
      class: "plain",
      id: "audit-more",
      hidden: true,
      onclick: () => this.#readMore().catch((error) => sayError(error)),
    }, t("system.more"));
    const column = (name) => h("th", { scope: "col" }, t(`audit.column.${name}`));
    this.node = h(
      "div",
      { id: "audit" },
      h(
        "div",
        { class: "parts-frame" },
        h(
          "table",
          { class: "parts" },
          h("thead", {}, h("tr", {}, ["at", "who", "what", "result"].map(column))),
          this.body,
        ),
      ),
      this.more,
    );
  }

  /** Asks for the newest ones; older ones that are shown stay. */
  async read(signal) {
    try {
      const found = await call("GET", `${PATH}?limit=${AT_ONCE}`, undefined, { signal });
      if (this.#items.length === 0) this.#cursor = found.next_cursor;
      const oldest = found.items.at(-1)?.seq ?? 0;
      this.#items = [...found.items, ...this.#items.filter((one) => one.seq < oldest)];
      this.#draw();
    } catch (error) {
      if (!signal.aborted && this.#items.length === 0) fill(this.body, said(wordsFor(error).text));
    }
  }

  async #readMore() {
    const found = await call("GET", `${PATH}?limit=${AT_ONCE}&cursor=${encodeURIComponent(this.#cursor)}`);
    this.#items.push(...found.items);
    this.#cursor = found.next_cursor;
    this.#draw();
  }

  #draw() {
    this.more.hidden = !this.#cursor;
    fill(this.body, this.#items.length > 0 ? this.#items.map(row) : said(t("audit.none")));
  }
}

const said = (words) => h("tr", {}, h("td", { colspan: 4 }, words));

function row(one) {
  const isGood = one.result === "ok";
  return h(
    "tr",
    { dataset: { action: one.action, status: isGood ? "ok" : "refused" } },
    h("td", { class: "last" }, clock(one.at)),
    h(
      "td",
      {},
      h("bdi", {}, one.user || one.caller),
      h(
        "small",
        {},
        [one.user && one.caller !== one.user && one.caller, one.address].filter(Boolean).join(" · "),
      ),
    ),
    h("td", {}, h("code", {}, one.action), h("small", {}, h("bdi", {}, one.object))),
    h("td", {}, h("span", { class: `badge ${isGood ? "" : "warn"}` }, isGood ? t("audit.ok") : one.result)),
  );
}
