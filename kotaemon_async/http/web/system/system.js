// The view "System": how the service is, its last half hour, its incidents, and the path of a request.

import { call } from "../frame/api.js";
import { addWords, clock, t } from "../frame/language.js";
import { CopyText, useStore } from "../frame/ui.js";
import { html, useEffect, useRef } from "../vendor/preact.js";
import { Charts, figures, isWhole, lastPoint, refreshFigures } from "./figures.js";
import { Incidents, incidents, readIncidents } from "./incidents.js";
import { Headline, known, Parts } from "./parts.js";
import { Trace, TraceSearch } from "./trace.js";
import { words } from "./words.js";

addWords(words);

const FIGURES_EVERY_MS = 5_000;

/** The view: #system, or #system/trace/ID. */
export function View({ route }) {
  const [kind, name] = route.path;
  const isTrace = kind === "trace" && Boolean(name);
  return html`
    <section class="view system">
      ${isTrace ? html`<${Trace} key=${name} name=${name} />` : html`<${Overview} />`}
    </section>
  `;
}

function Overview() {
  const { isReached } = useStore(known);
  const { open } = useStore(incidents);
  useFresh(isReached);
  return html`
    <div class=${isReached ? "overview" : "overview old"}>
      <div class="head">
        <h2>${t("nav.system")}</h2>
        <${TraceSearch} id="trace-search" />
        <${CopyText} id="copy-report" text=${reportText} label=${t("system.copy")} />
      </div>
      <${Stale} />
      <${Headline} incidents=${open.length} />
      <section aria-labelledby="title-incidents">
        <h3 id="title-incidents">${t("system.incidents")}</h3>
        <${Incidents} />
      </section>
      <section aria-labelledby="title-figures">
        <h3 id="title-figures">${t("system.figures")} <small><${Span} /></small></h3>
        <${Charts} />
      </section>
      <section aria-labelledby="title-parts">
        <h3 id="title-parts">${t("system.parts")}</h3>
        <${Parts} />
      </section>
    </div>
  `;
}

/** Keeps figures and incidents fresh while somebody can see them. */
function useFresh(isReached) {
  const { atMs } = useStore(known);
  const over = useRef(null);
  useEffect(() => {
    over.current = new AbortController();
    const { signal } = over.current;
    let isLooking = false;
    const look = async () => {
      if (document.hidden || isLooking) return;
      isLooking = true;
      await refreshFigures(signal).catch(() => {}); // that the service is away is said by its health
      isLooking = false;
    };
    const timer = setInterval(look, FIGURES_EVERY_MS);
    document.addEventListener("visibilitychange", look, { signal });
    look();
    return () => {
      clearInterval(timer);
      over.current.abort();
    };
  }, []);
  useEffect(() => {
    if (isReached && !document.hidden) readIncidents(over.current.signal);
  }, [atMs, isReached]);
}

/** Says that what is shown is no longer known to be so, with its time. */
function Stale() {
  const { isReached, atMs } = useStore(known);
  const { at } = useStore(figures);
  const atS = Math.max(at.at(-1) ?? 0, atMs / 1000);
  const said = atS ? t("system.as_of", { time: clock(atS) }) : t("system.unreached");
  return html`<p class="stale" id="stale" role="status" hidden=${isReached}>${!isReached && said}</p>`;
}

/** How far back the figures go. */
function Span() {
  const state = useStore(figures);
  if (state.at.length === 0) return null;
  return isWhole(state) ? t("system.half_hour") : t("system.since", { time: clock(state.at[0]) });
}

/** What somebody wants to know who is called for help: health, incidents, the newest figures and versions. */
async function reportText() {
  const schema = await call("GET", "/schema/openapi.json").catch(() => null);
  const { report, atMs, isReached } = known.get();
  const state = figures.get();
  const { open, forecasts } = incidents.get();
  const newest = Object.keys(state.series).map((name) => [name, lastPoint(state, name)?.[1] ?? null]);
  const versions = {
    api: schema?.info?.version ?? null,
    service: report?.version ?? null,
    browser: navigator.userAgent,
  };
  const at = state.at.length ? new Date(1000 * state.at.at(-1)).toISOString() : null;
  return JSON.stringify(
    {
      made_at: new Date().toISOString(),
      reached: isReached,
      versions,
      health: report && { at: new Date(atMs).toISOString(), ...report },
      figures: { at, ...Object.fromEntries(newest) },
      incidents: open,
      forecasts,
    },
    null,
    2,
  );
}
