// How the service is, asked now and then; whether it is lost, and whether it is back.

import { collections } from "../documents/collections.js";
import { call } from "./api.js";
import { t } from "./language.js";
import { say } from "./overlays.js";
import { store } from "./ui.js";

const EVERY_MS = 10_000;

/** {status, documents: how many there are, null when that is not known, report}. */
export const health = store({ status: "asking", documents: null, report: null });

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
      wasReached = isReached;
      await show(report);
    }
    await pause(EVERY_MS / (wasReached ? 1 : 5));
  }
}

async function show(report) {
  document.dispatchEvent(new CustomEvent("health", { detail: report }));
  const found = report.status === "unreachable" ? null : await collections.read();
  const documents = found ? found.reduce((sum, one) => sum + one.documents, 0) : null;
  health.set({ status: report.status, documents, report });
}

/** A report comes with 503, too, when a core part is down. */
const reportOf = (error) =>
  error.body?.components ? error.body : { status: error.status ? "down" : "unreachable" };

/** Until the time is over, or the browser loses or finds its network. */
function pause(ms) {
  const over = new AbortController();
  const end = new Promise((again) => {
    setTimeout(again, ms);
    for (const name of ["online", "offline"]) {
      window.addEventListener(name, again, { signal: over.signal });
    }
  });
  return end.finally(() => over.abort());
}
