// What is known of one document: what it says, what can be asked about it, what was not read, and its facts.

import { may } from "../frame/access.js";
import { call } from "../frame/api.js";
import { bytes, clock, code, count, duration, language, saidPlace, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { href } from "../frame/router.js";
import { Badge, CopyLink, Icon, IconButton } from "../frame/ui.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { ask, openOriginal } from "./actions.js";
import { foreignOwner, PATH, store } from "./library.js";
import { isReadable } from "./list.js";
import { kindOf, passages, stateOf } from "./status.js";

const MOST_PLACES = 30;

/** A sheet over the list with all of it; `close()` is called when it is to go. */
export function Details({ id, close }) {
  const [found, setFound] = useState(null);
  const node = useRef(null);
  const one = store.get(id);
  useEffect(() => {
    node.current.showModal();
    if (!one) store.look(id).then(() => setFound(store.get(id) ?? "gone"), setFound);
  }, []);
  const ended = (event) => {
    event.preventDefault();
    close();
  };
  return html`
    <dialog ref=${node} class="dialog details" aria-labelledby="details-title" onCancel=${ended}
      onClick=${(event) => event.target === node.current && close()}>
      <header>
        <h2 id="details-title" dir="auto">${one?.name ?? t("documents.details")}</h2>
        <${IconButton} name="close" label=${t("close")} onClick=${close} />
      </header>
      ${one
        ? html`<${About} one=${one} />`
        : html`<p role="status">${found === null ? t("health.asking") : saidMissing(found)}</p>`}
    </dialog>
  `;
}

function saidMissing(found) {
  if (found === "gone") return t("documents.unknown");
  const { text, hint } = wordsFor(found);
  return `${text} ${hint}`;
}

function About({ one }) {
  const told = stateOf(one);
  return html`
    <div class="ways">
      ${isReadable(one) && html`
        <a class="go" href=${href("documents", one.id, "page", 1)}><${Icon} name="read" />${t(
          "documents.read",
        )}</a>
      `}
      ${may("ask") && one.status === "ready" && html`
        <button type="button" class="plain" onClick=${() => ask([one])}>
          <${Icon} name="ask" />${t("documents.ask_one")}
        </button>
      `}
      <button type="button" class="plain" onClick=${() => openOriginal(one)}>
        <${Icon} name="open" />${t("documents.open")}
      </button>
      <${CopyLink} to=${href("documents", one.id)} />
    </div>
    ${one.status !== "ready" && html`
      <p>
        <${Badge} kind=${told.kind === "work" ? "" : told.kind}>${told.words}<//> ${told.under}</p>
    `}
    ${one.status === "ready" && html`<${Overview} one=${one} />`}
    <${NotRead} warnings=${one.warnings ?? []} />
    <${Facts} one=${one} />
  `;
}

/** Its key points, each with the page it stands on, and questions that it answers. */
function Overview({ one }) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    let isOver = false;
    call("GET", `${PATH}/${one.id}/overview`).then((body) => isOver || setFound(body), () => {});
    return () => (isOver = true);
  }, [one.id]);
  if (!found || found.points.length + found.questions.length === 0) return null;
  return html`
    ${found.points.length > 0 && html`<h3>${t("documents.points")}</h3>`}
    <ul class="points">
      ${found.points.map(({ text, page, place }) =>
        html`
          <li key=${text}>
            <span dir="auto">${text}</span>
            <a class="quiet" href=${href("documents", one.id, "page", page)}>${saidPlace(place)}</a>
          </li>
        `
      )}
    </ul>
    ${found.by !== "extractive" && html`<small>${t("documents.points.by", { name: found.by })}</small>`}
    ${may("ask") && found.questions.length > 0 && html`
      <h3>${t("documents.questions")}</h3>
      <div class="questions">
        ${found.questions.map((text) =>
          html`
            <button key=${text} type="button" class="plain" dir="auto" onClick=${() => ask([one], text)}>
              ${text}
            </button>
          `
        )}
      </div>
    `}
  `;
}

/** What was not read, where, why and what to do about it. */
function NotRead({ warnings }) {
  if (warnings.length === 0) return null;
  return html`
    <h3>${t("documents.warnings.title")}</h3>
    <ul class="warnings">
      ${warnings.map((one, n) =>
        html`
          <li key=${n}>
            <b>${code("warning", one.code)}</b><span dir="auto">${placesOf(one)}</span>
            <${Why} one=${one} />
          </li>
        `
      )}
    </ul>
  `;
}

/** The service's own sentences are English and know more; in another language the code says what it is. */
function Why({ one }) {
  if (language === "en") return html`<p>${one.message}</p>${one.hint && html`<small>${one.hint}</small>`}`;
  return html`
    <p>${code("warning.said", one.code)}</p>
    <small>${code("warning.hint", one.code)}</small>
    <small lang="en" dir="ltr">${one.message}</small>
  `;
}

function placesOf({ places, more }) {
  const shown = places.slice(0, MOST_PLACES).map((place) => saidPlace(place));
  const left = places.length - shown.length + (more ?? 0);
  const others = left > 0 ? t("documents.warnings.more", { count: count(left) }) : "";
  return [shown.join(t("documents.warnings.between")), others].filter(Boolean).join(" ");
}

function Facts({ one }) {
  const owner = foreignOwner(one.collection);
  const { pages_total: total } = one.progress;
  const seconds = one.ready_at && (Date.parse(one.ready_at) - Date.parse(one.created_at)) / 1000;
  const facts = [
    ["kind", `${t(`kind.${kindOf(one.media_type).kind}`)} · ${bytes(one.size_bytes)}`],
    ["pages", [total && count(total), passages(one)].filter(Boolean).join(" · ")],
    ["collection", [one.collection, owner && t("share.of", { owner })].filter(Boolean).join(" · ")],
    ["path", one.path],
    ["date", clock(one.created_at)],
    ["ready", one.ready_at && `${clock(one.ready_at)} · ${t("documents.took", { time: duration(seconds) })}`],
    ["charset", one.charset],
    ["sha256", one.sha256],
  ];
  return html`
    <h3>${t("documents.facts")}</h3>
    <dl class="facts">
      ${facts.filter(([, value]) => value).map(([name, value]) =>
        html`
          <div key=${name}>
            <dt>${t(`documents.by.${name}`)}</dt>
            <dd dir="auto">${value}</dd>
          </div>
        `
      )}
      <div>
        <dt>${t("documents.trace")}</dt>
        <dd><a href=${href("system", "trace", one.id)}>${t("documents.trace.show")}</a></dd>
      </div>
    </dl>
  `;
}
