// One question and its answer, from the first sign of life to the last: every state is shown as what it is,
// with what can be done then.

import { clock, code, count, duration, saidCitation, t } from "../frame/language.js";
import { confirmed, say, sayError, wordsFor } from "../frame/overlays.js";
import { go, href } from "../frame/router.js";
import { Trusted } from "../frame/trusted.js";
import { copied, CopyText, Icon, IconButton, Menu } from "../frame/ui.js";
import { Component, html, useEffect, useRef, useState } from "../vendor/preact.js";
import { ScopeWords } from "./scope.js";
import {
  because,
  doubtful,
  liveChips,
  markSentences,
  nameChips,
  sourceOf,
  Sources,
  Verdict,
} from "./sources.js";
import { isRunning } from "./turns.js";

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
      ${state === "failed" && html`
        <${IconButton} name="trash" label=${t("turn.discard")} data-do="discard" onClick=${() =>
          desk.remove(turn)} />
      `}
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
  const step = (by) => desk.choose(versions[at + by].id);
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

const REASONS = ["wrong", "not_in_source", "incomplete", "off_topic", "other"];

function Actions({ turn, desk, isLast, isBusy }) {
  const [shown, setShown] = useState("");
  const { answer } = turn;
  const flip = (name) => setShown(shown === name ? "" : name);
  const verdict = answer.feedback?.verdict ?? null;
  const rate = (wanted) => {
    desk.rate(turn, verdict === wanted ? null : { verdict: wanted });
    setShown(wanted === "down" && verdict !== "down" ? "reason" : "");
  };
  const thumb = (wanted) =>
    html`
      <${IconButton} name=${wanted === "up" ? "thumbUp" : "thumbDown"} label=${t(
        `turn.${wanted}`,
      )} data-do=${wanted}
        aria-pressed=${String(verdict === wanted)} onClick=${() => rate(wanted)} />
    `;
  return html`
    <div class="todo" role="group" aria-label=${t("turn.todo")}>
      <${CopyText} text=${() => withSources(answer)} label=${t("turn.copy")} isBare data-do="copy" />
      ${isLast && turn.state === "done" && html`
        <${IconButton} name="again" label=${t("turn.again")} data-do="again" disabled=${isBusy}
          onClick=${() => desk.again(turn)} />
      `}
      ${isLast && html`
        <${IconButton} name="edit" label=${t("turn.edit")} data-do="edit" disabled=${isBusy}
          onClick=${() => desk.edit(turn)} />
      `}
      ${answer.id && html`${thumb("up")}${thumb("down")}`}
      ${answer.id &&
        html`<${Menu} label=${t("turn.more")} entries=${entries(turn, desk, () => flip("details"))} />`}
    </div>
    ${shown === "reason" && html`<${Reason} turn=${turn} desk=${desk} close=${() => setShown("")} />`}
    ${shown === "details" && html`<${Details} turn=${turn} />`}
  `;
}

function entries(turn, desk, details) {
  const { answer } = turn;
  return [
    { name: "details", icon: "list", label: t("turn.details"), act: details },
    answer.trace_id &&
    { name: "path", icon: "path", label: t("turn.path"), act: () => go("system", "trace", answer.trace_id) },
    { name: "link", icon: "link", label: t("turn.link"), act: () => copyLink(desk.link(turn)) },
    { name: "md", icon: "save", label: t("turn.export.md"), act: () => desk.save("md") },
    { name: "docx", icon: "save", label: t("turn.export.docx"), act: () => desk.save("docx") },
    { name: "print", icon: "print", label: t("turn.print"), act: () => window.print() },
    { name: "delete", icon: "trash", label: t("turn.delete"), isBad: true, act: () => remove(turn, desk) },
  ];
}

async function copyLink(to) {
  if (await copied(new URL(to, location.href).href)) say(t("turn.link.copied"));
}

async function remove(turn, desk) {
  const given = { title: t("turn.delete.title"), text: t("turn.delete.text"), go: t("turn.delete") };
  if (await confirmed(given)) desk.remove(turn);
}

/** When, how long, by whom, where it was looked for, and the trace id. */
function Details({ turn: { answer, scope } }) {
  const parts = [
    answer.created_at && clock(answer.created_at),
    [code("served", answer.served_by), answer.link].filter(Boolean).join(" · "),
    answer.timings_s?.total !== undefined && t("turn.took", { time: duration(answer.timings_s.total) }),
  ].filter(Boolean);
  return html`
    <p class="details">
      ${parts.map((one) => html`<span key=${one}>${one}</span>`)}
      <${ScopeWords} scope=${scope} isAlways=${true} />
      ${answer.trace_id && html`<${TraceId} id=${answer.trace_id} />`}
      ${answer.trace_id && html`<a href=${href("system", "trace", answer.trace_id)}>${t("turn.path")}</a>`}
    </p>
  `;
}

/** What was wrong, if the person says; the thumb counts without it, too. */
function Reason({ turn, desk, close }) {
  const [reason, setReason] = useState(turn.answer.feedback?.reason ?? "");
  const [comment, setComment] = useState(turn.answer.feedback?.comment ?? "");
  const send = async (event) => {
    event.preventDefault();
    const more = { ...(reason && { reason }), ...(comment.trim() && { comment: comment.trim() }) };
    close();
    if (await desk.rate(turn, { verdict: "down", ...more })) say(t("feedback.thanks"));
  };
  return html`
    <form class="reason" onSubmit=${send}>
      <fieldset>
        <legend>${t("feedback.title")}</legend>
        ${REASONS.map((one) =>
          html`
            <label key=${one}>
              <input type="radio" name=${`reason-${turn.key}`} value=${one} checked=${reason === one}
                onChange=${() => setReason(one)} />${t(`feedback.${one}`)}
            </label>
          `
        )}
      </fieldset>
      <textarea class="field" rows="2" maxlength="2000" dir="auto" aria-label=${t("feedback.comment")}
        placeholder=${t("feedback.comment")} value=${comment} onInput=${(event) =>
          setComment(event.target.value)} />
      <footer>
        <button type="button" class="plain" onClick=${close}>${t("cancel")}</button>
        <button type="submit" class="go" data-do="send-reason">${t("feedback.send")}</button>
      </footer>
    </form>
  `;
}

const TraceId = ({ id }) =>
  html`<${CopyText} text=${id} label=${`${t("trace")} ${id.slice(0, 8)}`} class="trace-id" />`;

/** The answer as plain text with its sources, to be pasted elsewhere. */
function withSources(answer) {
  const whereOf = (one) =>
    one.gone ? `${saidCitation(one)}${t("place.comma")}${t("source.gone")}` : saidCitation(one);
  const sources = answer.citations.map((one) =>
    `[${one.marker}] ${one.document_name}, ${whereOf(one)}: “${one.quote.replace(/\s+/g, " ").trim()}”`
  );
  const listed = sources.length > 0 ? [`${t("turn.sources.copied")}:\n${sources.join("\n")}`] : [];
  return [answer.answer.trim(), ...listed].join("\n\n");
}
