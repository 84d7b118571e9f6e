// What the service works with: language models, followed folders and backups, each with what has set it.

import { may } from "../frame/access.js";
import { call } from "../frame/api.js";
import { age, ago, bytes, clock, code, count, duration, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { href } from "../frame/router.js";
import { Badge, Icon } from "../frame/ui.js";
import { Breaker } from "../system/parts.js";
import { html, useState } from "../vendor/preact.js";
import { usePolled } from "./polled.js";

const LINKS = "/api/v1/links";
const NO_BACKUPS = 0;

/** A section with a heading; something is on its way until there are `children`. */
export function Part({ id, title, hint, children }) {
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

/** All links in the order in which they are asked; `set` says what has set them, for an admin. */
export function Links({ set }) {
  const { found, atMs, error, read } = usePolled(LINKS);
  const links = found?.links;
  return html`
    <section aria-labelledby="title-links" id="links">
      <h3 id="title-links">${t("settings.links")}</h3>
      <p class="hint">${t("settings.links.hint")}</p>
      ${error && html`<p class="stale" role="alert">${wordsFor(error).text} ${wordsFor(error).hint}</p>`}
      ${!links && !error && html`<div class="card wait part-wait"></div>`}
      ${links?.length === 0 && html`<p class="card none">${t("settings.links.none")}</p>`}
      ${links?.length > 0 && html`
        <ol class="cards">${links.map((one, place) =>
          html`<${Link} key=${one.name} one=${one} atMs=${atMs} place=${place + 1} read=${read} />`
        )}</ol>
      `}
      ${set && html`<${Source} setting=${set} />`}
    </section>
  `;
}

function Link({ one, atMs, place, read }) {
  const [trial, setTrial] = useState(null);
  // What a trial has just said need not stand there twice.
  const isSaid = trial?.error?.message === one.message;
  return html`
    <li class="card" data-link=${one.name} data-state=${one.code ? "unwell" : "well"}>
      <p class="title">
        <span class="place" aria-hidden="true">${place}</span><b dir="auto">${one.name}</b>
        <code dir="auto">${one.model}</code>
        <${Badge} kind=${one.code ? "warn" : one.last_success_age_s === null ? "" : "ok"}>${stateOf(one)}<//>
      </p>
      <small>${[t(`settings.served_by.${one.served_by}`), lastSuccess(one)].join(" · ")}</small>
      ${one.state !== "closed" && html`
        <small><${Breaker} state=${one.state} untilMs=${atMs + 1000 * one.retry_in_s} /></small>
      `}
      ${one.message && !isSaid && html`<small class="bad" dir="auto">${one.message}</small>`}
      ${may() && html`<${Try} name=${one.name} trial=${trial} tell=${setTrial} read=${read} />`}
    </li>
  `;
}

function stateOf(one) {
  if (one.code) return code("error", one.code);
  return t(one.last_success_age_s === null ? "settings.links.unasked" : "system.state.ok");
}

function lastSuccess({ last_success_age_s: ageS }) {
  if (ageS === null) return t("settings.links.never");
  const time = ageS < 1 ? t("time.now") : t("system.ago", { age: age(ageS) });
  return t("settings.links.answered", { time });
}

/** Asks the link a small question, and says what came of it. */
function Try({ name, trial, tell, read }) {
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState(null);
  const ask = async () => {
    setAsking(true);
    setError(null);
    tell(null);
    await call("POST", `${LINKS}/${encodeURIComponent(name)}/try`).then(tell, setError);
    setAsking(false);
    read();
  };
  return html`
    <div class="try">
      <button type="button" class="plain" data-do="try" disabled=${isAsking} onClick=${ask}>
        <${Icon} name="again" />${t(isAsking ? "settings.try.asking" : "settings.try")}
      </button>
      <div role="status" class="trial" data-ok=${trial ? String(trial.ok) : null}>
        ${trial?.ok && html`
          <p><b class="good">${t("settings.try.ok", { time: duration(trial.seconds) })}</b></p>
          <q dir="auto">${trial.text}</q>
        `}
        ${trial && !trial.ok && html`
          <p><b class="bad">${t("settings.try.failed", { time: duration(trial.seconds) })}</b> ${code(
            "error",
            trial.error.code,
          )}</p>
          <small dir="auto">${trial.error.message}</small>
          <small>${code("hint", trial.error.code)}</small>
        `}
        ${error && html`<p class="bad">${wordsFor(error).text} ${wordsFor(error).hint}</p>`}
      </div>
    </div>
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
