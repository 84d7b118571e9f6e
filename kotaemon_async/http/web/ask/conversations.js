// The conversations in the navigation: by age, searched, renamed, taken away as Markdown, deleted.

import { call, request } from "../frame/api.js";
import { askFor, confirmed } from "../frame/dialog.js";
import { fill, h, icon } from "../frame/dom.js";
import { ago } from "../frame/format.js";
import { say, sayError } from "../frame/notice.js";
import { t } from "../frame/strings.js";

const PATH = "/api/v1/conversations";
const PAGE = 50;
const TYPING_MS = 180;

/** The list: node, and refresh(), which asks for it again. */
export function conversationList(shared) {
  const it = { shared, items: null, cursor: null, query: "", wanted: PAGE };
  it.search = h("input", {
    type: "search",
    class: "field",
    id: "talks-search",
    "aria-label": t("talks.search"),
    placeholder: t("talks.search"),
    autocomplete: "off",
    oninput: () => lookSoon(it),
  });
  it.list = h(
    "div",
    { class: "talk-list" },
    [70, 55, 80].map((width) => h("div", { class: "wait", style: { width: `${width}%` } })),
  );
  const fresh = h(
    "button",
    {
      type: "button",
      class: "quiet new-talk",
      id: "new-talk",
      onclick: () => begin(it),
    },
    icon("plus"),
    t("talks.new"),
  );
  const leave = h("button", {
    type: "button",
    class: "quiet leave-talks",
    "aria-label": t("close"),
    onclick: showConversation,
  }, icon("close"));
  it.node = h(
    "section",
    { class: "talks", id: "talks", "aria-label": t("talks.label") },
    h("div", { class: "talks-head" }, fresh, leave),
    it.search,
    it.list,
  );
  window.addEventListener("hashchange", () => mark(it));
  document.addEventListener(
    "health",
    ({ detail }) => it.items === null && detail.status !== "unreachable" && load(it),
  );
  load(it);
  return { node: it.node, refresh: () => load(it) };
}

/** On a phone: the list over everything else. */
export function showConversations() {
  document.documentElement.dataset.talks = "open";
  document.getElementById("main").inert = true;
  document.addEventListener("keydown", leaveByKey);
  document.getElementById("new-talk").focus();
}

function showConversation() {
  if (!document.documentElement.dataset.talks) return;
  delete document.documentElement.dataset.talks;
  document.getElementById("main").inert = false;
  document.removeEventListener("keydown", leaveByKey);
  document.getElementById("show-talks")?.focus();
}

function leaveByKey(event) {
  if (event.key === "Escape" && !document.querySelector(".talk-menu, dialog[open]")) showConversation();
}

function begin(it) {
  showConversation();
  it.shared.go("ask");
  requestAnimationFrame(() => document.getElementById("question")?.focus());
}

async function load(it) {
  const query = it.query ? `&q=${encodeURIComponent(it.query)}` : "";
  try {
    const found = await call("GET", `${PATH}?limit=${Math.min(it.wanted, 200)}${query}`);
    Object.assign(it, { items: found.items, cursor: found.next_cursor });
    show(it);
  } catch (error) {
    if (it.items === null) fill(it.list); // the notice at the edge says that the service is not reached
    if (error.status !== 0) sayError(error, { key: "talks" });
  }
}

async function loadMore(it) {
  const query = it.query ? `&q=${encodeURIComponent(it.query)}` : "";
  try {
    const found = await call("GET", `${PATH}?limit=${PAGE}&cursor=${encodeURIComponent(it.cursor)}${query}`);
    Object.assign(it, {
      items: [...it.items, ...found.items],
      cursor: found.next_cursor,
      wanted: it.wanted + PAGE,
    });
    show(it);
  } catch (error) {
    sayError(error, { key: "talks" });
  }
}

function lookSoon(it) {
  clearTimeout(it.timer);
  it.timer = setTimeout(() => {
    it.query = it.search.value.trim();
    load(it);
  }, TYPING_MS);
}

function show(it) {
  const seen = JSON.stringify([it.items, it.cursor, it.query]);
  if (seen === it.seen) return; // a list that is the same keeps its elements, and the focus in it
  it.seen = seen;
  it.search.hidden = it.items.length === 0 && !it.query;
  const groups = Map.groupBy ? Map.groupBy(it.items, groupOf) : grouped(it.items);
  const parts = ["today", "week", "older"].filter((name) => groups.has(name)).map((name) => [
    h("h2", { id: `talks-${name}` }, t(`talks.${name}`)),
    h("ul", { "aria-labelledby": `talks-${name}` }, groups.get(name).map((one) => row(it, one))),
  ]);
  const none = it.items.length === 0 &&
    h("p", { class: "none" }, t(it.query ? "talks.nothing" : "talks.none"));
  const more = it.cursor &&
    h(
      "button",
      { type: "button", class: "quiet", id: "talks-more", onclick: () => loadMore(it) },
      t("talks.more"),
    );
  fill(it.list, parts, none, more);
  mark(it);
}

function grouped(items) {
  const groups = new Map();
  for (const one of items) groups.set(groupOf(one), [...(groups.get(groupOf(one)) ?? []), one]);
  return groups;
}

function groupOf({ updated_at: at }) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const time = Date.parse(at);
  if (time >= midnight) return "today";
  return time >= midnight - 6 * 86_400_000 ? "week" : "older";
}

function row(it, one) {
  const link = h("a", {
    href: `#ask/${encodeURIComponent(one.id)}`,
    dataset: { id: one.id },
    title: `${one.title} · ${ago(one.updated_at)}`,
    onclick: showConversation,
  }, h("span", {}, one.title));
  const more = h("button", {
    type: "button",
    class: "quiet",
    "aria-haspopup": "menu",
    "aria-label": t("talks.menu", { title: one.title }),
    onclick: (event) => offer(it, one, event.currentTarget),
  }, icon("more"));
  return h("li", {}, link, more);
}

function mark(it) {
  const [view, id] = location.hash.slice(1).split("/").map(decodeURIComponent);
  for (const link of it.list.querySelectorAll("a[data-id]")) {
    if (view === "ask" && link.dataset.id === id) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function offer(it, one, from) {
  const entry = (name, look, job) =>
    h(
      "button",
      {
        type: "button",
        role: "menuitem",
        class: "quiet",
        dataset: { do: name },
        onclick: () => leave(job),
      },
      icon(look),
      t(`talks.${name}`),
    );
  const menu = h(
    "div",
    {
      class: "talk-menu",
      popover: "auto",
      role: "menu",
      "aria-label": t("talks.menu", { title: one.title }),
      onkeydown: walk,
      ontoggle: (event) => event.newState === "closed" && menu.remove(),
    },
    entry("rename", "edit", rename),
    entry("export", "save", take),
    entry("delete", "trash", remove),
  );
  const leave = (job) => {
    menu.hidePopover();
    job(it, one).catch((error) => sayError(error, { key: "talks" }));
  };
  it.node.append(menu);
  menu.showPopover(); // Escape, and a click beside it, close it and give the focus back
  const at = from.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const top = at.bottom + height + 8 > innerHeight ? at.top - height - 4 : at.bottom + 4;
  Object.assign(menu.style, {
    left: `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`,
    top: `${top}px`,
  });
  menu.firstElementChild.focus();
}

function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const entries = [...event.currentTarget.children];
  entries.at((entries.indexOf(document.activeElement) + step) % entries.length).focus();
}

async function rename(it, one) {
  const title = await askFor({
    title: t("talks.rename.title"),
    label: t("talks.rename.label"),
    value: one.title,
  });
  if (title === null) return;
  await call("PATCH", `${PATH}/${encodeURIComponent(one.id)}`, { title: title.slice(0, 200) });
  await load(it);
}

async function take(it, one) {
  const reply = await request("GET", `${PATH}/${encodeURIComponent(one.id)}/export`, undefined, {
    accept: "text/markdown",
  });
  const url = URL.createObjectURL(await reply.blob());
  h("a", {
    href: url,
    download: `${one.title.replace(/[^\p{L}\p{N} _-]+/gu, " ").trim().slice(0, 60) || "conversation"}.md`,
  }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function remove(it, one) {
  if (
    !(await confirmed({
      title: t("talks.delete.title"),
      text: t("talks.delete.text", { title: one.title }),
      go: t("talks.delete"),
    }))
  ) return;
  try {
    await call("DELETE", `${PATH}/${encodeURIComponent(one.id)}`);
  } catch (error) {
    if (error.status !== 404) throw error;
    say(t("talks.gone"));
  }
  if (it.list.querySelector(`a[data-id="${CSS.escape(one.id)}"]`)?.hasAttribute("aria-current")) {
    it.shared.go("ask");
  }
  await load(it);
}
