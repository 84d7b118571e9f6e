// The last health report that came, with its time: it stays when the service is not reached any more.

/** `report` is null until the first came; `isReached` tells whether the newest try had an answer. */
export const health = { report: null, atMs: 0, isReached: true };

document.addEventListener("health", ({ detail }) => {
  health.isReached = detail.status !== "unreachable";
  if (!detail.components) return;
  health.report = detail;
  health.atMs = Date.now();
});

/** Components by name, those that need somebody first. */
export function partsOf(report) {
  const order = { down: 0, degraded: 1, ok: 2 };
  return Object.entries(report.components).sort(([, one], [, other]) =>
    order[one.status] - order[other.status]
  );
}
