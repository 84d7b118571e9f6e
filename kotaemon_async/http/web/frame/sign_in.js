// The sign-in: before anything else is shown, or over an open page whose session has ended.

import { ApiError } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { wordsFor } from "./notice.js";
import { t } from "./strings.js";

const LOOK_MS = 3_000;

/**
 * Asks for a key until `begin(key)` takes one, and gives what that gave; or what `look()` finds meanwhile, when
 * another tab has signed in.
 */
export function askForKey(begin, { isFirst, look }) {
  return new Promise((done) => {
    const input = h("input", {
      id: "key",
      type: "password",
      autocomplete: "current-password",
      required: true,
      spellcheck: "false",
      "aria-describedby": "key-error",
    });
    const error = h("p", { class: "refused", id: "key-error", role: "alert" });
    const go = h("button", { type: "submit", class: "go" }, t("key.go"));
    const submit = async (event) => {
      event.preventDefault();
      go.disabled = true;
      fill(error);
      try {
        finish(await begin(input.value.trim()));
      } catch (refused) {
        fill(error, wordsOf(refused));
        input.select();
      } finally {
        go.disabled = false;
      }
    };
    const finish = (found) => {
      clearInterval(looking);
      dialog.removeEventListener("close", stay);
      dialog.close();
      dialog.remove();
      done(found);
    };
    const stay = () => dialog.showModal();
    const looking = setInterval(async () => {
      const found = document.hidden ? null : await look();
      if (found && dialog.isConnected) finish(found);
    }, LOOK_MS);
    const dialog = h(
      "dialog",
      {
        class: isFirst ? "dialog sign-in first" : "dialog sign-in",
        "aria-labelledby": "key-title",
        oncancel: (event) => event.preventDefault(),
      },
      h(
        "form",
        { onsubmit: submit },
        icon("key"),
        h("h2", { id: "key-title" }, t(isFirst ? "key.title" : "key.again")),
        h("p", {}, t(isFirst ? "key.text" : "key.again.text")),
        h("label", { for: "key" }, t("key.label")),
        input,
        error,
        h("footer", {}, go),
      ),
    );
    dialog.addEventListener("close", stay); // a browser closes a dialog at the second Escape, whatever it is told
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}

function wordsOf(error) {
  if (error instanceof ApiError && error.status === 401) return t("key.wrong");
  return wordsFor(error).text;
}
