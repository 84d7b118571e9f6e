// Small dialogs: <dialog> gives focus, Escape and the backdrop.

import { h } from "./dom.js";
import { t } from "./strings.js";

/** The text that was typed, or null when the dialog was closed. */
export function askFor({ title, text = "", label, value = "", go = t("ok"), secret = false }) {
  const input = h("input", { id: "dialog-input", type: secret ? "password" : "text", value, autocomplete: "off", required: true });
  const body = [text && h("p", {}, text), h("label", { for: "dialog-input" }, label), input];
  return open(title, body, go, () => input.value.trim() || null, input);
}

/** Whether the person said yes. */
export async function confirmed({ title, text, go, bad = true }) {
  return (await open(title, [h("p", {}, text)], go, () => true, null, bad)) === true;
}

/** A choice from a list of {value, label}, or null. */
export function choose({ title, label, options, go = t("ok"), other = null }) {
  const list = h("datalist", { id: "dialog-options" }, options.map((one) => h("option", { value: one.value }, one.label ?? one.value)));
  const input = h("input", { id: "dialog-input", list: "dialog-options", value: "", autocomplete: "off", required: true, maxlength: 100 });
  return open(title, [h("label", { for: "dialog-input" }, label), input, list, other && h("small", {}, other)], go, () => input.value.trim() || null, input);
}

/** Says something, until it is closed. */
export const tell = ({ title, body }) => open(title, body, t("close"), () => true, null, false, false);

function open(title, body, go, read, focus, bad = false, mayCancel = true) {
  return new Promise((done) => {
    const submit = (event) => {
      event.preventDefault();
      const value = read();
      if (value !== null) finish(value);
    };
    const finish = (value) => {
      dialog.close();
      dialog.remove();
      done(value);
    };
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", oncancel: (event) => { event.preventDefault(); finish(null); } },
      h("form", { onsubmit: submit },
        h("h2", { id: "dialog-title" }, title), body,
        h("footer", {},
          mayCancel && h("button", { type: "button", class: "plain", onclick: () => finish(null) }, t("cancel")),
          h("button", { type: "submit", class: bad ? "go bad" : "go" }, go))));
    document.body.append(dialog);
    dialog.showModal();
    focus?.focus();
  });
}
