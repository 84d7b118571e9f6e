// Files and folders that are dropped on the page, whichever view is shown, or chosen by a button.

import { h, icon } from "../frame/dom.js";

const HIDDEN = /^\.|^~\$|^(thumbs\.db|desktop\.ini|__macosx)$/i;

/** Calls `take(given)`, a list of {file, path}, for what is dropped anywhere; `words()` are shown meanwhile. */
export function acceptDrops(take, words) {
  const said = h("p", {});
  const cover = h(
    "div",
    { class: "drop-cover", "aria-hidden": "true", hidden: true },
    h("div", {}, icon("upload"), said),
  );
  document.body.append(cover);
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (isOver) => {
    if (isOver && cover.hidden) said.textContent = words();
    cover.hidden = !isOver;
  };
  window.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    show(true);
  });
  // Without a related target the pointer has left the window.
  window.addEventListener("dragleave", (event) => event.relatedTarget === null && show(false));
  window.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(false);
    take((await filesOf(event.dataTransfer)).filter(({ file }) => file));
  });
}

/** What was chosen by a button, {file, path}, without hidden ones; the path is "" for what is in no folder. */
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
      else {found.push({
          file: await new Promise((done) => entry.file(done, () => done(null))),
          path: entry.fullPath.replace(/^\//, ""),
        });}
    }
  }
}
