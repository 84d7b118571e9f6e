// Who asks, and how he signs in. A cookie that no script
// can read tells the service; here is what it says of him.

import { html, render, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { ApiError, call, useToken, whenUnknown } from "./api.js";
import { t } from "./language.js";
import { say, tell, wordsFor } from "./overlays.js";
import { Icon } from "./ui.js";

const ME = "/api/v1/me";
const SESSION = "/api/v1/session";
/** Earlier pages kept the key itself here. */
const OLD_KEY = "kotaemon.key";
/** What belongs to a person and not to the browser. */
const PERSONAL = ["kotaemon.into", "kotaemon.replaced"];
const AGAIN_MS = 2_000;

/** Known once enter() has come back. */
let me = null;

/** The caller: {user, id, groups, scopes, auth, signed_in_by}. */
export const caller = () => me;

/** Whether the caller may do what needs one of the scopes. */
export const may = (...scopes) => ["admin", ...scopes].some((scope) => me.scopes.includes(scope));

/** Whether everybody may do everything, so that nothing of users and keys is shown. */
export const isOpen = () => me.signed_in_by === "open";

/** Finds out who asks, with a sign-in if nobody knows. */
export async function enter() {
  const old = localStorage.getItem(OLD_KEY);
  let found = await whoIs();
  localStorage.removeItem(OLD_KEY);
  if (!found && old) found = await beginSession(old).catch(() => null);
  if (!found) found = await askForKey(beginSession, { isFirst: true, look: whoIs });
  take(found);
  whenUnknown({ signIn: comeBack, renew: renewSession });
}

/** Ends the session; the page begins anew. */
export async function signOut() {
  await call("DELETE", SESSION, undefined, { asks: false }).catch((error) => {
    if (error.status !== 401) throw error; // it had ended already
  });
  leave();
}

/** The caller, null when nobody knows him; asks until the service is reached. */
async function whoIs() {
  for (;;) {
    try {
      return await call("GET", ME, undefined, { asks: false });
    } catch (error) {
      if (error.status === 401) return null;
      say(t("health.lost"), { lasting: true, key: "health" });
      await new Promise((again) => setTimeout(again, AGAIN_MS));
    }
  }
}

const beginSession = (key) => call("POST", SESSION, { key }, { asks: false });

function take(found) {
  me = found;
  useToken(found.csrf_token);
}

/** The session has ended under an open page: what is typed there stays, if the same person comes back. */
async function comeBack() {
  if (me.signed_in_by === "proxy") {
    await tell({ title: t("key.again"), body: html`<p>${t("key.again.proxy")}</p>`, go: t("key.reload") });
    return anew(); // it is the proxy that asks who it is
  }
  return settle((await whoIs()) ?? (await askForKey(beginSession, { isFirst: false, look: whoIs })));
}

async function renewSession() {
  await settle((await whoIs()) ?? me);
}

/** Goes on as this caller; for another one, or one who may do more or less now, the page begins anew. */
function settle(found) {
  if (found.user !== me.user) return leave();
  if (String(found.scopes) !== String(me.scopes)) return anew();
  return take(found);
}

function leave() {
  sessionStorage.clear();
  for (const name of PERSONAL) localStorage.removeItem(name);
  return anew();
}

/** Never comes back: whoever waits for it is gone with the page. */
function anew() {
  location.reload();
  return new Promise(() => {});
}

const LOOK_MS = 3_000;

/**
 * Asks for a key until `begin(key)` takes one, and gives what that gave;
 * or what `look()` finds meanwhile, when another tab has signed in.
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

/** The scopes in words: all of them are said in one. */
export function saidScopes(scopes) {
  if (scopes.includes("admin")) return t("scope_of.admin");
  return [...scopes].sort().map((one) => t(`scope_of.${one}`)).join(t("place.comma"));
}
