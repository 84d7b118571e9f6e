// Keys, for an admin: whose keys there are, what each may do, when it was used last; and who shares what.

import { isOpen, saidScopes } from "../frame/access.js";
import { call } from "../frame/api.js";
import { ago, clock, count, t } from "../frame/language.js";
import { confirmed, open, sayError, tell, wordsFor } from "../frame/overlays.js";
import { href } from "../frame/router.js";
import { CopyText, Empty, Icon } from "../frame/ui.js";
import { html, render } from "../vendor/preact.js";
import { usePolled } from "./polled.js";

const PATH = "/api/v1/keys";
const SCOPES = ["ask", "write", "admin"];
const USUAL = ["ask", "write"];
const DAYS = ["", "30", "90", "365"];
const GRACE_H = ["0", "1", "24", "168"];
const DAY_MS = 86_400_000;
/** What the service takes as the name of a user or a group. */
const NAME = "[\\p{L}\\p{N}_][\\p{L}\\p{N}_ .@\\-]{0,63}";

/** The tab: keys, and the collections with those who share them. */
export function Keys() {
  if (isOpen()) {
    return html`
      <${Empty} icon="key" title=${t("rights.all")}>
        <p>${t("rights.open")}</p>
        <//>
    `;
  }
  return html`
    <${KeyTable} />
    <${Shares} />
  `;
}

/** The valid ones first, then the newest. */
const sorted = (items) =>
  [...items].sort((a, b) =>
    Number(stateOf(a) !== "valid") - Number(stateOf(b) !== "valid") || (a.created_at < b.created_at ? 1 : -1)
  );

function KeyTable() {
  const { found, error, read } = usePolled(PATH);
  const items = found && sorted(found.items);
  const during = (work) => work().catch(sayError).then(read);
  return html`
    <section aria-labelledby="title-keys">
      <div class="head">
        <h3 id="title-keys">${t("nav.keys")}</h3>
        <button type="button" class="go" id="new-key" onClick=${() => during(create)}>
          <${Icon} name="plus" />${t("keys.new")}
        </button>
      </div>
      <div class="parts-frame" id="keys">
        ${!items &&
          (error ? html`<p class="none">${wordsFor(error).text}</p>` : html`<div class="wait"></div>`)}
        ${items && html`
          <table class="parts">
            <thead>
              <tr>
              ${["name", "user", "scopes", "state", "used"].map((name) =>
                html`<th key=${name} scope="col">${t(`keys.column.${name}`)}</th>`
              )}
              <th scope="col"><span class="hidden-words">${t("keys.column.acts")}</span></th>
            </tr>
            </thead>
            <tbody>
              ${items.length === 0 && html`
                <tr>
                  <td colspan="6">${t("keys.none")}</td>
                </tr>
              `}
              ${items.map((one) => html`<${KeyRow} key=${one.id} one=${one} during=${during} />`)}
            </tbody>
          </table>
        `}
      </div>
    </section>
  `;
}

function KeyRow({ one, during }) {
  const state = stateOf(one);
  const act = (name, sign, work) =>
    html`
      <button type="button" class="quiet" data-do=${name} title=${t(`keys.${name}`)}
        aria-label=${t(`keys.${name}.of`, { name: one.name })} onClick=${() => during(() => work(one))}>
        <${Icon} name=${sign} /><span>${t(`keys.${name}`)}</span>
      </button>
    `;
  return html`
    <tr data-id=${one.id} data-name=${one.name} data-state=${state}>
      <th scope="row"><bdi>${one.name}</bdi><small><code>${one.id}</code></small></th>
      <td><bdi>${one.user}</bdi>${one.groups.length > 0 &&
        html`<small><bdi>${one.groups.join(", ")}</bdi></small>`}</td>
      <td>${saidScopes(one.scopes)}</td>
      <td class="how">
        <span class=${`badge ${state === "valid" ? "ok" : ""}`}>${t(`keys.state.${state}`)}</span>
        <small>${until(one, state)}</small>
      </td>
      <td class="last" data-label=${t("keys.column.used")}>${one.last_used_at
        ? html`<span title=${clock(one.last_used_at)}>${ago(one.last_used_at)}</span>`
        : t("keys.never")}</td>
      <td class="acts">${state === "valid" &&
        html`${act("rotate", "again", rotate)}${act("revoke", "close", revoke)}`}</td>
    </tr>
  `;
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

const pathOf = (one) => `${PATH}/${encodeURIComponent(one.id)}`;

/** Asks for a new key until the service takes it, and shows its secret once. */
async function create() {
  const form = drawn(html`<${NewKey} />`);
  const made = await open({
    title: t("keys.new.title"),
    body: form,
    go: t("keys.make"),
    read: () => {
      const wanted = wantedKey(form);
      return wanted && call("POST", PATH, wanted);
    },
    focus: form.querySelector("#key-name"),
  });
  if (made) await showSecret(made);
}

/** What is asked for, or null when a box is missing, which is said there. */
function wantedKey(form) {
  const value = (id) => form.querySelector(`#${id}`).value.trim();
  const boxes = SCOPES.map((scope) => form.querySelector(`#key-${scope}`));
  const scopes = boxes.filter((one) => one.checked).map((one) => one.value);
  boxes[0].setCustomValidity(scopes.length > 0 ? "" : t("keys.scopes.none"));
  if (!boxes[0].reportValidity()) return null;
  const groups = value("key-groups").split(",").map((one) => one.trim()).filter(Boolean);
  const days = value("key-expires");
  return {
    name: value("key-name"),
    scopes,
    ...(value("key-user") && { user: value("key-user") }),
    ...(groups.length > 0 && { groups }),
    ...(days && { expires_at: new Date(Date.now() + Number(days) * DAY_MS).toISOString() }),
  };
}

function NewKey() {
  const plain = { autocomplete: "off", spellcheck: "false", dir: "auto" };
  const forget = (event) => event.currentTarget.querySelector("input").setCustomValidity("");
  return html`
    <div class="field-row">
      <label for="key-name">${t("keys.name")}</label>
      <input id="key-name" required pattern=${NAME} maxlength="64" ...${plain} />
    </div>
    <div class="field-row">
      <label for="key-user">${t("keys.user")}</label>
      <input id="key-user" pattern=${NAME} maxlength="64" ...${plain} />
      <small>${t("keys.user.hint")}</small>
    </div>
    <div class="field-row">
      <label for="key-groups">${t("keys.groups")}</label>
      <input id="key-groups" maxlength="600" ...${plain} />
      <small>${t("keys.groups.hint")}</small>
    </div>
    <fieldset onChange=${forget}>
      <legend>${t("keys.scopes")}</legend>
      ${SCOPES.map((scope) =>
        html`
          <label key=${scope} class="check">
            <input type="checkbox" id=${`key-${scope}`} value=${scope} checked=${USUAL.includes(scope)} />
            <span>${t(`scope_of.${scope}`)}</span>
          </label>
        `
      )}
    </fieldset>
    <div class="field-row">
      <label for="key-expires">${t("keys.expires")}</label>
      <select id="key-expires" class="field">${DAYS.map((days) =>
        html`<option key=${days} value=${days}>${t(`keys.expires.${days || "never"}`)}</option>`
      )}</select>
    </div>
  `;
}

/** Puts another key in the place of one, which stays valid for as long as is chosen. */
async function rotate(one) {
  const body = drawn(html`
    <p>${t("keys.rotate.text")}</p>
    <label for="key-grace">${t("keys.grace")}</label>
    <select id="key-grace" class="field">${GRACE_H.map((hours) =>
      html`<option key=${hours} value=${hours} selected=${hours === "24"}>${
        t(`keys.grace.${hours}`)
      }</option>`
    )}</select>
  `);
  const made = await open({
    title: t("keys.rotate.title", { name: one.name }),
    body,
    go: t("keys.rotate"),
    read: () =>
      call("POST", `${pathOf(one)}/rotate`, { grace_h: Number(body.querySelector("#key-grace").value) }),
  });
  if (made) await showSecret(made);
}

async function revoke(one) {
  const isMeant = await confirmed({
    title: t("keys.revoke.title", { name: one.name }),
    text: t("keys.revoke.text"),
    go: t("keys.revoke"),
  });
  if (isMeant) await call("DELETE", pathOf(one));
}

/** Shows the secret of a new key, which nobody can see again. */
function showSecret(made) {
  const body = drawn(html`
    <p>${t("keys.made.text")}</p>
    <div class="secret">
      <input id="secret" readonly value=${made.key} aria-label=${t("keys.secret")}
        onFocus=${(event) => event.currentTarget.select()} />
      <${CopyText} id="copy-secret" text=${made.key} label=${t("copy")} />
    </div>
  `);
  return tell({ title: t("keys.made", { name: made.name }), body });
}

/** Components as a node, for a dialog. */
function drawn(content) {
  const node = document.createElement("div");
  node.className = "drawn";
  render(content, node);
  return node;
}

/** The collections: whose each is and who else has it; sharing itself is done where the documents are. */
function Shares() {
  const { found, error } = usePolled("/api/v1/collections");
  const items = found?.items;
  return html`
    <section aria-labelledby="title-shares" id="shares">
      <h3 id="title-shares">${t("settings.shares")}</h3>
      <p class="hint">${t("settings.shares.hint")}</p>
      <div class="parts-frame">
        ${!items &&
          (error ? html`<p class="none">${wordsFor(error).text}</p>` : html`<div class="wait"></div>`)}
        ${items?.length === 0 && html`<p class="none">${t("settings.shares.none")}</p>`}
        ${items?.length > 0 && html`
          <table class="parts">
            <thead>
              <tr>${["name", "owner", "access", "documents"].map((name) =>
                html`<th key=${name} scope="col">${t(`settings.shares.${name}`)}</th>`
              )}</tr>
            </thead>
            <tbody>${items.map((one) =>
              html`
                <tr key=${one.name} data-collection=${one.name}>
                  <th scope="row"><a href=${href("documents", { collection: one.name })}><bdi>${one
                    .name}</bdi></a></th>
                  <td><bdi>${one.owner || t("share.nobodys")}</bdi></td>
                  <td>${t(`share.access.${one.access}`)}</td>
                  <td class="n">${count(one.documents)}${one.ready < one.documents &&
                    html`<small>${t("settings.shares.ready", { count: count(one.ready) })}</small>`}</td>
                </tr>
              `
            )}</tbody>
          </table>
        `}
      </div>
    </section>
  `;
}
