// Files on their way to the service: three at once, the rest waits. Each is sent under one
// Idempotency-Key, however often it takes, so that a lost connection never makes two documents of it.

import { address, ApiError, call, errorOf, headers, isSettled } from "../frame/api.js";
import { isUnfinished, PATH, store } from "./library.js";

const AT_ONCE = 3;
const INTO = "kotaemon.into";
const KEPT = "kotaemon.uploads";
const MOST_KEPT = 100;
const MOST_CUTS = 4;
const LONGEST_WAIT_S = 15;
const WAITS = new Set([429, 503, 507]);

/** Into which collection uploads go. */
export const into = () => localStorage.getItem(INTO) ?? "default";

/** Says into which collection uploads go from now on. */
export const putInto = (collection) => localStorage.setItem(INTO, collection);

/** A file that is not a document yet; `state` is waiting, sending, there (before this upload) or refused. */
class Upload {
  sent = 0;
  state = "waiting";
  why = null;
  there = "";
  cuts = 0;
  key = randomKey();
  /** What became of it, once the service has it. */
  document = null;

  constructor(file, path, collection) {
    Object.assign(this, { file, path, collection, name: file.name, size: file.size });
  }
}

class Uploads {
  items = [];
  /** Until when no upload starts, and why: {until, error}; null while they run. */
  hold = null;
  #hearers = new Set();
  #timer = 0;
  #losses = 0;
  #batch = { files: 0, bytes: 0, doneFiles: 0, doneBytes: 0 };

  constructor() {
    this.items = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]").map(revived);
    window.addEventListener("beforeunload", (event) => this.isBusy && event.preventDefault());
    window.addEventListener("online", () => this.#goOn());
    document.addEventListener(
      "health",
      ({ detail }) => detail.status !== "unreachable" && this.hold?.error.status === 0 && this.#goOn(),
    );
  }

  get isBusy() {
    return this.items.some((one) => one.state === "waiting" || one.state === "sending");
  }

  /** {files, bytes, doneFiles, doneBytes} since the queue was last empty. */
  get progress() {
    const sent = this.items.reduce((sum, one) => sum + (one.state === "sending" ? one.sent : 0), 0);
    return { ...this.#batch, doneBytes: this.#batch.doneBytes + sent };
  }

  /** Calls `hear` after every change until the returned function is called. */
  watch(hear) {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  /** Takes files, {file, path}, into the queue for a collection; the path is their place below a folder. */
  add(given, collection) {
    if (!this.isBusy) this.#batch = { files: 0, bytes: 0, doneFiles: 0, doneBytes: 0 };
    const added = given.map(({ file, path }) => new Upload(file, path, collection));
    this.items.push(...added);
    this.#batch.files += added.length;
    this.#batch.bytes += added.reduce((sum, one) => sum + one.size, 0);
    this.#start();
    return added;
  }

  /** Ends an upload, or closes what became of it. */
  drop(item) {
    if (item.state === "sending" || item.state === "waiting") this.#count(item);
    this.items = this.items.filter((one) => one !== item);
    item.xhr?.abort();
    this.#start();
  }

  /** Tries a refused one once more, as a new upload. */
  again(item) {
    this.drop(item);
    this.add([{ file: item.file, path: item.path }], item.collection);
  }

  #start() {
    const running = this.items.filter((one) => one.state === "sending").length;
    const next = this.hold
      ? []
      : this.items.filter((one) => one.state === "waiting").slice(0, AT_ONCE - running);
    for (const item of next) this.#send(item);
    const kept = this.items.filter((one) => one.state === "refused" || one.state === "there").slice(
      -MOST_KEPT,
    );
    sessionStorage.setItem(
      KEPT,
      JSON.stringify(
        kept.map(({ name, size, state, there, why }) => ({
          name,
          size,
          state,
          there,
          why: why && { ...why, detail: why.message },
        })),
      ),
    );
    this.#tell();
  }

  async #send(item) {
    item.state = "sending";
    item.why = null;
    item.sent = 0;
    try {
      const { status, body } = await post(item, () => this.#tell());
      store.put(body);
      item.document = body;
      this.#losses = 0;
      this.#count(item);
      if (status === 200) Object.assign(item, { state: "there", there: body.name });
      else this.items = this.items.filter((one) => one !== item);
    } catch (error) {
      if (error.name === "AbortError") return;
      await this.#failed(item, error);
    }
    this.#start();
  }

  async #failed(item, error) {
    if (error.status === 0) return this.#cut(item, error);
    // Nothing else of an upload can be missing.
    if (error.code === "not_found") error.code = "not_your_collection";
    if (error.code === "quota_exceeded") return this.#refuse(item, error); // no time makes room
    if (WAITS.has(error.status) || error.code === "key_in_use") {
      return this.#wait(item, error, error.retryAfterS ?? 5);
    }
    if (await isSettled(error)) return this.#wait(item, error, 0);
    return this.#refuse(item, error);
  }

  /**
   * The connection broke: the file may be gone, the service
   * away, or something in between is in the way each time.
   */
  async #cut(item, error) {
    item.cuts += 1;
    const isReadable = await item.file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    if (!isReadable) return this.#refuse(item, new ApiError({ status: 0, code: "file_changed", detail: "" }));
    if (item.cuts >= MOST_CUTS && (await isReached())) {
      return this.#refuse(item, new ApiError({ status: 0, code: "upload_cut", detail: "" }));
    }
    this.#losses += 1;
    return this.#wait(item, error, Math.min(LONGEST_WAIT_S, 2 ** (this.#losses - 1)));
  }

  #refuse(item, error) {
    if (!this.items.includes(item)) return;
    item.state = "refused";
    item.why = error;
    this.#count(item);
  }

  /** Back into the queue; what one is told holds for all. */
  #wait(item, error, waitS) {
    if (!this.items.includes(item)) return;
    Object.assign(item, { state: "waiting", why: error, sent: 0 });
    const until = Math.max(this.hold?.until ?? 0, Date.now() + waitS * 1000);
    this.hold = { until, error };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#goOn(), until - Date.now());
  }

  #goOn() {
    clearTimeout(this.#timer);
    this.hold = null;
    this.#start();
  }

  #count(item) {
    this.#batch.doneFiles += 1;
    this.#batch.doneBytes += item.size;
  }

  #tell() {
    for (const hear of this.#hearers) hear();
  }
}

/**
 * Uploads files, {file, path}, about which something is to be asked, and gives the
 * documents that can be asked about, once all of them are read. `hear(each)` gets
 * {name, part, document, error} of every file as it goes on; `part` of the work is
 * between 0 and 1. An aborted `signal` ends the waiting; what is uploaded stays.
 */
export function uploadForQuestion(given, { collection = into(), hear = () => {}, signal } = {}) {
  const items = uploads.add(given, collection);
  return new Promise((done, fail) => {
    const look = () => {
      const each = items.map(progressOf);
      hear(each);
      if (each.every((one) => one.error || (one.document && !isUnfinished(one.document)))) finish(each);
    };
    const ends = [uploads.watch(look), store.watch(look)];
    const stop = () => ends.forEach((end) => end());
    const finish = (each) => {
      stop();
      done(each.map((one) => one.document).filter((one) => one?.status === "ready"));
    };
    signal?.addEventListener("abort", () => (stop(), fail(signal.reason)));
    look();
  });
}

/** How far a file is on its way to an answer: half of the way is the upload, half the reading. */
function progressOf(item) {
  const document = item.document && (store.get(item.document.id) ?? item.document);
  const isGone = !document && item.state !== "refused" && !uploads.items.includes(item);
  const error = item.why && item.state === "refused" ? item.why : (document?.error ?? null);
  const read = document?.progress.pages_total
    ? document.progress.pages_done / document.progress.pages_total
    : 0;
  const part = document
    ? 0.5 + (document.status === "ready" ? 1 : read) / 2
    : item.sent / 2 / (item.size || 1);
  return { name: item.name, part, document, error: isGone ? new DOMException("ended", "AbortError") : error };
}

/** Sends the file; {status, body} of a good reply. Throws ApiError, AbortError. */
function post(item, onSent) {
  const form = new FormData();
  form.append("collection", item.collection); // before the file: the service reads the form as it comes
  if (item.path) form.append("path", item.path);
  form.append("file", item.file, item.name);
  const xhr = new XMLHttpRequest();
  item.xhr = xhr;
  return new Promise((done, fail) => {
    xhr.upload.onprogress = ({ loaded }) => {
      item.sent = Math.min(loaded, item.size);
      onSent();
    };
    xhr.onload = () => answer(xhr).then(done, fail);
    xhr.onerror = () => fail(new ApiError({ status: 0, code: "unreachable", detail: "unreachable" }));
    xhr.onabort = () => fail(new DOMException("cancelled", "AbortError"));
    xhr.open("POST", address(PATH));
    for (
      const [name, value] of Object.entries(
        headers({ Accept: "application/json", "Idempotency-Key": item.key }),
      )
    ) xhr.setRequestHeader(name, value);
    xhr.send(form);
  });
}

async function answer(xhr) {
  const given = ["Retry-After", "X-Trace-Id"].map((name) => [name, xhr.getResponseHeader(name)]).filter((
    [, value],
  ) => value);
  const reply = new Response(xhr.responseText, { status: xhr.status, headers: given });
  if (!reply.ok) throw await errorOf(reply);
  return { status: xhr.status, body: await reply.json() };
}

function isReached() {
  return call("GET", "/livez").then(() => true, (error) => error.status !== 0);
}

/** Random text; randomUUID is not there on a page from another machine without TLS. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

function revived({ name, size, state, there, why }) {
  const error = why && new ApiError({ ...why, trace_id: why.traceId });
  return {
    key: randomKey(),
    name,
    size,
    state,
    there,
    why: error,
    sent: 0,
    file: null,
    path: "",
    collection: "",
  };
}

export const uploads = new Uploads();
