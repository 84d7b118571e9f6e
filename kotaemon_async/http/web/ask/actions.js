// What can be done with an answer: copy, ask again, change the question, say what one thinks of it; and the rest.

import { call, request } from "../frame/api.js";
import { clock, code, duration, saidCitation, t } from "../frame/language.js";
import { confirmed, say, sayError } from "../frame/overlays.js";
import { go, href } from "../frame/router.js";
import { copied, Icon, IconButton, Menu } from "../frame/ui.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { ScopeWords } from "./scope.js";

const COPIED_MS = 1500;
const REASONS = ["wrong", "not_in_source", "incomplete", "off_topic", "other"];

export function Actions({ turn, desk, isLast, isBusy }) {
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
      <${CopyButton} text=${() => withSources(answer)} label=${t("turn.copy")} />
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
  const id = desk.conversation();
  return [
    { name: "details", icon: "list", label: t("turn.details"), act: details },
    answer.trace_id &&
    { name: "path", icon: "path", label: t("turn.path"), act: () => go("system", "trace", answer.trace_id) },
    { name: "link", icon: "link", label: t("turn.link"), act: () => copyLink(desk.link(turn)) },
    id && { name: "md", icon: "save", label: t("turn.export.md"), act: () => save(id, "md") },
    id && { name: "docx", icon: "save", label: t("turn.export.docx"), act: () => save(id, "docx") },
    { name: "print", icon: "print", label: t("turn.print"), act: () => window.print() },
    { name: "delete", icon: "trash", label: t("turn.delete"), isBad: true, act: () => remove(turn, desk) },
  ];
}

async function copyLink(to) {
  if (await copied(new URL(to, location.href).href)) say(t("turn.link.copied"));
}

async function save(id, format) {
  const path = `/api/v1/conversations/${encodeURIComponent(id)}`;
  try {
    const [{ conversation }, reply] = await Promise.all([
      call("GET", path),
      request("GET", `${path}/export?format=${format}`, undefined, { accept: "*/*" }),
    ]);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await reply.blob());
    const name = conversation.title.replace(/[^\p{L}\p{N} _-]+/gu, " ").trim().slice(0, 60);
    link.download = `${name || "conversation"}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    sayError(error, { key: "export" });
  }
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
  const send = (event) => {
    event.preventDefault();
    const more = { ...(reason && { reason }), ...(comment.trim() && { comment: comment.trim() }) };
    desk.rate(turn, { verdict: "down", ...more });
    close();
    say(t("feedback.thanks"));
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

/** A button that copies a trace id. */
export function TraceId({ id }) {
  const words = `${t("trace")} ${id.slice(0, 8)}`;
  return html`<${CopyButton} text=${() => id} label=${words} name="trace" title=${id} isBare=${false} />`;
}

/** A button that copies, and says that it did. */
function CopyButton({ text, label, name = "copy", title = label, isBare = true }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    const timer = isCopied && setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const words = isCopied ? t("copied") : label;
  return html`
    <button type="button" class=${name === "trace"
      ? "quiet trace-id"
      : "quiet"} data-do=${name} title=${title}
      aria-label=${isBare ? words : null} onClick=${async () => setCopied(await copied(text()))}>
      <${Icon} name=${isCopied ? "check" : "copy"} />${isBare ? null : words}
    </button>
  `;
}

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
