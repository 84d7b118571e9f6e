// What changes at the service, in one stream for all windows of a browser, which has six connections to a
// host: the window that has been in sight longest asks for what all of them want, and tells the others. It
// works without locks, which pages over plain http do not have: two that ask at once do no harm.

import { address, events, pause } from "./api.js";

const PATH = "/api/v1/events";
/** Each window in sight says this often that it is there, and is taken for gone after this long a silence. */
const BEAT_MS = 1_000;
const SILENT_MS = 4_500;
/** So long a new one listens for others before it asks itself, and a stream waits for more to ask for. */
const LISTEN_MS = 60;
const GATHER_MS = 20;
const LONGEST_PAUSE_MS = 15_000;
/** With so many others in sight, connections are few. */
const CROWD = 2;

const mine = new Map(); // subject -> Set of {hear, told, knows}
const others = new Map(); // window -> {wants, at}
const live = new Map(); // subject -> what its stream is called, which is another one after each break
let channel = null;
let me = null;
let isReady = false;
let beat = 0;
let timer = 0;
let stream = null; // {subjects, control} while this window asks

/** Whether so many windows are in sight that none should hold a connection for long. */
export const isCrowded = () => others.size >= CROWD;

/**
 * Follows a subject, `documents`, `conversations` or `conversations/ID`: `hear({name, data})` for each event,
 * first of all `open`, and again after a break, `told("live" | "waiting")` when the stream comes and goes.
 * Returns a function that ends it.
 */
export function follow(subject, hear, told = () => {}) {
  const one = { hear, told, knows: undefined };
  if (!mine.has(subject)) mine.set(subject, new Set());
  mine.get(subject).add(one);
  if (me === null) enter();
  else say();
  tellState(one, subject);
  gather();
  return () => {
    mine.get(subject)?.delete(one);
    if (mine.get(subject)?.size === 0) mine.delete(subject);
    if (mine.size === 0) leave();
  };
}

/**
 * Holds what `start()` opens while the page is in sight, and no longer: it gives its end. A browser has six
 * connections to a host for all tabs together, so that streams of hidden ones would keep this one waiting.
 */
export function whileSeen(start) {
  let end = null;
  const look = () => {
    if (document.hidden) end = end?.();
    else end ??= start();
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    end?.();
  };
}

function enter() {
  me = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  channel = globalThis.BroadcastChannel ? new BroadcastChannel(`events ${address("/")}`) : null;
  if (channel) channel.onmessage = ({ data }) => hearWindow(data);
  addEventListener("pagehide", leave);
  beat = setInterval(() => (say(), gather()), BEAT_MS);
  say({ isNew: true });
  const entered = me;
  setTimeout(() => {
    if (me !== entered) return;
    isReady = true;
    gather();
  }, channel ? LISTEN_MS : 0);
}

function leave() {
  if (me === null) return;
  post({ isGone: true });
  channel?.close();
  removeEventListener("pagehide", leave);
  clearInterval(beat);
  clearTimeout(timer);
  timer = 0;
  end();
  others.clear();
  live.clear();
  channel = me = null;
  isReady = false;
}

const post = (message) => channel?.postMessage({ from: me, ...message });

function say(more = {}) {
  post({ wants: [...mine.keys()], ...(stream && { live: [...live] }), ...more });
}

/** Ids begin with the time at which a window came into sight: the first of them asks. */
function leader() {
  const long = Date.now() - SILENT_MS;
  for (const [id, { at }] of others) if (at < long) others.delete(id);
  return [me, ...others.keys()].sort()[0];
}

function hearWindow({ from, wants, live: theirs, event, isNew, isGone, isLost }) {
  if (isGone) others.delete(from);
  else others.set(from, { wants: wants ?? others.get(from)?.wants ?? [], at: Date.now() });
  if (isNew) say();
  if (event) pass(event);
  if (theirs && leader() === from) {
    live.clear();
    for (const [subject, name] of theirs) live.set(subject, name);
    tellAll(isLost);
  }
  if (!event) gather();
}

/** Asks, or leaves it to another, once those that begin together are known. */
function gather() {
  if (timer || !isReady) return;
  timer = setTimeout(() => {
    timer = 0;
    if (me === null) return;
    if (leader() !== me) return end();
    const wanted = new Set([...mine.keys(), ...[...others.values()].flatMap(({ wants }) => wants)]);
    if (stream && [...wanted].every((subject) => stream.subjects.has(subject))) return;
    ask(wanted);
  }, GATHER_MS);
}

function end() {
  stream?.control.abort();
  stream = null;
}

/** Begins a stream; the one before it goes on until the new one tells all that it told. */
async function ask(subjects) {
  const before = stream;
  const control = new AbortController();
  const { signal } = control;
  signal.addEventListener("abort", () => before?.control.abort());
  const own = stream = { subjects, control, opened: new Set() };
  const query = new URLSearchParams([...subjects].map((subject) => ["about", subject]));
  if (!before) live.clear(); // whoever told of them before has stopped: something may have been missed
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      for await (const { name, data } of events("GET", `${PATH}?${query}`, undefined, { signal })) {
        if (signal.aborted) return;
        tries = 0;
        const [subject, kind] = name.split(" ");
        if (kind === "open") opened(own, subject);
        else told({ subject, name: kind, data });
        // One that is gone has no `open`.
        if (kind === "gone" && subject !== "conversations") own.opened.add(subject);
        if ([...subjects].every((one) => own.opened.has(one))) before?.control.abort();
      }
    } catch {
      // it ends like one that has come to its end
    }
    if (signal.aborted) return;
    for (const subject of subjects) if (stream === own || !stream.opened.has(subject)) live.delete(subject);
    if (stream !== own) return;
    before?.control.abort();
    own.opened.clear();
    say({ isLost: true });
    tellAll(true);
    await pause(Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** tries), signal);
  }
}

function opened(own, subject) {
  own.opened.add(subject);
  if (!live.has(subject)) live.set(subject, `${me} ${performance.now()}`);
  say();
  tellAll();
}

function told(event) {
  post({ event });
  pass(event);
}

function pass({ subject, name, data }) {
  for (const one of mine.get(subject) ?? []) one.hear({ name, data });
}

function tellAll(isLost = false) {
  for (const [subject, ones] of mine) for (const one of ones) tellState(one, subject, isLost);
}

/** While another window takes over there is nothing to tell, unless it says that it is lost. */
function tellState(one, subject, isLost = false) {
  const now = live.get(subject) ?? null;
  if (now === one.knows || (now === null && !isLost)) return;
  one.knows = now;
  one.told(now === null ? "waiting" : "live");
  if (now !== null) one.hear({ name: "open", data: {} });
}
