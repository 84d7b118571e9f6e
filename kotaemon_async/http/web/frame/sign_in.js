// The sign-in: before anything else is shown, or over an open page whose session has ended.

import { html, render, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { ApiError } from "./api.js";
import { wordsFor } from "./notice.js";
import { t } from "./strings.js";
import { Icon } from "./ui.js";

const LOOK_MS = 3_000;

/**
 * Asks for a key until `begin(key)` takes one, and gives what that gave; or what `look()` finds meanwhile,
 * when
 * another tab has signed in.
 */
export function askForKey(begin, { isFirst, look }) {
  return new Promise((done) => {
    const place = document.createElement("div");
    document.body.append(place);
    const finish = (found) => {
      render(null, place);
      place.remove();
      done(found);
    };
    render(html`<${SignIn} begin=${begin} isFirst=${isFirst} look=${look} finish=${finish} />`, place);
  });
}

function SignIn({ begin, isFirst, look, finish }) {
  const [dialog, input] = [useRef(null), useRef(null)];
  const [isSending, setSending] = useState(false);
  const [refused, setRefused] = useState("");
  useLayoutEffect(() => {
    dialog.current.showModal();
    input.current.focus();
  }, []);
  useEffect(() => {
    let isOver = false;
    const looking = setInterval(async () => {
      const found = document.hidden ? null : await look();
      if (found && !isOver) finish(found);
    }, LOOK_MS);
    return () => {
      isOver = true;
      clearInterval(looking);
    };
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    setSending(true);
    setRefused("");
    try {
      return finish(await begin(input.current.value.trim()));
    } catch (error) {
      setRefused(wordsOf(error));
      input.current.select();
    }
    return setSending(false);
  };
  // A browser closes a dialog at the second Escape, whatever it is told.
  return html`
    <dialog ref=${dialog} class=${isFirst ? "dialog sign-in first" : "dialog sign-in"}
      aria-labelledby="key-title" onCancel=${(event) => event.preventDefault()}
      onClose=${() => dialog.current?.showModal()}>
      <form onSubmit=${submit}>
        <${Icon} name="key" />
        <h2 id="key-title">${t(isFirst ? "key.title" : "key.again")}</h2>
        <p>${t(isFirst ? "key.text" : "key.again.text")}</p>
        <label for="key">${t("key.label")}</label>
        <input ref=${input} id="key" type="password" autocomplete="current-password" required
          spellcheck=${false} aria-describedby="key-error" />
        <p class="refused" id="key-error" role="alert">${refused}</p>
        <footer><button type="submit" class="go" disabled=${isSending}>${t("key.go")}</button></footer>
      </form>
    </dialog>
  `;
}

function wordsOf(error) {
  if (error instanceof ApiError && error.status === 401) return t("key.wrong");
  return wordsFor(error).text;
}
