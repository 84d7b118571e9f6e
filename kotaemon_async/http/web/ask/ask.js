// The view "Ask": a conversation, the box for the next question, and the evidence beside it.

import { call } from "../frame/api.js";
import { questionBox } from "./box.js";
import { hideCard } from "../frame/card.js";
import { showSheet } from "../frame/sheet.js";
import { fill, h, icon } from "../frame/dom.js";
import { emptyState } from "../frame/empty.js";
import { evidence } from "../reader/evidence.js";
import { say, sayError } from "../frame/notice.js";
import { isReplaced, noteReplaced, unfinished } from "./remembered.js";
import { scopePicker } from "./scope.js";
import { forgetMarks } from "./sentence_marks.js";
import { t } from "../frame/strings.js";
import { Turn } from "./turn.js";

const NEAR_END_PX = 120;
/** Turns that are under way, by conversation: they go on while something else is on the screen. */
const running = new Map();

export function ask(shared, [wanted]) {
  const it = { shared, id: null, turns: [], edited: null, isOpen: true, proof: evidence() };
  it.scope = scopePicker(shared);
  it.list = h("div", {
    class: "turns",
    id: "turns",
    tabindex: -1,
    role: "log",
    "aria-live": "off",
    "aria-label": t("ask.turns"),
    onscroll: () => lookDown(it),
  });
  it.spoken = h("p", { class: "hidden-words", id: "announce", role: "status" });
  it.down = h("button", {
    type: "button",
    class: "plain down",
    id: "to-end",
    hidden: true,
    "aria-label": t("ask.down"),
    title: t("ask.down"),
    onclick: () => toEnd(it),
  }, icon("down"));
  it.box = questionBox({
    scope: it.scope.node,
    ask: (question) => submit(it, question),
    stop: () => it.turns.at(-1)?.stop(),
    cancel: () => stopEditing(it, ""),
  });
  const bar = h(
    "header",
    { class: "talk-bar" },
    h(
      "button",
      { type: "button", class: "quiet", id: "show-talks", onclick: showSheet },
      icon("list"),
      t("talks.label"),
    ),
    h("a", { class: "quiet", href: "#ask" }, icon("plus"), t("talks.new")),
  );
  const talk = h(
    "section",
    { class: "talk", "aria-label": t("nav.ask") },
    h("h2", { class: "hidden-words" }, t("nav.ask")),
    bar,
    it.list,
    h("div", { class: "below" }, it.down, it.box.node),
    it.spoken,
  );
  const node = h("div", { class: "ask" }, talk, it.proof.node);
  const leave = () => running.forEach((turn) => turn.keep());
  const escape = (event) => event.key === "Escape" && !event.defaultPrevented && onEscape(it);
  window.addEventListener("pagehide", leave);
  document.addEventListener("keydown", escape);
  open(it, wanted ?? null);
  return {
    node,
    moved: ([id]) => open(it, id ?? null),
    shown: () => (it.box.shown(), wideEnough() && it.box.question.focus(), toEnd(it)),
    close() {
      Object.assign(it, { isOpen: false });
      window.removeEventListener("pagehide", leave);
      document.removeEventListener("keydown", escape);
      hideCard();
      it.proof.forget();
    },
  };
}

/** On a phone the focus would bring up the keyboard over everything. */
const wideEnough = () => matchMedia("(min-width: 901px)").matches;

function onEscape(it) {
  if (document.querySelector("dialog[open], [popover]:popover-open")) return;
  if (it.proof.isOpen()) it.proof.close();
  else if (it.edited) stopEditing(it, "");
}

/** Shows a conversation; null begins a new one. */
async function open(it, id) {
  if (id !== null && id === it.id) return;
  Object.assign(it, { id, turns: [], edited: null });
  stopEditing(it, null);
  forgetMarks();
  hideCard();
  it.proof.forget();
  it.box.running(false);
  it.box.follows(false);
  if (id === null) return showEmpty(it);
  if (running.get(id)?.isFirst) return showTurns(it, []); // nothing of it is kept yet
  fill(
    it.list,
    h(
      "div",
      { class: "turn" },
      h("div", { class: "wait asked" }),
      h("div", { class: "wait" }),
      h("div", { class: "wait" }),
    ),
  );
  try {
    const found = await call("GET", `/api/v1/conversations/${encodeURIComponent(id)}?html=true`);
    if (it.id === id) showTurns(it, found.answers);
  } catch (error) {
    if (it.id === id) withoutHistory(it, error);
  }
  return undefined;
}

function showTurns(it, answers) {
  fill(it.list);
  it.turns = [];
  for (const answer of answers.filter((one) => !isReplaced(one.id) && !isReplaced(one.trace_id))) {
    add(it, newTurn(it, answer.question, it.shared.scope)).show(answer);
  }
  const going = running.get(it.id);
  const left = unfinished(it.id);
  const last = answers.at(-1); // of one that was stopped before its first event no trace is known
  const isLast = last?.complete === false && last.question === left?.question;
  const isKept = isLast || answers.some((one) => one.trace_id === left?.traceId);
  if (going) add(it, going).desk = desk(it);
  else if (left && !isKept) add(it, newTurn(it, left.question, left.scope)).leftBehind(left);
  it.box.running(Boolean(going));
  toEnd(it);
}

/** A conversation whose first answer is not kept yet, or that is gone, or cannot be read now. */
function withoutHistory(it, error) {
  const { id } = it;
  if (running.has(id) || unfinished(id)) return showTurns(it, []);
  if (error.status === 404) {
    say(t("talks.gone"));
    return it.shared.go("ask");
  }
  fill(it.list);
  sayError(error, { key: "conversation" });
  document.addEventListener("health", function again({ detail }) {
    if (detail.status !== "unreachable" || it.id !== id) document.removeEventListener("health", again);
    if (detail.status === "unreachable" || it.id !== id || !it.isOpen) return;
    it.id = null;
    open(it, id);
  });
  return undefined;
}

function showEmpty(it) {
  const choose = (one) => {
    it.scope.choose({ collection: null, documentIds: [one.id] }, one.name);
    it.box.question.focus();
  };
  fill(it.list, emptyState(it.scope.look(), choose));
}

const desk = (it) => ({
  openSource: (source, from) => it.proof.open(source, from),
  again: (turn) => replace(it, turn, turn.question),
  edit: (turn) => startEditing(it, turn),
  changed: () => keepUp(it),
  announce: (words) => it.isOpen && fill(it.spoken, words),
});

function newTurn(it, question, scope) {
  return new Turn({
    question,
    scope: { ...scope, documentIds: [...scope.documentIds] },
    conversationId: it.id,
  }, desk(it));
}

function add(it, turn) {
  it.turns.push(turn);
  it.list.append(turn.node);
  it.box.follows(true);
  return turn;
}

function submit(it, question) {
  if (it.edited) return replace(it, it.edited, question, it.shared.scope);
  if (it.id === null) {
    fill(it.list);
    it.id = newId();
    it.shared.go("ask", it.id);
  }
  return begin(it, question, it.shared.scope);
}

/** Asks anew instead of the last turn, which leaves the screen. */
function replace(it, turn, question, scope = turn.scope) {
  if (it.turns.at(-1)?.isRunning) return;
  noteReplaced(turn.answer?.id ?? turn.traceId); // a stopped answer is kept, but its id was not heard
  it.turns = it.turns.filter((one) => one !== turn);
  turn.node.remove();
  it.proof.forget();
  stopEditing(it, null);
  begin(it, question, scope);
}

async function begin(it, question, scope) {
  const isFirst = it.turns.length === 0;
  const turn = Object.assign(add(it, newTurn(it, question, scope)), { isFirst });
  const { id } = it;
  running.set(id, turn);
  it.box.running(true);
  toEnd(it);
  await turn.run();
  running.delete(id);
  it.shared.refreshConversations();
  if (it.id === id && it.isOpen) it.box.running(false);
}

function startEditing(it, turn) {
  if (it.turns.at(-1) !== turn || turn.isRunning) return;
  it.edited = turn;
  turn.node.classList.add("edited");
  it.box.put(turn.question);
  it.box.editing(true);
  it.box.question.focus();
}

/** `words` go into the box; null leaves what is there. */
function stopEditing(it, words) {
  it.edited?.node.classList.remove("edited");
  it.edited = null;
  it.box.editing(false);
  if (words !== null) it.box.put(words);
}

/** Sortable by time, as the service's own; getRandomValues also works on plain http. */
function newId() {
  const random = [...crypto.getRandomValues(new Uint8Array(6))].map((one) =>
    one.toString(16).padStart(2, "0")
  ).join("");
  return `conv_${Date.now().toString(16).padStart(12, "0")}${random}`;
}

const isNearEnd = ({ list }) => list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END_PX;

/** Follows the text as it grows, unless the person has scrolled away from it. */
function keepUp(it) {
  if (it.follows !== false) it.list.scrollTop = it.list.scrollHeight;
  lookDown(it);
}

function lookDown(it) {
  it.follows = isNearEnd(it);
  it.down.hidden = it.follows;
}

function toEnd(it) {
  it.follows = true;
  it.list.scrollTop = it.list.scrollHeight;
  lookDown(it);
}
