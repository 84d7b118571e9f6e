// What is known of the turns of a conversation, and how each thing that is heard changes it. A turn is what
// the service says of its current version, and what is heard of it while it runs.

const RUNNING = new Set(["asking", "reading", "writing"]);
let born = 0;

/** Whether its answer is under way, as far as is known. */
export const isRunning = (turn) => RUNNING.has(turn.state);

/** A question on its way to the service. */
export function asked(question, scope, replaces = null) {
  const key = `new-${born += 1}`;
  return { ...EMPTY, key, question, scope, replaces, state: "asking", isOwn: true, heardAt: Date.now() };
}

const EMPTY = {
  answer: null,
  said: "",
  html: "",
  tail: "",
  passages: [],
  voided: [],
  error: null,
  replaces: null,
  isOwn: false,
  told: null,
  heardAt: 0,
};

/** The turn of an answer; `before` is what was known of it. */
export function turnOf(answer, before = null) {
  const known = before ?? { ...EMPTY, key: answer.turn_id ?? answer.id };
  const turn = {
    ...known,
    answer,
    question: answer.question,
    scope: answer.scope ?? known.scope ?? { collection: null, document_ids: [] },
    error: null,
    told: null,
    heardAt: Date.now(),
  };
  const state = stateOf(answer);
  if (state !== "running") return { ...turn, ...textOf(answer), state, isOwn: false };
  // What is heard letter by letter is further than what was read.
  const isFurther = known.answer?.id === answer.id && known.said && known.said.startsWith(answer.answer);
  if (known.isOwn || (isFurther && answer.answer)) return { ...turn, ...runningState(turn) };
  const isAnew = !answer.answer.startsWith(known.said);
  const voided = isAnew ? restarted(known, null).voided : known.voided;
  return { ...turn, voided, ...textOf(answer), ...runningState({ ...turn, said: answer.answer }) };
}

function stateOf(answer) {
  if (answer.status) return answer.status;
  return answer.complete === false ? "interrupted" : "done"; // of an earlier release
}

function textOf({ answer, html }) {
  return { said: answer, html: html ?? "", tail: html ? "" : answer };
}

function runningState({ said, passages, state }) {
  if (said) return { state: "writing" };
  return { state: passages.length > 0 || state === "reading" ? "reading" : "asking" };
}

/** The turns with this answer in its place; one that is new comes last. */
export function withAnswer(turns, answer) {
  const at = placeOf(turns, answer);
  if (at < 0) return [...turns, turnOf(answer)];
  const before = turns[at];
  // The version before it is told of while another one is on its way to the service.
  if (before.waits?.versions.some((one) => one.id === answer.id) && !before.answer) return turns;
  const isOlder = before.answer?.id === answer.id && !isRunning(before) && before.state !== "lost" &&
    answer.status === "running";
  if (isOlder || (answer.current === false && before.answer && before.answer.id !== answer.id)) {
    return turns.with(at, { ...before, answer: { ...before.answer, versions: answer.versions } });
  }
  if (before.isOwn && isRunning(before) && answer.status !== "running") {
    // Its own connection is not there yet: it tells how the answer came about, and what became void.
    // The version before it is not told of anew once it is known, unless somebody has chosen it.
    const isBefore = answer.id === before.replaces && !before.answer;
    return isBefore ? turns : turns.with(at, { ...before, told: answer });
  }
  const isOther = before.answer && before.answer.id !== answer.id;
  return turns.with(at, turnOf(answer, isOther ? { ...EMPTY, key: before.key } : before));
}

function placeOf(turns, answer) {
  const at = turns.findIndex((turn) => isOf(turn, answer));
  if (at >= 0) return at;
  return turns.findIndex((one) => !one.answer && one.question === answer.question && one.state !== "failed");
}

/** Whether an answer is one of the turn's versions. */
function isOf({ answer, waits }, { id, turn_id: turnId }) {
  const known = answer ?? waits;
  return Boolean(known) && (known.id === id || Boolean(turnId && known.turn_id === turnId));
}

/**
 * What was read anew; only what was there `before` it was asked for can be gone, and what came since is newer
 * than what was read.
 */
export function withAll(turns, answers, before) {
  const isNewer = (turn, read) =>
    turn.answer && turn.answer.id !== read.id && !before.has(turn.answer.id) && isOf(turn, read);
  const heard = answers
    .filter((read) => !turns.some((turn) => isNewer(turn, read)))
    .reduce(withAnswer, turns);
  const isRead = (turn) => answers.some((read) => isOf(turn, read));
  const isGone = (turn) => turn.answer && before.has(turn.answer.id) && !isRead(turn);
  const rank = (turn) => {
    const at = answers.findIndex((read) => isOf(turn, read));
    return at < 0 ? answers.length : at;
  };
  return heard.filter((turn) => !isGone(turn)).toSorted((a, b) => rank(a) - rank(b));
}

/** The turns with one of them changed; `change` gives the fields that differ. */
export function changed(turns, isIt, change) {
  const at = turns.findIndex(isIt);
  if (at < 0) return turns;
  return turns.with(at, { ...turns[at], ...change(turns[at]) });
}

/** A piece of text that begins after `start` letters; null when one before it was not heard. */
export function heardText(turn, start, text) {
  if (start > turn.said.length) return null;
  const fresh = text.slice(turn.said.length - start);
  return { said: turn.said + fresh, tail: turn.tail + fresh, state: "writing", heardAt: Date.now() };
}

/** The text so far as HTML. */
export const heardHtml = (html) => ({ html, tail: "", heardAt: Date.now() });

/** An answer starts anew: what was said until now is void, and can be seen to be, unless it was thoughts. */
export function restarted(turn, why) {
  const isVoid = turn.said && why?.reason !== "thoughts";
  const voided = isVoid ? [...turn.voided, { html: turn.html, tail: turn.tail, why }] : turn.voided;
  return { voided, said: "", html: "", tail: "", state: "reading", heardAt: Date.now() };
}
