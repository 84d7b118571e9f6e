// The uploads as people see them: how far each is, what they wait for, and what was refused, until it is closed.

import { h, icon, set } from "../frame/dom.js";
import { bytes, count } from "../frame/format.js";
import { traceButton, wordsFor } from "../frame/notice.js";
import { t } from "../frame/strings.js";

const MOST_WAITING = 3;
const MOST_SHOWN = 60;
const SHOW_EVERY_MS = 80;

/** {node, close}: a panel that is hidden while there is nothing to show. */
export function uploadList(uploads) {
  const rows = new Map();
  const words = h("b", {});
  const bar = h("i", {});
  const held = h("p", { class: "small", role: "status" });
  const closeAll = h(
    "button",
    {
      class: "quiet",
      type: "button",
      onclick: () => finished(uploads).forEach((one) => uploads.drop(one)),
    },
    icon("close"),
    t("uploads.close_all"),
  );
  const list = h("ul", {});
  const more = h("p", { class: "small" });
  const head = h("header", {}, icon("upload"), words, h("div", { class: "bar" }, bar), closeAll);
  const node = h(
    "section",
    { class: "uploads card", "aria-label": t("uploads.label"), hidden: true },
    head,
    held,
    list,
    more,
  );

  const show = () => {
    const { items } = uploads;
    node.hidden = items.length === 0;
    const shown = chosen(items);
    for (const [item, row] of rows) {
      if (shown.includes(item)) continue;
      row.node.remove();
      rows.delete(item);
    }
    shown.forEach((item, place) => {
      if (!rows.has(item)) rows.set(item, uploadRow(item, uploads));
      const row = rows.get(item);
      row.show();
      if (list.children[place] !== row.node) list.insertBefore(row.node, list.children[place] ?? null);
    });
    showHead();
    const rest = items.length - shown.length;
    more.hidden = rest === 0;
    more.textContent = rest ? t("uploads.more", { n: rest, count: count(rest) }) : "";
  };
  const showHead = () => {
    const { files, bytes: size, doneFiles, doneBytes } = uploads.progress;
    const isBusy = uploads.isBusy;
    const values = {
      n: files,
      done: count(doneFiles),
      files: count(files),
      sent: bytes(doneBytes),
      size: bytes(size),
    };
    words.textContent = isBusy ? t("uploads.progress", values) : t("uploads.over");
    bar.parentNode.hidden = !isBusy;
    bar.style.width = `${size ? (100 * doneBytes) / size : 0}%`;
    closeAll.hidden = isBusy || finished(uploads).length < 2;
    const wait = uploads.hold && Math.max(1, Math.ceil((uploads.hold.until - Date.now()) / 1000));
    const why = uploads.hold &&
      t("uploads.held", {
        why: wordsFor(uploads.hold.error).text.replace(/[.。]$/, ""),
        n: wait,
        seconds: count(wait),
      });
    held.hidden = !why;
    if (held.textContent !== why) held.textContent = why ?? "";
  };

  let timer = null;
  const soon = () => (timer ??= setTimeout(() => ((timer = null), show()), SHOW_EVERY_MS));
  const forget = uploads.watch(soon);
  const ticking = setInterval(() => uploads.hold && soon(), 1000);
  show();
  return { node, close: () => (forget(), clearInterval(ticking), clearTimeout(timer)) };
}

const finished = (uploads) => uploads.items.filter((one) => one.state === "refused" || one.state === "there");

/** What runs and what needs a person, then the next few that wait. */
function chosen(items) {
  const of = (...states) => items.filter((one) => states.includes(one.state));
  return [
    ...of("sending"),
    ...of("refused", "there").slice(-MOST_SHOWN),
    ...of("waiting").slice(0, MOST_WAITING),
  ];
}

function uploadRow(item, uploads) {
  const bar = h("i", {});
  const track = h("div", { class: "bar" }, bar);
  const words = h("span", {});
  const under = h("small", {});
  const again = h(
    "button",
    { class: "quiet", type: "button", onclick: () => uploads.again(item) },
    icon("again"),
    t("uploads.again"),
  );
  const end = h(
    "button",
    { class: "quiet", type: "button", onclick: () => uploads.drop(item) },
    icon("close"),
  );
  const trace = h("span", {});
  const node = h(
    "li",
    { class: "upload" },
    h("div", { class: "name", title: item.name }, h("bdi", {}, item.name)),
    h("div", { class: "state" }, words, track, under),
    h("div", { class: "acts" }, again, trace, end),
  );
  let last = "";
  const show = () => {
    bar.style.width = `${item.size ? (100 * item.sent) / item.size : 0}%`;
    const told = toldOf(item);
    words.textContent = told.words;
    if (last === item.state) return;
    last = item.state;
    node.dataset.state = item.state;
    words.className = told.kind && `badge ${told.kind}`;
    under.textContent = told.under ?? "";
    track.hidden = item.state !== "sending";
    again.hidden = item.state !== "refused" || !item.file;
    trace.replaceChildren(...[item.state === "refused" && traceButton(item.why?.traceId)].filter(Boolean));
    const label = t(item.state === "refused" || item.state === "there" ? "uploads.close" : "uploads.cancel", {
      name: item.name,
    });
    set(end, "aria-label", label);
    set(end, "title", label);
  };
  return { node, show };
}

function toldOf(item) {
  const size = bytes(item.size);
  if (item.state === "there") {
    return {
      kind: "ok",
      words: t("uploads.there"),
      under: t(item.there === item.name ? "uploads.there.hint" : "uploads.there.as", { name: item.there }),
    };
  }
  if (item.state === "refused") {
    const { text, hint } = wordsFor(item.why);
    // What is wrong with one upload only the service can say: its name is too long, for one.
    if (item.why.code === "bad_request") {
      return { kind: "bad", words: t("uploads.refused"), under: item.why.message };
    }
    return { kind: "bad", words: text, under: hint };
  }
  if (item.state === "waiting") return { kind: "", words: `${t("uploads.waits")} · ${size}` };
  if (item.sent >= item.size) return { kind: "", words: t("uploads.storing", { size }) };
  return { kind: "", words: t("uploads.sent", { sent: bytes(item.sent), size }) };
}
