// The view "Keys", for an admin: whose keys there are, what each may do, when it was used last; and who did what.

import { ApiError, call } from "../frame/api.js";
import { AuditTable } from "./audit_table.js";
import { saidScopes } from "../frame/caller.js";
import { confirmed } from "../frame/dialog.js";
import { fill, h, icon } from "../frame/dom.js";
import { ago, clock } from "../frame/format.js";
import { askForGrace, askForNewKey, showSecret } from "./key_dialogs.js";
import { sayError, wordsFor } from "../frame/notice.js";
import { t } from "../frame/strings.js";

const PATH = "/api/v1/keys";
const REFRESH_MS = 15_000;

/** The view. */
export function keys() {
  const view = new KeysView();
  return { node: view.node, close: () => view.close() };
}

class KeysView {
  constructor() {
    this.over = new AbortController();
    this.audit = new AuditTable();
    this.table = h("div", { class: "parts-frame", id: "keys" }, h("div", { class: "wait" }));
    const fresh = h(
      "button",
      {
        type: "button",
        class: "go",
        id: "new-key",
        onclick: () => this.during(() => this.create()),
      },
      icon("plus"),
      t("keys.new"),
    );
    this.node = h(
      "section",
      { class: "view system keys" },
      h("div", { class: "head" }, h("h2", {}, t("nav.keys")), fresh),
      h("section", {}, this.table),
      h(
        "section",
        { "aria-labelledby": "title-audit" },
        h("h3", { id: "title-audit" }, t("audit.title")),
        this.audit.node,
      ),
    );
    this.timer = setInterval(() => document.hidden || this.read(), REFRESH_MS);
    this.read();
  }

  close() {
    this.over.abort();
    clearInterval(this.timer);
  }

  async read() {
    const { signal } = this.over;
    try {
      this.draw((await call("GET", PATH, undefined, { signal })).items);
    } catch (error) {
      if (!signal.aborted) this.fail(error);
    }
    if (!signal.aborted) await this.audit.read(signal);
  }

  fail(error) {
    if (!(error instanceof ApiError)) return sayError(error);
    return this.table.querySelector("table") ??
      fill(this.table, h("p", { class: "empty" }, wordsFor(error).text));
  }

  draw(items) {
    const focused = document.activeElement?.dataset?.key;
    const column = (name) => h("th", { scope: "col" }, t(`keys.column.${name}`));
    const order = [...items].sort((a, b) =>
      Number(stateOf(a) !== "valid") - Number(stateOf(b) !== "valid") ||
      (a.created_at < b.created_at ? 1 : -1)
    );
    const none = items.length === 0 && h("tr", {}, h("td", { colspan: 6 }, t("keys.none")));
    fill(
      this.table,
      h(
        "table",
        { class: "parts" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["name", "user", "scopes", "state", "used"].map(column),
            h("th", { scope: "col" }, h("span", { class: "hidden-words" }, t("documents.actions.title"))),
          ),
        ),
        h(
          "tbody",
          {},
          none,
          order.map((one) => this.row(one)),
        ),
      ),
    );
    if (focused) this.table.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  row(one) {
    const state = stateOf(one);
    const act = (name, sign, job) =>
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          dataset: { do: name, key: `${name}:${one.id}` },
          "aria-label": t(`keys.${name}.of`, { name: one.name }),
          title: t(`keys.${name}`),
          onclick: () => this.during(() => job(one)),
        },
        icon(sign),
        h("span", {}, t(`keys.${name}`)),
      );
    const used = one.last_used_at
      ? h("span", { title: clock(one.last_used_at) }, ago(one.last_used_at))
      : t("keys.never");
    return h(
      "tr",
      { dataset: { id: one.id, name: one.name, state } },
      h("th", { scope: "row" }, h("bdi", {}, one.name), h("small", {}, h("code", {}, one.id))),
      h(
        "td",
        {},
        h("bdi", {}, one.user),
        one.groups.length > 0 && h("small", {}, h("bdi", {}, one.groups.join(", "))),
      ),
      h("td", {}, saidScopes(one.scopes)),
      h(
        "td",
        { class: "how" },
        h("span", { class: `badge ${state === "valid" ? "ok" : ""}` }, t(`keys.state.${state}`)),
        h("small", {}, until(one, state)),
      ),
      h("td", { class: "last", dataset: { label: t("keys.column.used") } }, used),
      h(
        "td",
        { class: "acts" },
        state === "valid" &&
          [
            act("rotate", "again", (key) => this.rotate(key)),
            act("revoke", "close", (key) => this.revoke(key)),
          ],
      ),
    );
  }

  /** Does it, says what went wrong, and shows what is there now. */
  async during(work) {
    await Promise.resolve(work()).catch((error) => sayError(error));
    if (!this.over.signal.aborted) await this.read();
  }

  async create() {
    const made = await askForNewKey((wanted) => call("POST", PATH, wanted));
    if (made) await showSecret(made);
  }

  async rotate(one) {
    const made = await askForGrace(
      one,
      (grace_h) => call("POST", `${PATH}/${encodeURIComponent(one.id)}/rotate`, { grace_h }),
    );
    if (made) await showSecret(made);
  }

  async revoke(one) {
    const isMeant = await confirmed({
      title: t("keys.revoke.title", { name: one.name }),
      text: t("keys.revoke.text"),
      go: t("keys.revoke"),
    });
    if (isMeant) await call("DELETE", `${PATH}/${encodeURIComponent(one.id)}`);
  }
}

/** A key that was rotated is valid until its time of grace is over. */
function stateOf({ revoked_at, expires_at }) {
  const now = Date.now();
  if (revoked_at && Date.parse(revoked_at) <= now) return "revoked";
  return expires_at && Date.parse(expires_at) <= now ? "expired" : "valid";
}

function until(one, state) {
  if (state === "revoked") return clock(one.revoked_at);
  const ends = [one.revoked_at, one.expires_at].filter(Boolean).sort()[0];
  if (!ends) return "";
  return state === "expired" ? clock(ends) : t("keys.until", { time: clock(ends) });
}
