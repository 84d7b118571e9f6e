// What is set for the whole service: how answers are, followed folders, backups, and who signs in.

import { call } from "../frame/api.js";
import { age, ago, bytes, clock, count } from "../frame/format.js";
import { sayError } from "../frame/notice.js";
import { href } from "../frame/router.js";
import { code, t } from "../frame/strings.js";
import { Badge, Icon } from "../frame/ui.js";
import { html, useState } from "../vendor/preact.js";

const PATH = "/api/v1/settings";
const NO_BACKUPS = 0;

/** A section with a heading; something is on its way until there are `children`. */
function Part({ id, title, hint, children }) {
  return html`
    <section aria-labelledby=${`title-${id}`} id=${id}>
      <h3 id=${`title-${id}`}>${title}</h3>
      ${hint && html`<p class="hint">${hint}</p>`}
      ${children || html`<div class="card wait part-wait"></div>`}
    </section>
  `;
}

/** What has set a setting, and the variable that would. */
export function Source({ setting }) {
  const { source, variable } = setting;
  return html`
    <small class="set-by" data-source=${source}>
      ${t(`settings.source.${source}`)} ${source !== "file" && html`<code>${variable}</code>`}
    </small>
  `;
}

/** How answers are where a question does not say it. */
export function Answers({ settings, take }) {
  const answers = settings?.answers;
  return html`
    <${Part} id="answers" title=${t("settings.answers")} hint=${t("settings.answers.hint")}>
      ${answers && html`
        <div class="card options">
          <${Choice} name="length" setting=${answers.length} values=${["short", "normal", "long"]}
            take=${take} />
          <${Choice} name="language" setting=${answers.language} values=${["", "en", "zh"]} take=${take} />
        </div>
      `}
    <//>
  `;
}

/** One choice; what the environment or the file sets is shown as it is. */
function Choice({ name, setting, values, take }) {
  const [isSaving, setSaving] = useState(false);
  const id = `answers-${name}`;
  const label = (value) => t(`settings.${name}.${value || "question"}`);
  const choose = async (value) => {
    setSaving(true);
    try {
      take(await call("PUT", PATH, { answers: { [name]: value } }));
    } catch (error) {
      sayError(error);
    } finally {
      setSaving(false);
    }
  };
  return html`
    <label for=${id}>${t(`settings.${name}`)}</label>
    <select id=${id} class="field" value=${setting.value} disabled=${isSaving || setting.choices.length === 0}
      onChange=${(event) => choose(event.currentTarget.value)}>
      ${values.map((value) => html`<option key=${value} value=${value}>${label(value)}</option>`)}
    </select>
    <span class="said">
      <${Source} setting=${setting} />
      ${setting.source === "page" && html`
        <button type="button" class="quiet" disabled=${isSaving} onClick=${() => choose(null)}>${t(
          "settings.default",
        )}</button>
      `}
    </span>
  `;
}

/** The followed folders and how each is. */
export function Folders({ folders }) {
  return html`
    <${Part} id="folders" title=${t("settings.folders")} hint=${t("settings.folders.hint")}>
      ${folders && folders.items.length === 0 && html`
        <p class="card none">${t("settings.folders.none")} <code>${folders.setting.variable}</code></p>
      `}
      ${folders && folders.items.length > 0 && html`
        <ul class="cards">${folders.items.map((one) => html`<${Folder} key=${one.path} one=${one} />`)}</ul>
        <${Source} setting=${folders.setting} />
      `}
    <//>
  `;
}

function Folder({ one }) {
  const unread = [
    ...Object.entries(one.refused?.files ?? {}),
    ...Object.entries(one.unreadable?.files ?? {}),
  ];
  const total = (one.refused?.count ?? 0) + (one.unreadable?.count ?? 0);
  const looked = one.last_scan_age_s === null
    ? t("settings.folders.new")
    : t("settings.folders.looked", { time: age(Math.max(1, one.last_scan_age_s)) });
  const facts = [
    t("system.fact.files", { n: one.files, count: count(one.files) }),
    one.waiting > 0 && t("system.fact.files_waiting", { count: count(one.waiting) }),
    looked,
  ].filter(Boolean);
  return html`
    <li class="card" data-folder=${one.path}>
      <p class="title">
        <${Icon} name="documents" /><b dir="auto">${one.path}</b>
        <a href=${href("documents", { collection: one.collection })}>→ <bdi>${one.collection}</bdi></a>
        ${one.problem && html`<${Badge} kind="bad">${code("error", one.problem.code)}<//>`}
        ${!one.problem && one.waits_for && html`<${Badge} kind="warn">${code("error", one.waits_for)}<//>`}
      </p>
      <small>${facts.join(" · ")}</small>
      ${one.problem && html`<small class="bad">${code("hint", one.problem.code)}</small>`}
      ${total > 0 && html`
        <details>
          <summary>${t("system.fact.files_refused", { count: count(total) })}</summary>
          <ul class="names">${unread.map(([name, why]) =>
            html`<li key=${name}><span dir="auto">${name}</span><small>${code("error", why)}</small></li>`
          )}</ul>
        </details>
      `}
    </li>
  `;
}

/** The backups, each with its last trial. */
export function Backups({ backups }) {
  return html`
    <${Part} id="backups" title=${t("settings.backups")} hint=${backups && rhythm(backups)}>
      ${backups && html`
        ${backups.problem && html`
          <p class="stale" role="alert">${code("error", backups.problem.code)} ${code(
            "hint",
            backups.problem.code,
          )}</p>
        `}
        ${backups.items.length === 0
          ? html`<p class="card none">${t("settings.backups.none")}</p>`
          : html`<ul class="cards">${
            backups.items.map((one) => html`<${Backup} key=${one.name} one=${one} />`)
          }</ul>`}
        <small class="set-by">${t("settings.backups.path")} <code dir="auto">${backups.path}</code></small>
        <${Source} setting=${backups.folder} />
      `}
    <//>
  `;
}

function rhythm({ every_s, keep_files, verify }) {
  const everyS = Number(every_s.value);
  if (everyS === NO_BACKUPS) return t("settings.backups.off");
  const values = { time: age(everyS), n: Number(keep_files.value), count: count(Number(keep_files.value)) };
  return `${t("settings.backups.every", values)} ${code("settings.backups.verify", verify.value)}`;
}

function Backup({ one }) {
  const kind = one.is_damaged ? "bad" : one.trial ? "ok" : "";
  const state = one.is_damaged ? "damaged" : one.trial?.depth ?? "untried";
  return html`
    <li class="card" data-backup=${one.name} data-trial=${state}>
      <p class="title">
        <${Icon} name="save" /><b>${clock(one.created_at)}</b><span>${bytes(one.size_bytes)}</span>
        <${Badge} kind=${kind}>${t(`settings.trial.${state}`)}<//>
      </p>
      <small>${[one.name, one.trial && t("settings.trial.at", { time: ago(one.trial.at) })].filter(Boolean)
        .join(" · ")}</small>
    </li>
  `;
}

/** Who is asked who he is. */
export function SignIn({ set }) {
  return html`
    <${Part} id="sign-in" title=${t("settings.sign_in")}>
      ${set && html`
        <p class="card none">${t(`settings.sign_in.${set.value}`)} ${set.value !== "open" && html`
          <a href=${href("settings", "keys")}>${t("settings.tab.keys")}</a>
        `}</p>
        <${Source} setting=${set} />
      `}
    <//>
  `;
}
