// One question and its answer, from the first sign of life to the last: every state is shown as what it is.

import { code, count, t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { Trusted } from "../frame/trusted.js";
import { Icon, IconButton } from "../frame/ui.js";
import { Component, html, useEffect, useRef } from "../vendor/preact.js";
import { Actions, TraceId } from "./actions.js";
import { liveChips, nameChips, sourceOf } from "./chips.js";
import { ScopeWords } from "./scope.js";
import { markSentences } from "./sentence_marks.js";
import { Sources } from "./sources.js";
import { isRunning } from "./turns.js";
import { because, doubtful, Verdict } from "./verdicts.js";

const WATCHED = ["turn", "isLast", "isBusy", "isEdited", "isAimed", "pressed"];

/** A turn; only what has changed of a long conversation is drawn anew. `desk` is what can be done with it. */
export class Turn extends Component {
  shouldComponentUpdate(next) {
    return WATCHED.some((name) => next[name] !== this.props[name]);
  }

  render({ turn, desk, isLast, isBusy, isEdited, isAimed, pressed }) {
    const { answer, state } = turn;
    const kind = ["turn", isEdited && "edited", isAimed && "aimed"].filter(Boolean).join(" ");
    const isOver = answer && !isRunning(turn) && state !== "lost";
    return html`
      <article class=${kind} data-state=${state} data-answer=${answer?.id}>
        <header class="question">
          <h3 class="asked" dir="auto">${turn.question}</h3>
          <${Versions} turn=${turn} desk=${desk} isBusy=${isBusy} />
          <${ScopeWords} scope=${turn.scope} />
        </header>
        ${turn.voided.map((one, at) => html`<${Voided} key=${at} ...${one} isOpen=${isRunning(turn)} />`)}
        <${Said} turn=${turn} desk=${desk} pressed=${pressed} />
        <${Progress} turn=${turn} />
        ${!isRunning(turn) && state !== "done" &&
          html`<${Note} turn=${turn} desk=${desk} isBusy=${isBusy} />`}
        ${isOver && html`
          <${Verdict} answer=${answer} isCut=${state !== "done"} />
          <${Sources} answer=${answer} turn=${turn} desk=${desk} pressed=${pressed} />
          <${Actions} turn=${turn} desk=${desk} isLast=${isLast} isBusy=${isBusy} />
          ${isLast && !isBusy && html`<${FollowUps} questions=${answer.follow_ups ?? []} ask=${desk.ask} />`}
        `}
      </article>
    `;
  }
}

/** The text of the answer with its numbers. */
function Said({ turn, desk, pressed }) {
  const { answer, state } = turn;
  const now = useRef(turn);
  now.current = turn;
  const place = useRef(null);
  const find = (marker) => sourceOf(now.current, marker);
  useEffect(
    () => liveChips(place.current, find, (source, chip) => desk.open(now.current, source, chip)),
    [desk],
  );
  const ended = state === "done" ? answer : null;
  const drawn = (node) => {
    nameChips(node, find, pressed);
    return ended
      ? markSentences(node, {
        uncited: ended.uncited,
        check: doubtful(ended, "check"),
        unsupported: doubtful(ended, "unsupported"),
      })
      : undefined;
  };
  return html`
    <div ref=${place} class="said">
      <${Trusted} class="answer" aria-busy=${String(isRunning(turn))} source=${turn.html}
        tail=${turn.tail} drawn=${drawn} about=${`${state} ${pressed} ${turn.passages.length}`} />
    </div>
  `;
}

function Progress({ turn }) {
  if (!["asking", "reading"].includes(turn.state)) return null;
  return html`<p class="progress">${progressOf(turn)}</p>`;
}

function progressOf({ state, passages }) {
  if (state === "asking") return t("turn.looking");
  if (passages.length === 0) return t("turn.writing");
  const all = [...new Set(passages.map((one) => one.document_name))];
  const names = all.slice(0, 2).join(", ") + (all.length > 2 ? " …" : "");
  return t("turn.reading", { n: passages.length, count: count(passages.length), names });
}

/** What was said before an answer started anew. */
function Voided({ html: source, tail, why, isOpen }) {
  return html`
    <div class="voided">
      <details open=${isOpen}>
        <summary>${t("turn.voided")}</summary>
        <${Trusted} class="answer" source=${source} tail=${tail} drawn=${deaden} />
      </details>
      <p class="restarted"><${Icon} name="again" />${restartWords(why)}</p>
    </div>
  `;
}

function deaden(node) {
  for (const chip of node.querySelectorAll(".chip")) chip.disabled = true;
}

function restartWords(why) {
  if (!why) return t("turn.anew");
  return t("turn.restarted", { because: code("error", why.reason), link: code("who", why.link) });
}

/** Why there is no whole answer, and the way on. */
function Note({ turn, desk, isBusy }) {
  const { state, said, error } = turn;
  const words = error ? wordsFor(error) : null;
  const isLater = error && [0, 429, 503].includes(error.status);
  const more = error ? (isLater ? t("turn.later") : words.hint) : "";
  return html`
    <div class="cut" role="note">
      <div>
        <p>${words?.text ?? endWords(turn)}</p>
        ${!said && state !== "failed" && html`<small>${t("turn.nothing")}</small>`}
        ${more && html`<small>${more}</small>`}
        ${state === "lost" && html`<small>${t("turn.lost.looking")}</small>`}
        ${error?.traceId && html`<${TraceId} id=${error.traceId} />`}
      </div>
      <button type="button" class="plain" data-do="again" disabled=${isBusy} onClick=${() =>
        desk.again(turn)}>
        <${Icon} name="again" />${t("turn.again")}
      </button>
    </div>
  `;
}

function endWords({ state, answer }) {
  if (state === "stopped" || state === "lost") return t(`turn.${state}`);
  const why = (answer?.reasons ?? []).map(because).join(", ");
  return why ? t("turn.cut.text", { because: why }) : t("turn.cut.left");
}

/** ‹ 2/3 ›: the answers that were given to this question, and to what it was before it was changed. */
function Versions({ turn, desk, isBusy }) {
  const { versions = [], id } = turn.answer ?? {};
  if (versions.length < 2) return null;
  const at = versions.findIndex((one) => one.id === id);
  const step = (by) => desk.choose(turn, versions[at + by].id);
  return html`
    <div class="versions" role="group" aria-label=${t("turn.versions")}>
      <${IconButton} name="previous" label=${t("turn.version.before")} data-do="before" disabled=${at <= 0 ||
        isBusy}
        onClick=${() => step(-1)} />
      <span>${at + 1}/${versions.length}</span>
      <${IconButton} name="next" label=${t("turn.version.after")} data-do="after"
        disabled=${at === versions.length - 1 || isBusy} onClick=${() => step(1)} />
    </div>
  `;
}

/** What one could ask next. */
function FollowUps({ questions, ask }) {
  if (questions.length === 0) return null;
  return html`
    <ul class="follow-ups" aria-label=${t("turn.follow_ups")}>
      ${questions.map((one) =>
        html`
          <li
            key=${one}><button type="button" class="plain" dir="auto" onClick=${() =>
              ask(one)}>${one}</button></li>
        `
      )}
    </ul>
  `;
}
