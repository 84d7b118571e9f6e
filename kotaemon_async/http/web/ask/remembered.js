// What this browser remembers beside the service: questions that are under way, answers that were replaced on the
// screen, where to look, and a question that is half written. Nothing breaks when it forgets.

const UNFINISHED = "kotaemon.unfinished";
const REPLACED = "kotaemon.replaced";
const MOST = 200;

/** The value under a name in this tab; `instead` when there is none or it cannot be read. */
export function remembered(name, instead = null) {
  return read(sessionStorage, name) ?? instead;
}

/** Keeps a value in this tab, until it is closed; null forgets it. */
export function remember(name, value) {
  write(sessionStorage, name, value);
}

/** The question of a conversation that has no whole answer: {question, scope, text, state, traceId}. */
export function unfinished(conversationId) {
  return remembered(UNFINISHED, {})[conversationId] ?? null;
}

/** Keeps such a question; null: it is answered. */
export function keepUnfinished(conversationId, value) {
  const { [conversationId]: _, ...others } = remembered(UNFINISHED, {});
  const latest = Object.entries(others).slice(-MOST);
  remember(UNFINISHED, Object.fromEntries(value ? [...latest, [conversationId, value]] : latest));
}

/** Whether an answer was replaced by a later one: tried again, or asked otherwise. */
export function isReplaced(answerId) {
  return (read(localStorage, REPLACED) ?? []).includes(answerId);
}

/** Notes that it was. */
export function noteReplaced(answerId) {
  if (answerId) {
    write(localStorage, REPLACED, [...(read(localStorage, REPLACED) ?? []), answerId].slice(-MOST));
  }
}

function read(storage, name) {
  try {
    return JSON.parse(storage.getItem(name));
  } catch {
    return null; // written by something else, or not allowed
  }
}

function write(storage, name, value) {
  try {
    if (value === null) storage.removeItem(name);
    else storage.setItem(name, JSON.stringify(value));
  } catch {
    // full, or not allowed
  }
}
