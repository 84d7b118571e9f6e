// Small dialogs: <dialog> gives focus, Escape and the backdrop.

import { html, render, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { wordsFor } from "./notice.js";
import { layer } from "./router.js";
import { t } from "./strings.js";

/** The text that was typed, or null when the dialog was closed. */
export function askFor({ title, label, value = "", go = t("ok") }) {
  const read = () => document.getElementById("dialog-input").value.trim() || null;
  const body = html`
    <label for="dialog-input">${label}</label>
    <input id="dialog-input" type="text" dir="auto" autocomplete="off" required autofocus value=${value} />
  `;
  return open({ title, body, go, read });
}

/** Whether the person said yes. */
export async function confirmed({ title, text, go, isBad = true }) {
  return (await open({ title, body: html`<p dir="auto">${text}</p>`, go, read: () => true, isBad })) === true;
}

/** Says something, until it is closed. */
export const tell = ({ title, body, go = t("close") }) =>
  open({ title, body, go, read: () => true, mayCancel: false });

/**
 * What `read()` gives when the form is sent, or null when the dialog was closed. It stays open while `read()`
 * gives
 * null, and says what it throws. The body is a component, or a node.
 */
export function open({ title, body, go, read, focus = null, isBad = false, mayCancel = true }) {
  return new Promise((done) => {
    const place = document.createElement("div");
    document.body.append(place);
    const finish = (value) => {
      leave();
      render(null, place);
      place.remove();
      done(value);
    };
    const leave = mayCancel ? layer(() => finish(null)) : () => {};
    const shown = body instanceof Node ? html`<${Held} node=${body} />` : body;
    const given = { title, go, read, isBad, mayCancel, finish };
    render(html`<${Dialog} ...${given}>${shown}<//>`, place);
    focus?.focus();
  });
}

function Dialog({ title, go, read, isBad, mayCancel, finish, children }) {
  const dialog = useRef(null);
  const [isSending, setSending] = useState(false);
  const [refused, setRefused] = useState(null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown.showModal();
    return () => shown.close(); // which gives the focus back
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    setSending(true);
    setRefused(null);
    try {
      const value = await read();
      if (value !== null) return finish(value);
    } catch (error) {
      setRefused(wordsFor(error));
    }
    return setSending(false);
  };
  const cancel = (event) => {
    event.preventDefault();
    finish(null);
  };
  return html`
    <dialog ref=${dialog} class="dialog" aria-labelledby="dialog-title" onCancel=${cancel}>
      <form onSubmit=${submit}>
        <h2 id="dialog-title" dir="auto">${title}</h2>
        ${children}
        <p class="refused" role="alert">${refused &&
          html`${refused.text} ${refused.hint && html`<small>${refused.hint}</small>`}`}</p>
        <footer>
          ${mayCancel && html`<button type="button" class="plain" onClick=${cancel}>${t("cancel")}</button>`}
          <button type="submit" class=${isBad ? "go bad" : "go"} disabled=${isSending}>${go}</button>
        </footer>
      </form>
    </dialog>
  `;
}

/** A node that was made elsewhere. */
function Held({ node }) {
  const place = useRef(null);
  useLayoutEffect(() => place.current.replaceChildren(node), []);
  return html`<div class="drawn" ref=${place}></div>`;
}
