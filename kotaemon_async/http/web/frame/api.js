// The service's public API, and the streams of events that it sends.
// Every failure is an ApiError with a code, a sentence, a hint and a trace id.

/** Where the service is: the folder above this module's, `/` or, behind a proxy, `/docs/`. */
const ROOT = new URL("..", import.meta.url).pathname;
const MOST_TRIES = 3;
const SAFE = new Set(["GET", "HEAD"]);
let signIn = async () => {};
let renew = async () => {};
let signingIn = null;
let token = null;

/** A failure a person can act on; `status` 0 means that the service was not reached. */
export class ApiError extends Error {
  constructor({ status, code, detail, hint = "", trace_id = "", retry_after_s = null, body = null }) {
    super(detail);
    Object.assign(this, { status, code, hint, traceId: trace_id, retryAfterS: retry_after_s, body });
  }
}

/** What to do when the service does not know who asks (`signIn`), or that this page is its own (`renew`). */
export function whenUnknown(hooks) {
  ({ signIn, renew } = hooks);
}

/** The word that tells this page's requests from those of other pages; null where no cookie is used. */
export function useToken(csrfToken) {
  token = csrfToken ?? null;
}

/** The headers of a request that changes something. */
export const headers = (more = {}) => (token ? { ...more, "X-CSRF-Token": token } : more);

/** The address of a path of the service, wherever below its host it is. */
export const address = (path) => ROOT + path.slice(1);

/** The reply's JSON (null for 204); body is sent as JSON. Throws ApiError. */
export async function call(method, path, body = undefined, options = {}) {
  const reply = await request(method, path, body, options);
  return reply.status === 204 ? null : reply.json();
}

/**
 * The reply itself, when it is good; who is not known signs in first, unless `asks` is false.
 * Throws ApiError, or AbortError when `signal` stopped it.
 */
export async function request(
  method,
  path,
  body = undefined,
  { signal, accept = "application/json", asks = true } = {},
) {
  const given = body === undefined
    ? { Accept: accept }
    : { Accept: accept, "Content-Type": "application/json" };
  const init = {
    method,
    signal,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-cache",
  };
  for (let tries = 0;; tries += 1) {
    const reply = await reach(path, { ...init, headers: SAFE.has(method) ? given : headers(given) });
    if (reply.ok) return reply;
    const error = await errorOf(reply);
    if (!asks || tries === MOST_TRIES || !(await isSettled(error))) throw error;
    signal?.throwIfAborted();
  }
}

/**
 * Whether what stood in the way is settled, so that it can be tried once more; all that wait sign in once.
 */
export async function isSettled(error) {
  if (error.status === 401) {
    signingIn ??= signIn().finally(() => (signingIn = null));
    await signingIn;
    return true;
  }
  if (error.code !== "wrong_origin" || !token) return false;
  const before = token;
  await renew(); // another tab has signed in since
  return token !== before;
}

async function reach(path, init) {
  try {
    return await fetch(address(path), init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    window.dispatchEvent(new Event("lost")); // so that it is looked at once whether the service is there
    throw new ApiError({ status: 0, code: "unreachable", detail: "unreachable" });
  }
}

/** What a bad reply says; one that is no problem document (a proxy's page) gets a sentence of its own. */
export async function errorOf(reply) {
  let problem = {};
  try {
    problem = await reply.json();
  } catch {
    // not ours: a proxy's page
  }
  const wait = Number.parseFloat(reply.headers.get("Retry-After") ?? "");
  return new ApiError({
    status: reply.status,
    code: problem.code ?? "odd_reply",
    detail: problem.detail ?? `HTTP ${reply.status}`,
    hint: problem.hint ?? "",
    trace_id: problem.trace_id ?? reply.headers.get("X-Trace-Id") ?? "",
    retry_after_s: Number.isFinite(wait) ? wait : null,
    body: problem,
  });
}

/**
 * The service says something at least every 10 s, if only a comment: after this long the connection is dead.
 */
const QUIET_MS = 35_000;

/**
 * Each event of a reply as {name, data, id}; ends with the stream. Throws ApiError, AbortError, TypeError.
 */
export async function* events(method, path, body, { signal } = {}) {
  const reply = await request(method, path, body, { signal, accept: "text/event-stream" });
  if (reply.status === 204 || !reply.body) return;
  yield* framesOf(reply.body);
}

/** The events in a stream of bytes, however it is cut into pieces. */
export async function* framesOf(bytes) {
  const reader = bytes.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await inTime(reader.read());
      if (done) return;
      const frames = (rest + value).split(/\r?\n\r?\n/);
      rest = frames.pop();
      for (const frame of frames) {
        const event = parse(frame);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function inTime(promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new TypeError("the connection is silent")), QUIET_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function parse(frame) {
  const event = { name: "message", data: "", id: null };
  for (const line of frame.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "event") event.name = value;
    else if (field === "data") event.data += value;
    else if (field === "id") event.id = value;
  }
  return event.data === "" ? null : { ...event, data: JSON.parse(event.data) };
}

/** Until the time is over, the browser is online or the service reached again, or `signal` ends it. */
export function pause(milliseconds, signal) {
  return new Promise((go) => {
    const timer = setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      for (const name of ["online", "reached"]) window.removeEventListener(name, end);
      signal.removeEventListener("abort", end);
      go();
    }
    for (const name of ["online", "reached"]) window.addEventListener(name, end);
    signal.addEventListener("abort", end);
  });
}
