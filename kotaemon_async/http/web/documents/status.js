// What a document's state is in words: never a number that is not known.

import { clock, code, count, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";

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
