// Short messages at the edge of the page, read out by screen readers.

import { html, render } from "../vendor/preact.js";
import { code, t } from "./strings.js";
import { CopyText, IconButton } from "./ui.js";

const LASTS_MS = 6_000;
/** Key -> {words, kind, detail, timer}, the latest last. */
const shown = new Map();

/**
 * Shows words; `lasting` ones stay until they are closed or another one with the same `key` comes. The kind
 * is
 * "info", "good", "warn" or "bad".
 */
export function say(words, { kind = "info", lasting = false, key = words, detail = null } = {}) {
  clearTimeout(shown.get(key)?.timer);
  const timer = lasting ? null : setTimeout(() => forget(key), LASTS_MS);
  shown.set(key, { words, kind, detail, timer });
  draw();
}

/** Takes a message away. */
export function forget(key) {
  clearTimeout(shown.get(key)?.timer);
  if (shown.delete(key)) draw();
}

/** Shows what went wrong: a sentence, what to do, and the trace id to copy. */
export function sayError(error, { key = "error" } = {}) {
  if (error.name === "AbortError") return;
  const { text, hint } = wordsFor(error);
  const { traceId } = error;
  const detail = html`
    ${hint && html`<small>${hint}</small>`}
    ${traceId &&
      html`<${CopyText} text=${traceId} label=${`${t("trace")} ${traceId.slice(0, 8)}`} class="trace-id" />`}
  `;
  say(text, { kind: "bad", lasting: true, key, detail });
}

/** The sentence and the hint for an ApiError, in the page's language where the code is known. */
export function wordsFor(error) {
  if (error.code === undefined) return { text: t("error.page"), hint: String(error.message ?? error) };
  const known = (family, otherwise) => {
    const words = code(family, error.code);
    return words === error.code.replaceAll("_", " ") ? otherwise : words;
  };
  return { text: known("error", error.message), hint: known("hint", error.hint) };
}

function draw() {
  const notices = [...shown].map(([key, { words, kind, detail }]) =>
    html`
      <div key=${key} class=${`notice ${kind}`}>
        <div dir="auto">${words}${detail}</div>
        <${IconButton} name="close" label=${t("close")} onClick=${() => forget(key)} />
      </div>
    `
  );
  render(notices, document.getElementById("status"));
}
