// Who asks. The service knows its caller by a cookie that no script can read; here is what it says of him.

import { html } from "../vendor/preact.js";
import { call, useToken, whenUnknown } from "./api.js";
import { tell } from "./dialog.js";
import { say } from "./notice.js";
import { askForKey } from "./sign_in.js";
import { t } from "./strings.js";

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
  if (!found && old) found = await begin(old).catch(() => null);
  if (!found) found = await askForKey(begin, { isFirst: true, look: whoIs });
  take(found);
  whenUnknown({ signIn: comeBack, renew });
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

const begin = (key) => call("POST", SESSION, { key }, { asks: false });

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
  return settle((await whoIs()) ?? (await askForKey(begin, { isFirst: false, look: whoIs })));
}

async function renew() {
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
