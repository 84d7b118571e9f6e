// The box for the question: it grows, Enter asks, and it says where the answer is looked for.

import { fill, h, icon } from "../frame/dom.js";
import { count } from "../frame/format.js";
import { remember, remembered } from "./remembered.js";
import { t } from "../frame/strings.js";

const MOST = 4_000;
const NEAR = 400;
const DRAFT = "kotaemon.draft";

/** `scope` is the picker's node; ask(question) sends, stop() ends an answer, cancel() gives up a change. */
export function questionBox({ scope, ask, stop, cancel }) {
  const question = h("textarea", {
    id: "question",
    rows: 1,
    placeholder: t("ask.placeholder"),
    "aria-label": t("ask.box"),
    "aria-describedby": "question-keys question-left",
    value: remembered(DRAFT, ""),
  });
  const left = h("span", { class: "left", id: "question-left", role: "status" });
  const go = h("button", { type: "submit", class: "go", id: "ask" }, icon("send"), t("ask.send"));
  const end = h(
    "button",
    { type: "button", class: "plain", id: "stop", hidden: true, onclick: stop },
    icon("stop"),
    t("ask.stop"),
  );
  const editing = h(
    "div",
    { class: "editing", hidden: true },
    h("span", {}, t("ask.editing")),
    h("button", { type: "button", class: "quiet", id: "cancel-edit", onclick: () => cancel() }, t("cancel")),
  );
  const node = h(
    "form",
    { class: "asking", onsubmit: submit },
    h(
      "div",
      { class: "box" },
      editing,
      question,
      h(
        "footer",
        {},
        scope,
        left,
        h("span", { class: "hidden-words", id: "question-keys" }, t("ask.keys")),
        end,
        go,
      ),
    ),
  );
  let isRunning = false;

  function submit(event) {
    event?.preventDefault();
    const words = question.value.trim();
    if (isRunning || !words || [...words].length > MOST) return;
    put("");
    ask(words);
  }

  function look() {
    const length = [...question.value.trim()].length;
    const rest = MOST - length;
    left.textContent = rest > NEAR
      ? ""
      : t(rest >= 0 ? "ask.left" : "ask.over", { n: Math.abs(rest), count: count(Math.abs(rest)) });
    left.classList.toggle("over", rest < 0);
    go.disabled = length === 0 || rest < 0;
    go.hidden = isRunning;
    end.hidden = !isRunning;
    question.style.height = "auto";
    question.style.height = `${Math.min(question.scrollHeight, innerHeight * 0.4)}px`;
    remember(DRAFT, question.value || null);
  }

  function put(words) {
    question.value = words;
    look();
  }

  question.addEventListener("input", look);
  question.addEventListener("keydown", (event) => {
    // While Chinese is being typed, Enter chooses a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  return {
    node,
    question,
    put,
    /** To be called once it is on the screen, which is when it knows its height. */
    shown: look,
    running(is) {
      isRunning = is;
      look();
    },
    editing(is) {
      editing.hidden = !is;
    },
    follows(is) {
      question.placeholder = t(is ? "ask.follow" : "ask.placeholder");
    },
  };
}
