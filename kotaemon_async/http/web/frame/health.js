// How the service is, asked now and then; whether it is lost, and whether it is back.

import { collections } from "../documents/library.js";
import { call } from "./api.js";
import { t } from "./language.js";
import { say } from "./overlays.js";
import { store } from "./ui.js";

const EVERY_MS = 10_000;

/** {status, report}, and how many documents there are, are ready and failed, null while that is not known. */
export const health = store({ status: "asking", report: null, documents: null, ready: null, failed: null });

/** Asks from now on, and says when the service is lost and when it is back. */
export async function watchHealth() {
  let wasReached = true;
  for (;;) {
    if (!document.hidden) {
      const report = await call("GET", "/healthz").catch(reportOf);
      const isReached = report.status !== "unreachable";
      if (isReached !== wasReached) {
        say(isReached ? t("health.back") : t("health.lost"), {
          kind: isReached ? "good" : "warn",
          lasting: !isReached,
          key: "health",
        });
      }
      if (isReached && !wasReached) window.dispatchEvent(new Event("reached"));
      wasReached = isReached;
      await show(report);
    }
    if (wasReached) await pause(EVERY_MS, ["lost"]);
    else await pause(EVERY_MS / 5);
  }
}

async function show(report) {
  document.dispatchEvent(new CustomEvent("health", { detail: report }));
  const found = report.status === "unreachable" ? null : await collections.recent();
  const sum = (field) => found && found.reduce((all, one) => all + one[field], 0);
  const numbers = { documents: sum("documents"), ready: sum("ready"), failed: sum("failed") };
  health.set({ status: report.status, report, ...numbers });
}

/** A report comes with 503, too, when a core part is down. */
const reportOf = (error) =>
  error.body?.components ? error.body : { status: error.status ? "down" : "unreachable" };

/** Until the time is over, the page is seen again, the browser loses or finds its network, or more. */
function pause(ms, more = []) {
  const over = new AbortController();
  const end = new Promise((again) => {
    setTimeout(again, ms);
    for (const name of ["online", "offline", "visibilitychange", ...more]) {
      window.addEventListener(name, again, { signal: over.signal });
    }
  });
  return end.finally(() => over.abort());
}
