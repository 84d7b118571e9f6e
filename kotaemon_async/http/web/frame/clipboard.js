// Copying, also where the browser keeps its clipboard for https.

import { h } from "./dom.js";

/** Whether the text is in the clipboard now. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

function copiedByHand(text) {
  const before = document.activeElement;
  const box = h("textarea", { class: "hidden-words", value: text, "aria-hidden": "true" });
  document.body.append(box);
  box.select();
  const isCopied = document.execCommand("copy"); // the only way on plain http
  box.remove();
  before?.focus();
  return isCopied;
}
