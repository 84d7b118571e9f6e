// Small dialogs: <dialog> gives focus, Escape and the backdrop.

import { fill, h } from "./dom.js";
import { wordsFor } from "./notice.js";
import { layer } from "./router.js";
import { t } from "./strings.js";

/** The text that was typed, or null when the dialog was closed. */
export function askFor({ title, label, value = "", go = t("ok") }) {
  const input = h("input", { id: "dialog-input", type: "text", value, autocomplete: "off", required: true });
  return open({
    title,
    body: [h("label", { for: "dialog-input" }, label), input],
    go,
    read: () => input.value.trim() || null,
    focus: input,
  });
}

/** Whether the person said yes. */
export async function confirmed({ title, text, go, isBad = true }) {
  return (await open({ title, body: [h("p", {}, text)], go, read: () => true, isBad })) === true;
}

/** A choice from a list of {value, label}, or null. */
export function choose({ title, label, options, go = t("ok"), other = null }) {
  const list = h(
    "datalist",
    { id: "dialog-options" },
    options.map((one) => h("option", { value: one.value }, one.label ?? one.value)),
  );
  const input = h("input", {
    id: "dialog-input",
    list: "dialog-options",
    value: "",
    autocomplete: "off",
    required: true,
    maxlength: 100,
  });
  const body = [h("label", { for: "dialog-input" }, label), input, list, other && h("small", {}, other)];
  return open({ title, body, go, read: () => input.value.trim() || null, focus: input });
}

/** Says something, until it is closed. */
export const tell = ({ title, body, go = t("close") }) =>
  open({ title, body, go, read: () => true, mayCancel: false });

/**
 * What `read()` gives when the form is sent, or null when the dialog was closed. It stays open while `read()` gives
 * null, and says what it throws.
 */
export function open({ title, body, go, read, focus = null, isBad = false, mayCancel = true }) {
  return new Promise((done) => {
    const refused = h("p", { class: "refused", role: "alert" });
    const send = h("button", { type: "submit", class: isBad ? "go bad" : "go" }, go);
    const submit = async (event) => {
      event.preventDefault();
      send.disabled = true;
      fill(refused);
      try {
        const value = await read();
        if (value !== null) finish(value);
      } catch (error) {
        const { text, hint } = wordsFor(error);
        fill(refused, text, hint && " ", hint && h("small", {}, hint));
      } finally {
        send.disabled = false;
      }
    };
    const finish = (value) => {
      leave();
      dialog.close();
      dialog.remove();
      done(value);
    };
    const dialog = h(
      "dialog",
      {
        class: "dialog",
        "aria-labelledby": "dialog-title",
        oncancel: (event) => {
          event.preventDefault();
          finish(null);
        },
      },
      h(
        "form",
        { onsubmit: submit },
        h("h2", { id: "dialog-title" }, title),
        body,
        refused,
        h(
          "footer",
          {},
          mayCancel &&
            h("button", { type: "button", class: "plain", onclick: () => finish(null) }, t("cancel")),
          send,
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
    const leave = mayCancel ? layer(() => finish(null)) : () => {};
    focus?.focus();
  });
}
