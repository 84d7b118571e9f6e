// The box for the question: it grows, Enter asks, files drop on it; where and how to look is chosen there.

import { useDrops } from "../documents/drops.js";
import { uploadForQuestion } from "../documents/uploads.js";
import { may } from "../frame/access.js";
import { call } from "../frame/api.js";
import { code, count, t } from "../frame/language.js";
import { sayError, wordsFor } from "../frame/overlays.js";
import { Icon, isComposing } from "../frame/ui.js";
import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { draft, keepDraft } from "./drafts.js";
import { above, noteName, ScopePicker } from "./scope.js";

const MOST = 4_000;
const NEAR = 400;

/** On a phone the focus would bring up the keyboard over everything. */
const isWide = () => matchMedia("(min-width: 901px)").matches;

/** `ask(question, wish)` sends, `stop()` ends an answer, `cancel()` gives up a change. */
export function Composer({ id, follows, running, editing, scope, ask, stop, cancel }) {
  const [words, setWords] = useDraft(id);
  const [wish, setWish] = useState({});
  const field = useRef(null);
  const files = useDropped(scope);
  const length = [...words.trim()].length;
  const rest = MOST - length;
  const canAsk = length > 0 && rest >= 0 && !running && !files.isReading;

  useEffect(() => {
    if (isWide()) field.current.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    if (!editing) return;
    setWords(editing.question);
    field.current.focus();
  }, [editing?.key]);
  useLayoutEffect(() => grow(field.current), [words]);

  const submit = (event) => {
    event?.preventDefault();
    if (!canAsk) return;
    setWords("");
    setWish({});
    ask(words.trim(), wish);
  };
  const key = (event) => {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    submit();
  };
  const giveUp = () => {
    setWords("");
    cancel();
  };
  return html`
    <form class="asking" onSubmit=${submit}>
      <div class="box">
        ${editing && html`
          <div class="editing">
            <span>${t("ask.editing")}</span>
            <button type="button" class="quiet" id="cancel-edit" onClick=${giveUp}>${t("cancel")}</button>
          </div>
        `}
        <${DroppedFiles} files=${files} />
        <textarea id="question" ref=${field} rows="1" dir="auto" enterkeyhint="send" value=${words}
          placeholder=${t(follows ? "ask.follow" : "ask.placeholder")} aria-label=${t("ask.box")}
          aria-describedby="question-keys question-left" onInput=${(event) => setWords(event.target.value)}
          onKeyDown=${key} />
        <footer>
          <${ScopePicker} scope=${scope.value} choose=${scope.choose} />
          <${Wishes} wish=${wish} choose=${setWish} />
          <span class=${rest < 0 ? "left over" : "left"} id="question-left" role="status">${leftWords(
            rest,
          )}</span>
          <span class="hidden-words" id="question-keys">${t("ask.keys")}</span>
          ${running
            ? html`
              <button type="button" class="plain" id="stop" key="stop" onClick=${stop}>
                <${Icon} name="stop" />${t("ask.stop")}
              </button>
            `
            : html`
              <button type="submit" class="go" id="send" key="send" disabled=${!canAsk}>
                <${Icon} name="send" />${t("ask.send")}
              </button>
            `}
        </footer>
      </div>
    </form>
  `;
}

function leftWords(rest) {
  if (rest > NEAR) return "";
  return t(rest >= 0 ? "ask.left" : "ask.over", { n: Math.abs(rest), count: count(Math.abs(rest)) });
}

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, innerHeight * 0.4)}px`;
}

/** A half-written question: each conversation has its own, in this tab. */
function useDraft(id) {
  const [words, setWords] = useState(() => draft(id));
  const write = (next) => {
    setWords(next);
    keepDraft(id, next);
  };
  return [words, write];
}

/** {each, isReading}: what became of the files; the scope becomes the documents that they are. */
function useDropped({ value, choose }) {
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
function DroppedFiles({ files: { each, isReading, clear } }) {
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

const LENGTHS = ["short", "normal", "long"];
const LANGUAGES = { en: "English", zh: "中文" };

/** The button and what it opens; `wish` is {link, length, language}, of this question only. */
function Wishes({ wish, choose }) {
  const [links, setLinks] = useState([]);
  const button = useRef(null);
  const panel = useRef(null);
  const wished = [
    wish.link,
    wish.length && t(`wish.${wish.length}`),
    wish.language && LANGUAGES[wish.language],
  ].filter(Boolean);
  const opening = (event) => {
    if (event.newState !== "open") return;
    above(panel.current, button.current);
    call("GET", "/api/v1/links").then((found) => setLinks(found.links), () => {});
  };
  const set = (name, value) => choose({ ...wish, [name]: value });
  return html`
    <div class="wish-place">
      <button type="button" class="quiet wishes" id="wishes" ref=${button} popovertarget="wish-panel"
        aria-haspopup="dialog" aria-label=${[t("wish.title"), ...wished].join(", ")} title=${t("wish.title")}>
        <${Icon} name="tune" />${wished.length > 0 && html`<span>${wished.join(" · ")}</span>`}
      </button>
      <div id="wish-panel" class="scope-panel" popover="auto" role="dialog" aria-label=${t(
        "wish.title",
      )} ref=${panel}
        onBeforeToggle=${opening}>
        <h3>${t("wish.title")}</h3>
        <${Choices} title=${t("wish.length")} name="length" now=${wish.length} set=${set}
          options=${LENGTHS.map((one) => [one, t(`wish.${one}`)])} />
        <${Choices} title=${t("wish.language")} name="language" now=${wish.language} set=${set}
          options=${Object.entries(LANGUAGES)} />
        ${links.length > 0 && html`
          <${Choices} title=${t("wish.link")} name="link" now=${wish.link} set=${set}
            options=${links.map((one) => [one.name, `${one.name} · ${one.model}`, stateOf(one)])} />
        `}
      </div>
    </div>
  `;
}

const stateOf = (
  { state },
) => (state && !["ok", "closed", "ready"].includes(state) ? code("health", state) : "");

function Choices({ title, name, now, set, options }) {
  const all = [[null, t(name === "language" ? "wish.as_asked" : "wish.usual")], ...options];
  return html`
    <fieldset class="wish">
      <legend>${title}</legend>
      ${all.map(([value, words, more]) =>
        html`
          <label key=${value ?? ""} class="scope-row">
            <input type="radio" name=${`wish-${name}`} checked=${(now ?? null) === value}
              onChange=${() => set(name, value)} />
            <span><bdi>${words}</bdi></span>${more && html`<small>${more}</small>`}
          </label>
        `
      )}
    </fieldset>
  `;
}
