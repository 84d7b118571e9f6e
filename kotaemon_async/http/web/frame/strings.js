// The page's words in the reader's language: the browser's at first, or the one that was chosen.

import { words as ofAccess } from "./words_access.js";
import { words as ofErrors } from "./words_errors.js";
import { words as ofFrame } from "./words.js";

/** Name -> [English, 中文]: each is written beside the other, so that neither is forgotten. */
const WORDS = { ...ofFrame, ...ofErrors, ...ofAccess };
const LANGUAGES = ["en", "zh"];
const CHOICE = "kotaemon.language";

export const language = choose();
const PLACE = LANGUAGES.indexOf(language);
document.documentElement.lang = language === "zh" ? "zh-CN" : "en";

function choose() {
  const chosen = localStorage.getItem(CHOICE);
  if (LANGUAGES.includes(chosen)) return chosen;
  const wanted = (navigator.languages ?? [navigator.language]).map((one) => one.slice(0, 2));
  return wanted.find((one) => LANGUAGES.includes(one)) ?? "en";
}

/** Adds the words of a view. */
export const addWords = (words) => Object.assign(WORDS, words);

/** Chooses a language and shows the page in it. */
export function speak(chosen) {
  localStorage.setItem(CHOICE, chosen);
  location.reload();
}

/** The words under a name, with {placeholders} filled in; `n` also chooses between "one | many". */
export function t(name, values = {}) {
  const found = WORDS[name]?.[PLACE];
  if (found === undefined) throw new Error(`no words for ${name}`);
  const forms = found.split(" | ");
  const form = forms.length > 1 && values.n !== 1 ? forms[1] : forms[0];
  return form.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/**
 * The words for a code of a closed list, e.g. code("error", "encrypted"); the code itself when it is unknown.
 */
export function code(family, value) {
  return WORDS[`${family}.${value}`]?.[PLACE] ?? String(value).replaceAll("_", " ");
}
