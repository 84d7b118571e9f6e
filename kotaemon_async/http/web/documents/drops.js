// Files and folders that are dropped on the page, whichever view is shown, or chosen by a button.

import { may } from "../frame/access.js";
import { t } from "../frame/language.js";
import { say } from "../frame/overlays.js";
import { go } from "../frame/router.js";
import { Icon } from "../frame/ui.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { into, uploads } from "./uploads.js";

const HIDDEN = /^\.|^~\$|^(thumbs\.db|desktop\.ini|__macosx)$/i;
/** Who takes what is dropped, {words(), take(given)}; the last one that came is asked. */
const takers = [];

/**
 * Takes what is dropped anywhere from now on, {file, path}
 * each, in place of whoever did; gives the end of that.
 */
export function takeDrops(taker) {
  takers.push(taker);
  return () => takers.splice(takers.indexOf(taker), 1);
}

/**
 * The same for as long as a component is there: `words()`
 * are shown over the page, `take(given)` gets the files.
 */
export function useDrops(words, take) {
  useEffect(() => takeDrops({ words, take }), [words, take]);
}

/** Takes files that are dropped anywhere on the page, and shows where they went, unless a view takes them. */
export function acceptDroppedDocuments() {
  takeDrops({
    words: () => (may("write") ? t("uploads.drop_into", { collection: into() }) : t("rights.upload")),
    take: (given) => {
      go("documents");
      take(given);
    },
  });
}

/** Uploads what was given, {file, path} each, or says why not. */
export function take(given) {
  if (!may("write")) say(t("rights.upload"));
  else if (given.length > 0) uploads.add(given, into());
  else say(t("uploads.none"));
}

/** What lies over the page while files are held over it. */
export function DropCover() {
  const [words, setWords] = useState(null);
  useEffect(() => {
    const over = new AbortController();
    const hear = (name, act) => window.addEventListener(name, act, { signal: over.signal });
    hear("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      setWords((said) => said ?? takers.at(-1)?.words() ?? null);
    });
    // Without a related target the pointer has left the window.
    hear("dragleave", (event) => event.relatedTarget === null && setWords(null));
    hear("drop", async (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setWords(null);
      const taker = takers.at(-1);
      taker?.take((await filesOf(event.dataTransfer)).filter(({ file }) => file));
    });
    return () => over.abort();
  }, []);
  return words !== null && html`
    <div class="drop-cover" aria-hidden="true">
      <div>
        <${Icon} name="upload" />
        <p dir="auto">${words}</p>
      </div>
    </div>
  `;
}

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

/**
 * What was chosen by a button, {file, path}, without hidden ones; the path is "" for what is in no folder.
 */
export function visible(files) {
  const given = [...files].map((file) => ({ file, path: file.webkitRelativePath ?? "" }));
  return given.filter(({ file, path }) => !(path || file.name).split("/").some((part) => HIDDEN.test(part)));
}

/** All files of a drop, those in folders too, {file, path}, without hidden ones. */
async function filesOf(transfer) {
  // Both have to be asked for before the first await: the drop is empty after that.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const given = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found = [];
  for (const { entry, file } of given) {
    if (entry?.isDirectory) found.push(...(await filesIn(entry)));
    else if (file && !HIDDEN.test(file.name)) found.push({ file, path: "" });
  }
  return found;
}

async function filesIn(folder) {
  const found = [];
  const reader = folder.createReader();
  for (;;) {
    // It gives at most a hundred at a time, and none at the end.
    const entries = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (entries.length === 0) return found;
    for (const entry of entries.filter(({ name }) => !HIDDEN.test(name))) {
      if (entry.isDirectory) found.push(...(await filesIn(entry)));
      else found.push(await fileOf(entry));
    }
  }
}

async function fileOf(entry) {
  const file = await new Promise((done) => entry.file(done, () => done(null)));
  return { file, path: entry.fullPath.replace(/^\//, "") };
}
