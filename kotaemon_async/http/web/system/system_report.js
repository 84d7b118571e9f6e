// What somebody wants to know who is called for help: one text to copy.

import { call } from "../frame/api.js";
import { health } from "./health_memory.js";

/** Health, open incidents, the newest figures and versions, as JSON. */
export async function reportText(figures, incidents) {
  const schema = await call("GET", "/schema/openapi.json").catch(() => null);
  const newest = Object.fromEntries(
    Object.keys(figures.series).map((name) => [name, figures.last(name)?.[1] ?? null]),
  );
  return JSON.stringify(
    {
      made_at: new Date().toISOString(),
      reached: health.isReached,
      versions: {
        api: schema?.info?.version ?? null,
        service: health.report?.version ?? null,
        browser: navigator.userAgent,
      },
      health: health.report && { at: new Date(health.atMs).toISOString(), ...health.report },
      figures: { at: figures.at.length ? new Date(1000 * figures.at.at(-1)).toISOString() : null, ...newest },
      incidents: incidents.open,
      forecasts: incidents.forecasts ?? [],
    },
    null,
    2,
  );
}
