// Copying, also where the browser keeps its clipboard for https.

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
  const box = Object.assign(document.createElement("textarea"), { className: "hidden-words", value: text });
  box.setAttribute("aria-hidden", "true");
  document.body.append(box);
  box.select();
  const isCopied = document.execCommand("copy"); // the only way on plain http
  box.remove();
  before?.focus();
  return isCopied;
}
