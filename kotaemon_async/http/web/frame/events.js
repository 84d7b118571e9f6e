// Server-sent events over fetch, which can send a key and a body; EventSource can do neither.

import { request } from "./api.js";

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

/**
 * Follows a stream that has no end: `hear(event)` for each event, `told("live" | "waiting")` when it comes
 * and goes.
 * Returns a function that ends it. A lost connection is tried again after 1, 2, 4 … 15 s and when the browser
 * is online again.
 */
export function follow(path, hear, told = () => {}) {
  const over = new AbortController();
  let is = null;
  const state = (now) => {
    if (now !== is) told(is = now);
  };
  const run = async () => {
    for (let tries = 0; !over.signal.aborted; tries += 1) {
      try {
        for await (const event of events("GET", path, undefined, { signal: over.signal })) {
          tries = 0;
          state("live");
          hear(event);
        }
      } catch (error) {
        if (over.signal.aborted) return;
      }
      state("waiting");
      await pause(Math.min(15_000, 1000 * 2 ** tries), over.signal);
    }
  };
  run();
  return () => over.abort();
}

function pause(milliseconds, signal) {
  return new Promise((go) => {
    const timer = setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      go();
    }
    window.addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}
