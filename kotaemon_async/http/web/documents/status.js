// What a document is and how far: its kind, and its state in words; never a number that is not known.

import { clock, code, count, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";

const OFFICE = "application/vnd.openxmlformats-officedocument";
const OPEN = "application/vnd.oasis.opendocument";

/** Kind -> its media types, each with the sign that stands for it. */
const TYPES = {
  pdf: { "application/pdf": "PDF" },
  word: {
    [`${OFFICE}.wordprocessingml.document`]: "DOCX",
    "application/msword": "DOC",
    [`${OPEN}.text`]: "ODT",
    "application/rtf": "RTF",
  },
  sheet: {
    [`${OFFICE}.spreadsheetml.sheet`]: "XLSX",
    "application/vnd.ms-excel": "XLS",
    [`${OPEN}.spreadsheet`]: "ODS",
    "text/csv": "CSV",
  },
  slides: {
    [`${OFFICE}.presentationml.presentation`]: "PPTX",
    "application/vnd.ms-powerpoint": "PPT",
    [`${OPEN}.presentation`]: "ODP",
  },
  text: { "text/plain": "TXT", "text/markdown": "MD" },
  web: { "text/html": "HTML" },
  mail: { "message/rfc822": "MAIL", "application/vnd.ms-outlook": "MAIL" },
  book: { "application/epub+zip": "EPUB" },
  picture: {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/tiff": "TIFF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/gif": "GIF",
  },
  archive: { "application/zip": "ZIP" },
};
const KIND_OF = new Map();
for (const [kind, types] of Object.entries(TYPES)) {
  for (const [type, sign] of Object.entries(types)) KIND_OF.set(type, { kind, sign });
}

export const KINDS = Object.keys(TYPES);

/** The media types of a kind, as the service's filters take them. */
export const mediaTypesOf = (kind) => Object.keys(TYPES[kind] ?? {});

/** {kind, sign} of a media type; what is not known is a text. */
export const kindOf = (mediaType) => KIND_OF.get(mediaType) ?? { kind: "text", sign: "TXT" };

const SPECIAL_WAITS = new Set(["disk", "memory", "parser", "embedder"]);

/**
 * {kind, words, under, part}: kind is a badge's class or
 * "work", `part` of the work done between 0 and 1, or null.
 */
export function stateOf(document) {
  const { status } = document;
  if (status === "ready") return { kind: "", words: t("documents.status.ready"), under: "", part: null };
  if (status === "cancelled") {
    return {
      kind: "",
      words: t("documents.status.cancelled"),
      under: t("documents.cancelled.hint"),
      part: null,
    };
  }
  if (status === "failed") return failed(document);
  if (document.waiting_for) return waiting(document);
  if (status === "queued") {
    return {
      kind: "",
      words: t("documents.wait.worker"),
      under: attempt(document, document.attempt),
      part: null,
    };
  }
  return working(document);
}

function failed(document) {
  const { text, hint } = wordsFor(document.error ?? { code: "internal", message: "", hint: "" });
  return { kind: "bad", words: text, under: hint, part: null, title: document.error?.message ?? "" };
}

function waiting(document) {
  const { kind, at } = document.waiting_for;
  const isLater = at && Date.parse(at) > Date.now();
  if (kind === "retry") {
    const next = Math.min(document.attempt + 1, document.max_attempts);
    const words = isLater ? t("documents.wait.retry", { time: clock(at) }) : t("documents.wait.retry_now");
    return { kind: "warn", words, under: attempt(document, next), part: partOf(document) };
  }
  const isSpecial = SPECIAL_WAITS.has(kind);
  const words = isSpecial ? code("documents.wait", kind) : t("documents.wait.worker");
  return {
    kind: isSpecial ? "warn" : "",
    words,
    under: isSpecial ? t("documents.wait.by_itself") : attempt(document, document.attempt),
    part: partOf(document),
  };
}

function working(document) {
  const { pages_done: done, pages_total: total } = document.progress;
  const stage = code("documents.stage", document.stage ?? "parsing");
  const under = [passages(document), attempt(document, document.attempt)].filter(Boolean).join(" · ");
  if (document.stage === "indexing") {
    return { kind: "work", words: stage, under: t("documents.indexing.hint"), part: 1 };
  }
  if (!total) return { kind: "work", words: t("documents.reading"), under, part: 0 };
  const page = Math.min(done + 1, total);
  const words = t("documents.at_page", { stage, page: count(page), total: count(total) });
  return { kind: "work", words, under, part: partOf(document) };
}

function partOf({ progress: { pages_done: done, pages_total: total } }) {
  return total ? Math.min(done / total, 1) : null;
}

/** How many passages were read so far, in words; empty for none. */
export function passages({ progress: { chunks_done: n } }) {
  return n ? t("documents.passages", { n, count: count(n) }) : "";
}

function attempt(document, number) {
  return number > 1 ? t("documents.attempt", { n: number, number, most: document.max_attempts }) : "";
}
