// What was typed and is not at the service: each conversation has its own, in this tab.

const DRAFT = "kotaemon.draft";
const UNSENT = "kotaemon.unsent";

/** What stands in the box of a conversation when it is opened: what did not arrive, and what was typed. */
export function draft(id) {
  const unsent = read(UNSENT, id);
  if (unsent) {
    keepDraft(id, [unsent, read(DRAFT, id)].filter(Boolean).join("\n"));
    keepUnsent(id, []);
  }
  return read(DRAFT, id);
}

/** Keeps what is typed. */
export const keepDraft = (id, words) => write(DRAFT, id, words);

/** Keeps the questions that did not reach the service; their turns are lost with the page. */
export const keepUnsent = (id, questions) => write(UNSENT, id, questions.join("\n"));

const nameOf = (kind, id) => (id ? `${kind}.${id}` : kind);

function read(kind, id) {
  try {
    return sessionStorage.getItem(nameOf(kind, id)) ?? "";
  } catch {
    return ""; // not allowed
  }
}

function write(kind, id, words) {
  try {
    if (words) sessionStorage.setItem(nameOf(kind, id), words);
    else sessionStorage.removeItem(nameOf(kind, id));
  } catch {
    // full, or not allowed
  }
}
