// The service's public API. Every failure is an ApiError with a code, a sentence, a hint and a trace id.

/** Where the service is: the folder above this module's, `/` or, behind a proxy, `/docs/`. */
const ROOT = new URL("..", import.meta.url).pathname;
const KEY = "kotaemon.key";
let askForKey = async () => null;
let asked = null;

/** A failure a person can act on; `status` 0 means that the service was not reached. */
export class ApiError extends Error {
  constructor({ status, code, detail, hint = "", trace_id = "", retry_after_s = null, body = null }) {
    super(detail);
    Object.assign(this, { status, code, hint, traceId: trace_id, retryAfterS: retry_after_s, body });
  }
}

/** How a key is asked for when the service wants one: a function that gives it, or null. */
export function whenKeyIsNeeded(ask) {
  askForKey = ask;
}

/** The headers of a request: with the key, if one is known. */
export function headers(more = {}) {
  const key = localStorage.getItem(KEY);
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

/** The key that is kept in this browser; null forgets it. */
export function keepKey(key) {
  if (key) localStorage.setItem(KEY, key);
  else localStorage.removeItem(KEY);
}

/** The address of a path of the service, wherever below its host it is. */
export const address = (path) => ROOT + path.slice(1);

/** The reply's JSON (null for 204); body is sent as JSON. Throws ApiError. */
export async function call(method, path, body = undefined, { signal } = {}) {
  const reply = await request(method, path, body, { signal });
  return reply.status === 204 ? null : reply.json();
}

/** The reply itself, when it is good. Throws ApiError, or AbortError when `signal` stopped it. */
export async function request(method, path, body = undefined, { signal, accept = "application/json" } = {}) {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  const init = { method, signal, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-cache" };
  for (;;) {
    const sent = localStorage.getItem(KEY);
    const reply = await reach(path, { ...init, headers: headers({ Accept: accept, ...json }) });
    if (reply.ok) return reply;
    const error = await errorOf(reply);
    if (error.status !== 401) throw error;
    if (sent === localStorage.getItem(KEY) && !(await newKey(error))) throw error;
  }
}

/** Whether there is a new key. All requests that need one ask once; who gives none is asked again after a reload. */
function newKey(error) {
  asked ??= askForKey(error).then((key) => {
    if (!key) return false;
    keepKey(key);
    asked = null;
    return true;
  });
  return asked;
}

async function reach(path, init) {
  try {
    return await fetch(address(path), init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
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
