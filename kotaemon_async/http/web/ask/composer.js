// The box for the question: it grows, Enter asks, and it says where the answer is looked for and how it is wished.

import { count, t } from "../frame/language.js";
import { Icon } from "../frame/ui.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { DroppedFiles, useDropped } from "./dropped.js";
import { ScopePicker } from "./scope.js";
import { Wishes } from "./wishes.js";

const MOST = 4_000;
const NEAR = 400;
const DRAFT = "kotaemon.draft";

/** On a phone the focus would bring up the keyboard over everything. */
const isWide = () => matchMedia("(min-width: 901px)").matches;

/** `ask(question, wish)` sends, `stop()` ends an answer, `cancel()` gives up a change. */
export function Composer({ id, asked, follows, running, editing, scope, ask, stop, cancel }) {
  const [words, setWords] = useDraft(id);
  const [wish, setWish] = useState({});
  const field = useRef(null);
  const files = useDropped(scope);
  const length = [...words.trim()].length;
  const rest = MOST - length;
  const canAsk = length > 0 && rest >= 0 && !running && !files.isReading;

  useEffect(() => {
    if (isWide()) field.current.focus({ preventScroll: true });
  }, []);
  useEffect(() => void (asked && setWords(asked)), [asked]);
  useEffect(() => {
    if (!editing) return;
    setWords(editing.question);
    field.current.focus();
  }, [editing?.key]);
  useLayoutEffect(() => grow(field.current), [words]);

  const submit = (event) => {
    event?.preventDefault();
    if (!canAsk) return;
    setWords("");
    setWish({});
    ask(words.trim(), wish);
  };
  const key = (event) => {
    // While Chinese is being typed, Enter chooses a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  };
  const giveUp = () => {
    setWords("");
    cancel();
  };
  return html`
    <form class="asking" onSubmit=${submit}>
      <div class="box">
        ${editing && html`
          <div class="editing">
            <span>${t("ask.editing")}</span>
            <button type="button" class="quiet" id="cancel-edit" onClick=${giveUp}>${t("cancel")}</button>
          </div>
        `}
        <${DroppedFiles} files=${files} />
        <textarea id="question" ref=${field} rows="1" dir="auto" enterkeyhint="send" value=${words}
          placeholder=${t(follows ? "ask.follow" : "ask.placeholder")} aria-label=${t("ask.box")}
          aria-describedby="question-keys question-left" onInput=${(event) => setWords(event.target.value)}
          onKeyDown=${key} />
        <footer>
          <${ScopePicker} scope=${scope.value} choose=${scope.choose} />
          <${Wishes} wish=${wish} choose=${setWish} />
          <span class=${rest < 0 ? "left over" : "left"} id="question-left" role="status">${leftWords(
            rest,
          )}</span>
          <span class="hidden-words" id="question-keys">${t("ask.keys")}</span>
          ${running
            ? html`
              <button type="button" class="plain" id="stop" key="stop" onClick=${stop}>
                <${Icon} name="stop" />${t("ask.stop")}
              </button>
            `
            : html`
              <button type="submit" class="go" id="send" key="send" disabled=${!canAsk}>
                <${Icon} name="send" />${t("ask.send")}
              </button>
            `}
        </footer>
      </div>
    </form>
  `;
}

function leftWords(rest) {
  if (rest > NEAR) return "";
  return t(rest >= 0 ? "ask.left" : "ask.over", { n: Math.abs(rest), count: count(Math.abs(rest)) });
}

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, innerHeight * 0.4)}px`;
}

/** A half-written question: each conversation has its own, in this tab. */
function useDraft(id) {
  const name = id ? `${DRAFT}.${id}` : DRAFT;
  const [words, setWords] = useState(() => draft(name));
  const write = (next) => {
    setWords(next);
    keepDraft(name, next);
  };
  return [words, write];
}

function draft(name) {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return ""; // not allowed
  }
}

function keepDraft(name, words) {
  try {
    if (words) sessionStorage.setItem(name, words);
    else sessionStorage.removeItem(name);
  } catch {
    // full, or not allowed
  }
}
