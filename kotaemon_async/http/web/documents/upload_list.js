// The uploads as people see them: where they go, how far each is,
// what they wait for, and what was refused, until it is closed.

import { bytes, count, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { href } from "../frame/router.js";
import { Badge, Icon, IconButton } from "../frame/ui.js";
import { html, useEffect, useReducer, useRef, useState } from "../vendor/preact.js";
import { askCollection } from "./actions.js";
import { take, visible } from "./drops.js";
import { collections } from "./library.js";
import { into, putInto, uploads } from "./uploads.js";

const MOST_WAITING = 3;
const MOST_SHOWN = 60;
const SHOW_EVERY_MS = 80;
const NEW = "\u0000new";

/** Into which collection uploads go, and the buttons for files and for a folder. */
export function UploadButtons() {
  const [chosen, setChosen] = useState(into);
  const files = useRef(null);
  const folder = useRef(null);
  const names = [...new Set([...collections.writable(), chosen])].sort();
  const choose = async (event) => {
    const select = event.currentTarget;
    const name = select.value === NEW
      ? await askCollection({ title: t("documents.into.new"), go: t("documents.into.go") })
      : select.value;
    if (name) putInto(name);
    select.value = into(); // a dialog that was closed leaves what was there
    setChosen(into());
  };
  const given = (event) => {
    take(visible(event.currentTarget.files));
    event.currentTarget.value = "";
  };
  return html`
    <div class="uploading">
      <label class="into">
        <span>${t("documents.into")}</span>
        <select class="field" id="into" value=${chosen} onChange=${choose} title=${t("documents.into.title")}>
          ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
          <option value=${NEW}>${t("documents.into.other")}</option>
        </select>
      </label>
      <button type="button" class="plain" id="upload-folder" onClick=${() => folder.current.click()}>
        <${Icon} name="folder" />${t("documents.folder")}
      </button>
      <button type="button" class="go" id="upload-files" onClick=${() => files.current.click()}>
        <${Icon} name="upload" />${t("documents.upload")}
      </button>
      <input type="file" multiple id="files" hidden ref=${files} onChange=${given} />
      <input type="file" webkitdirectory id="folder" hidden ref=${folder} onChange=${given} />
    </div>
  `;
}

/** The uploads, nothing while there are none. */
export function UploadList() {
  useUploads();
  const { items } = uploads;
  if (items.length === 0) return null;
  const shown = chosen(items);
  const rest = items.length - shown.length;
  return html`
    <section class="uploads card" aria-label=${t("uploads.label")}>
      <${Head} />
      <${Held} hold=${uploads.hold} />
      <ul>${shown.map((item) => html`<${UploadRow} key=${item.key} item=${item} />`)}</ul>
      ${rest > 0 && html`<p class="small">${t("uploads.more", { n: rest, count: count(rest) })}</p>`}
    </section>
  `;
}

/**
 * Draws the component anew when uploads change, but not at
 * each of their bytes, and while they wait each second.
 */
function useUploads() {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    let timer = null;
    const soon = () => (timer ??= setTimeout(() => (timer = null, redraw()), SHOW_EVERY_MS));
    const forget = uploads.watch(soon);
    const ticking = setInterval(() => uploads.hold && soon(), 1000);
    return () => {
      forget();
      clearInterval(ticking);
      clearTimeout(timer);
    };
  }, []);
}

const isOver = (item) => item.state === "refused" || item.state === "there";

function Head() {
  const { files, bytes: size, doneFiles, doneBytes } = uploads.progress;
  const over = uploads.items.filter(isOver);
  const values = {
    n: files,
    done: count(doneFiles),
    files: count(files),
    sent: bytes(doneBytes),
    size: bytes(size),
  };
  return html`
    <header>
      <${Icon} name="upload" />
      <b>${uploads.isBusy ? t("uploads.progress", values) : t("uploads.over")}</b>
      ${uploads.isBusy && html`<${Bar} part=${size ? doneBytes / size : 0} />`}
      ${!uploads.isBusy && over.length > 1 && html`
        <button type="button" class="quiet" onClick=${() => over.forEach((one) => uploads.drop(one))}>
          <${Icon} name="close" />${t("uploads.close_all")}
        </button>
      `}
    </header>
  `;
}

function Bar({ part }) {
  return html`<div class="bar"><i style=${{ width: `${100 * part}%` }}></i></div>`;
}

function Held({ hold }) {
  const seconds = hold && Math.max(1, Math.ceil((hold.until - Date.now()) / 1000));
  const why = hold && wordsFor(hold.error).text.replace(/[.。]$/, "");
  return html`
    <p class="small" role="status">
      ${hold && t("uploads.held", { why, n: seconds, seconds: count(seconds) })}
    </p>
  `;
}

/** What runs and what needs a person, then the next few that wait. */
function chosen(items) {
  const of = (...states) => items.filter((one) => states.includes(one.state));
  return [
    ...of("sending"),
    ...of("refused", "there").slice(-MOST_SHOWN),
    ...of("waiting").slice(0, MOST_WAITING),
  ];
}

function UploadRow({ item }) {
  const told = toldOf(item);
  const above = item.path.split("/").slice(0, -1).join("/");
  const label = t(isOver(item) ? "uploads.close" : "uploads.cancel", { name: item.name });
  return html`
    <li class="upload" data-state=${item.state}>
      <div class="name" title=${item.path || item.name}>
        <bdi>${item.name}</bdi>${above && html`<small><bdi>${above}</bdi></small>`}
      </div>
      <div class="state">
        ${told.kind ? html`<${Badge} kind=${told.kind}>${told.words}<//>` : html`<span>${told.words}</span>`}
        ${item.state === "sending" && html`<${Bar} part=${item.size ? item.sent / item.size : 0} />`}
        ${told.under && html`<small>${told.under}</small>`}
      </div>
      <div class="acts">
        ${item.state === "refused" && item.file && html`
          <button type="button" class="quiet" onClick=${() => uploads.again(item)}>
            <${Icon} name="again" />${t("uploads.again")}
          </button>
        `}
        ${item.why?.traceId && item.state === "refused" && html`
          <a class="quiet" href=${href("system", "trace", item.why.traceId)}>${t("trace")}</a>
        `}
        <${IconButton} name="close" label=${label} onClick=${() => uploads.drop(item)} />
      </div>
    </li>
  `;
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
