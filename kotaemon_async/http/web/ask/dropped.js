// Files that are dropped on a question: they are uploaded, and once they are read the question is about them.

import { useDrops } from "../documents/drops.js";
import { uploadForQuestion } from "../documents/uploads.js";
import { may } from "../frame/access.js";
import { t } from "../frame/language.js";
import { sayError, wordsFor } from "../frame/overlays.js";
import { html, useCallback, useState } from "../vendor/preact.js";
import { noteName } from "./scope.js";

/** {each, isReading}: what became of the files; the scope becomes the documents that they are. */
export function useDropped({ value, choose }) {
  const [each, setEach] = useState([]);
  const { collection } = value;
  const words = useCallback(() => t(may("write") ? "ask.drop" : "rights.upload"), []);
  const take = useCallback(async (given) => {
    if (!may("write") || given.length === 0) return;
    try {
      const documents = await uploadForQuestion(given, { ...(collection && { collection }), hear: setEach });
      for (const one of documents) noteName(one.id, one.name);
      setEach((all) => all.filter((one) => one.error));
      if (documents.length > 0) choose({ collection: null, document_ids: documents.map((one) => one.id) });
    } catch (error) {
      setEach([]);
      sayError(error);
    }
  }, [collection]);
  useDrops(words, take);
  const isReading = each.some((one) => !one.error && one.document?.status !== "ready");
  return { each, isReading, clear: () => setEach([]) };
}

/** How far they are. */
export function DroppedFiles({ files: { each, isReading, clear } }) {
  if (each.length === 0) return null;
  return html`
    <ul class="dropped" aria-label=${t("ask.dropped")}>
      ${each.map((one, at) =>
        html`
          <li key=${at} class=${one.error ? "refused" : ""}>
            <bdi>${one.name}</bdi>
            ${one.error
              ? html`<small>${wordsFor(one.error).text}</small>`
              : html`<progress max="1" value=${one.part} aria-label=${one.name}></progress>`}
          </li>
        `
      )}
      ${!isReading && html`
        <li><button type="button" class="quiet" onClick=${clear}>${t("close")}</button></li>
      `}
    </ul>
  `;
}
