// What an answer is worth, in words: who gave it and why, and how far its sources support what it says.

import { age, code, count, t } from "../frame/language.js";
import { giveCards } from "../frame/overlays.js";
import { Icon } from "../frame/ui.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const OLD_S = 60;

/** A reason in words, e.g. "primary timed out". */
export function because({ component, code: why }) {
  const part = code("who", component);
  const sentence = code("because", why);
  if (sentence.includes("{part}")) return sentence.replace("{part}", part);
  return `${part}: ${code("error", why)}`;
}

const claimsOf = (answer) => (answer.claims ?? []).filter((one) => one.markers.length > 0);

/** The sentences of claims that cite something, with this verdict. */
export function doubtful(answer, verdict) {
  return claimsOf(answer).filter((one) => one.verdict === verdict).map((one) => one.sentence);
}

/** A citation with what is not right about the sentences that rest on it. */
export function withDoubt(answer, citation) {
  const doubts = (answer.claims ?? []).filter((one) =>
    one.verdict !== "supported" && one.markers.includes(citation.marker)
  );
  const worst = doubts.find((one) => one.verdict === "unsupported") ?? doubts[0];
  const verdict = worst?.verdict ?? citation.verdict;
  // Of an answer that was cut nothing has been checked.
  const isOff = verdict === "unsupported" || (citation.matched === false && answer.complete !== false);
  const why = worst ? verdictOf(worst) : "";
  const doubt = isOff ? (why ? t("source.doubt.why", { why }) : t("source.doubt")) : why;
  return { ...citation, doubt, isOff };
}

/** What is known of one claim, in words. */
function verdictOf({ verdict, reason }) {
  return verdict === "supported" ? t("claim.supported") : code("claim", `${verdict}.${reason ?? "subject"}`);
}

/** A sentence without the signs of Markdown. */
const plain = (sentence) => sentence.replace(/[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}/g, "");

/** The line that says it: nothing in it is pressed to go on, so it is small. */
export function Verdict({ answer, isCut }) {
  const line = useRef(null);
  const [areOpen, setOpen] = useState(null);
  const claims = claimsOf(answer);
  const doubts = claims.filter((one) => one.verdict !== "supported");
  const isOpen = areOpen ?? doubts.length > 0;
  useEffect(() => {
    const ends = [
      giveCards(
        line.current,
        ".badge[data-reasons]",
        () => answer.reasons.map((one) => html`<p>${because(one)}</p>`),
      ),
      giveCards(
        line.current,
        ".uncited",
        () => answer.uncited.map((one) => html`<p class="quoted" dir="auto">${one}</p>`),
      ),
    ];
    return () => ends.forEach((end) => end());
  }, [answer]);
  return html`
    <div class="served" ref=${line}>
      <${Giver} answer=${answer} isCut=${isCut} />
      ${answer.missing?.length > 0 &&
        html`<span class="missing">${t("turn.missing", { names: answer.missing.join(" · ") })}</span>`}
      ${claims.length > 0 &&
        html`<${ClaimsButton} doubts=${doubts} isOpen=${isOpen} flip=${() => setOpen(!isOpen)} />`}
      ${answer.uncited.length > 0 && html`
        <button type="button" class="quiet uncited">
          ${t("turn.uncited", { n: answer.uncited.length, count: count(answer.uncited.length) })}
        </button>
      `}
    </div>
    ${claims.length > 0 &&
      html`<${ClaimList} claims=${doubts.length > 0 ? doubts : claims} isOpen=${isOpen} />`}
    ${answer.rejected && html`
      <details class="rejected">
        <summary>${t("turn.rejected")}</summary>
        <p dir="auto">${answer.rejected}</p>
      </details>
    `}
  `;
}

function Giver({ answer, isCut }) {
  const old = answer.age_s >= OLD_S ? t("served.old", { age: age(answer.age_s) }) : null;
  const why = isCut ? t("turn.cut") : answer.reasons.length > 0 ? because(answer.reasons[0]) : null;
  const who = giver(answer);
  const words = [old ? `${who}, ${old}` : who, why].filter(Boolean).join(" · ");
  const more = !isCut && answer.reasons.length > 1 ? ` +${answer.reasons.length - 1}` : "";
  const look = `badge ${lookOf(answer, isCut)}`.trim();
  if (answer.reasons.length === 0) {
    return html`<span class=${look} data-served=${answer.served_by}>${words}</span>`;
  }
  const reasons = answer.reasons.map((one) => `${one.component}:${one.code}`).join(" ");
  return html`
    <button type="button" class=${look} data-served=${answer.served_by}
      data-reasons=${reasons}>${words}${more}</button>
  `;
}

/** Who gave the answer, or that it is none of what was asked for. */
function giver(answer) {
  if (answer.outcome === "nearest") return t("outcome.nearest");
  if (answer.served_by !== "extractive" || answer.complete === false) return code("served", answer.served_by);
  if (answer.outcome === "nothing") return t("outcome.nothing");
  return answer.citations.length > 0 ? code("served", "extractive") : t("served.itself");
}

/** Green is for answers alone: not for the nearest, for nothing, for greetings, nor for what is in doubt. */
function lookOf(answer, isCut) {
  if (answer.served_by === "busy") return "bad";
  const isWrong = (answer.claims ?? []).some((one) => one.verdict === "unsupported");
  if (answer.degraded || isCut || isWrong) return "warn";
  const isReply = answer.served_by === "extractive" && answer.citations.length === 0;
  return answer.outcome === "nearest" || answer.outcome === "nothing" || isReply ? "" : "ok";
}

function ClaimsButton({ doubts, isOpen, flip }) {
  const isBad = doubts.some((one) => one.verdict === "unsupported");
  const look = isBad ? "bad" : doubts.length > 0 ? "warn" : "good";
  return html`
    <button type="button" class=${`quiet ${look}`} data-do="claims" aria-expanded=${String(
      isOpen,
    )} onClick=${flip}>
      ${look === "good" && html`<${Icon} name="check" />`}
      ${doubts.length > 0
        ? t("turn.claims.check", { n: doubts.length, count: count(doubts.length) })
        : t("turn.claims.good")}
    </button>
  `;
}

function ClaimList({ claims, isOpen }) {
  return html`
    <ul class="claims" hidden=${!isOpen}>
      ${claims.map((one) =>
        html`
          <li key=${one.sentence} data-verdict=${one.verdict}>
            ${one.verdict === "supported"
              ? html`<${Icon} name="check" />`
              : html`<span class="sign" aria-hidden="true">${one.verdict === "check" ? "?" : "!"}</span>`}
            <span><b>${verdictOf(one)}</b><small dir="auto">${plain(one.sentence)}</small></span>
          </li>
        `
      )}
    </ul>
  `;
}
