// Short messages at the edge of the page, read out by screen readers.

import { copied } from "./clipboard.js";
import { fill, h, icon } from "./dom.js";
import { code, t } from "./strings.js";

const LASTS_MS = 6_000;
const shown = new Map();

/** Shows words; `lasting` ones stay until they are closed or another one with the same `key` comes. */
export function say(words, { kind = "info", lasting = false, key = words, detail = null } = {}) {
  forget(key);
  const close = h(
    "button",
    { class: "quiet", onclick: () => forget(key), "aria-label": t("close") },
    icon("close"),
  );
  const node = h("div", { class: `notice ${kind}` }, h("div", {}, words, detail), close);
  const timer = lasting ? null : setTimeout(() => forget(key), LASTS_MS);
  shown.set(key, { node, timer });
  document.getElementById("status").append(node);
}

/** Takes a message away. */
export function forget(key) {
  const found = shown.get(key);
  if (!found) return;
  clearTimeout(found.timer);
  found.node.remove();
  shown.delete(key);
}

/** Shows what went wrong: a sentence, what to do, and the trace id to copy. */
export function sayError(error, { key = "error" } = {}) {
  if (error.name === "AbortError") return;
  const { text, hint } = wordsFor(error);
  say(text, {
    kind: "bad",
    lasting: true,
    key,
    detail: [hint && h("small", {}, hint), traceButton(error.traceId)],
  });
}

/** The sentence and the hint for an ApiError, in the page's language where the code is known. */
export function wordsFor(error) {
  if (error.code === undefined) return { text: t("error.page"), hint: String(error.message ?? error) };
  return {
    text: code("error", error.code) === error.code.replaceAll("_", " ")
      ? error.message
      : code("error", error.code),
    hint: code("hint", error.code) === error.code.replaceAll("_", " ")
      ? error.hint
      : code("hint", error.code),
  };
}

/** A button that copies a trace id, null without one. */
export function traceButton(traceId) {
  if (!traceId) return null;
  const copy = async (event) => {
    const button = event.currentTarget;
    if (!(await copied(traceId))) return;
    fill(button, icon("check"), t("copied"));
    setTimeout(() => fill(button, icon("copy"), `${t("trace")} ${traceId.slice(0, 8)}`), 1500);
  };
  return h(
    "button",
    { type: "button", class: "quiet trace-id", title: traceId, dataset: { trace: traceId }, onclick: copy },
    icon("copy"),
    `${t("trace")} ${traceId.slice(0, 8)}`,
  );
}
