// The language models, in the order in which they are asked: how each is, and what it says when it is tried.

import { call } from "../frame/api.js";
import { age, duration } from "../frame/format.js";
import { wordsFor } from "../frame/notice.js";
import { may } from "../frame/session.js";
import { code, t } from "../frame/strings.js";
import { Badge, Icon } from "../frame/ui.js";
import { Breaker } from "../system/parts.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { Source } from "./places.js";

const PATH = "/api/v1/links";
const REFRESH_MS = 10_000;

/** All links; `set` says what has set them, for an admin. */
export function Links({ set }) {
  const { links, error, read } = useLinks();
  return html`
    <section aria-labelledby="title-links" id="links">
      <h3 id="title-links">${t("settings.links")}</h3>
      <p class="hint">${t("settings.links.hint")}</p>
      ${error && html`<p class="stale" role="alert">${wordsFor(error).text} ${wordsFor(error).hint}</p>`}
      ${!links && !error && html`<div class="card wait part-wait"></div>`}
      ${links?.length === 0 && html`<p class="card none">${t("settings.links.none")}</p>`}
      ${links?.length > 0 && html`
        <ol class="cards">${links.map((one, place) =>
          html`<${Link} key=${one.name} one=${one} place=${place + 1} read=${read} />`
        )}</ol>
      `}
      ${set && html`<${Source} setting=${set} />`}
    </section>
  `;
}

/** Reads the links now and then while somebody can see them: {links, error, read()}. */
function useLinks() {
  const [state, setState] = useState({ links: null, error: null, atMs: 0 });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const over = new AbortController();
    const look = () =>
      call("GET", PATH, undefined, { signal: over.signal }).then(
        ({ links }) => setState({ links: links.map((one) => ({ ...one, atMs: Date.now() })), error: null }),
        (error) => over.signal.aborted || setState((before) => ({ ...before, error })),
      );
    look();
    const timer = setInterval(() => document.hidden || look(), REFRESH_MS);
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, [round]);
  return { ...state, read: () => setRound((before) => before + 1) };
}

function Link({ one, place, read }) {
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
        <small><${Breaker} state=${one.state} untilMs=${one.atMs + 1000 * one.retry_in_s} /></small>
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
    await call("POST", `${PATH}/${encodeURIComponent(name)}/try`).then(tell, setError);
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
