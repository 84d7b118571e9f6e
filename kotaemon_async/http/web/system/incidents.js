// Incidents: what is wrong, how far from normal, what most likely causes it, and what to do.

import { call } from "../frame/api.js";
import { age, ago, bytes, clock, code, count, duration, t } from "../frame/language.js";
import { sayError, wordsFor } from "../frame/overlays.js";
import { href } from "../frame/router.js";
import { store, useStore } from "../frame/ui.js";
import { html } from "../vendor/preact.js";
import { partName } from "./parts.js";

const PATH = "/api/v1/incidents";
const PAST_AT_ONCE = 10;

/** Open incidents, what is to be expected, and the past ones that were read; `isKnown` once they were. */
export const incidents = store({
  open: [],
  forecasts: [],
  past: [],
  cursor: null,
  isKnown: false,
  error: null,
});

/** Reads what is open and the latest past ones; what was shown before stays if that fails. */
export async function readIncidents(signal) {
  try {
    const [open, closed] = await Promise.all([
      call("GET", `${PATH}?status=open&limit=50`, undefined, { signal }),
      call("GET", `${PATH}?status=closed&limit=${PAST_AT_ONCE}`, undefined, { signal }),
    ]);
    incidents.set((before) => ({
      open: open.items,
      forecasts: open.forecasts,
      ...pastOf(before, closed),
      isKnown: true,
      error: null,
    }));
  } catch (error) {
    if (!signal.aborted) incidents.set({ error });
  }
}

/** The past ones; those that were read on demand stay. */
function pastOf(before, closed) {
  const newest = new Set(closed.items.map((one) => one.id));
  const older = before.past.filter((one) => !newest.has(one.id));
  const isLonger = before.past.length > PAST_AT_ONCE;
  return isLonger
    ? { past: [...closed.items, ...older], cursor: before.cursor }
    : { past: closed.items, cursor: closed.next_cursor };
}

async function readMore() {
  const { cursor } = incidents.get();
  const path = `${PATH}?status=closed&limit=${PAST_AT_ONCE}&cursor=${encodeURIComponent(cursor)}`;
  const found = await call("GET", path);
  incidents.set(({ past }) => ({ past: [...past, ...found.items], cursor: found.next_cursor }));
}

/** What is open and to be expected, and the past ones folded. */
export function Incidents() {
  const { open, forecasts, past, cursor, isKnown, error } = useStore(incidents);
  const coming = forecasts.filter((one) => one.left_s !== null);
  const isCalm = open.length + coming.length === 0;
  return html`
    <div id="incidents">
      <div class="incidents-open">
        ${!isKnown &&
          (error ? html`<${Unknown} error=${error} />` : html`<div class="wait incident-wait"></div>`)}
        ${open.map((one, place) => html`<${Incident} key=${one.id} one=${one} isFirst=${place === 0} />`)}
        ${coming.map((one) => html`<${Forecast} key=${one.resource} one=${one} />`)}
        ${isKnown && isCalm && html`<${Calm} past=${past.length} />`}
      </div>
      ${past.length > 0 && html`
        <details class="past">
          <summary>${t("system.past")}</summary>
          <ol class="incidents-past">${past.map((one) => html`<${Past} key=${one.id} one=${one} />`)}</ol>
          ${cursor && html`
            <button type="button" class="plain" onClick=${() => readMore().catch(sayError)}>${t(
              "system.more",
            )}</button>
          `}
        </details>
      `}
    </div>
  `;
}

/** Incidents cannot be asked for. */
function Unknown({ error }) {
  const { text, hint } = wordsFor(error);
  return html`
    <p class="card well-card"><i class="dot"></i><span>${text} <small>${hint}</small></span></p>
  `;
}

function Calm({ past }) {
  const more = t(past > 0 ? "system.no_incident.now" : "system.no_incident.ever");
  return html`
    <p class="card well-card"><i class="dot ok"></i><span>${t(
      "system.no_incident",
    )} <small>${more}</small></span></p>
  `;
}

/** What an incident says, in the page's language. */
function message(one) {
  const component = one.causes[0]?.component ?? "";
  const words = code("incident", one.cause);
  return words === one.cause.replaceAll("_", " ") ? one.message : words.replace("{component}", component);
}

function hint(one) {
  const words = code("incident.hint", one.cause);
  return words === one.cause.replaceAll("_", " ") ? one.hint : words;
}

function Incident({ one, isFirst }) {
  const hasMore = one.causes.length + one.signals.length + one.trace_ids.length > 0;
  return html`
    <article class="card incident" data-incident=${one.id}>
      <h4><i class="dot down"></i><span>${message(one)}</span></h4>
      <p class="small">${t("system.since", { time: clock(one.since) })}${` · ${ago(one.since)}`}</p>
      <p class="todo">${hint(one)}</p>
      ${hasMore && html`
        <details open=${isFirst}>
          <summary>${t("system.why")}</summary>
          <${Body} one=${one} />
        </details>
      `}
    </article>
  `;
}

function Past({ one }) {
  const lasted = (Date.parse(one.closed_at) - Date.parse(one.since)) / 1000;
  return html`
    <li>
      <details data-incident=${one.id}>
        <summary>
          <span>${message(one)}</span>
          <small>${clock(one.since)} · ${t("system.lasted", { time: age(Math.max(1, lasted)) })}</small>
        </summary>
        <${Body} one=${one} />
      </details>
    </li>
  `;
}

function Body({ one }) {
  return html`
    <div class="incident-body">
      ${one.causes.length > 0 && html`
        <section>
          <h5>${t("system.causes")}</h5>
          <ol class="causes">${one.causes.map(cause)}</ol>
        </section>
      `}
      ${one.signals.length > 0 && html`
        <section>
          <h5>${t("system.signals")}</h5>
          <ul class="signals">${one.signals.map(signal)}</ul>
        </section>
      `}
      ${one.trace_ids.length > 0 && html`
        <section>
          <h5>${t("system.touched")}</h5>
          <p class="trace-links">${one.trace_ids.map((id) =>
            html`<a key=${id} href=${href("system", "trace", id)} title=${id}>${id.slice(0, 8)}</a>`
          )}</p>
        </section>
      `}
      ${one.forecasts.filter((coming) => coming.left_s !== null).map((coming) =>
        html`<${Forecast} key=${coming.resource} one=${coming} />`
      )}
    </div>
  `;
}

function cause(one) {
  const percent = Math.round(100 * one.score);
  const name = code("cause", one.cause);
  return html`
    <li key=${one.cause + one.component}>
      <span>${one.cause.startsWith("llm_") ? `${name}: ${one.component}` : name}</span>
      <span class="share" aria-hidden="true"><i style=${{ width: `${percent}%` }}></i></span>
      <span class="n"><span class="hidden-words">${t("system.likely")}</span>${`${percent} %`}</span>
    </li>
  `;
}

function signal(one) {
  const kind = one.signal.split(".").at(-1);
  const component = one.signal.slice(0, -kind.length - 1);
  return html`
    <li key=${one.signal}>
      <span>${`${ownerOf(component)} · ${code("signal", kind)}`}</span>
      <span class="far">${far(one)}</span>
      <small>${t("system.since", { time: clock(one.since) })}</small>
    </li>
  `;
}

function far(one) {
  if (one.unit === "state") return t("system.signal.flag");
  const shown = {
    ratio: (number) => `${Math.min(100, Math.round(100 * number))} %`,
    s: duration,
  }[one.unit] ?? ((number) => count(Math.round(10 * number) / 10));
  return t("system.signal.far", { value: shown(one.value), normal: shown(one.normal) });
}

/** A component of the service, or the name of a link as whoever runs it has called it. */
function ownerOf(component) {
  const words = partName(component);
  return words === component.replaceAll("_", " ") ? component : words;
}

function Forecast({ one }) {
  const values = { time: age(one.left_s), at: clock(one.reached_at), pace: bytes(one.per_hour_bytes) };
  return html`
    <p class="card forecast" data-resource=${one.resource}>
      <i class="dot degraded"></i>
      <span>${t(`system.forecast.${one.resource}`, values)} <small>${t(
        "system.forecast.pace",
        values,
      )}</small></span>
    </p>
  `;
}
