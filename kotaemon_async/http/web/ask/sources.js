// What an answer rests on, and how far: its numbers, the cards of its sources, the sentences that nothing
// stands behind, and what it is worth in words.

import { address } from "../frame/api.js";
import { age, code, count, saidCitation, t } from "../frame/language.js";
import { giveCards } from "../frame/overlays.js";
import { Icon } from "../frame/ui.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const SHOWN = 3;

/** The cards; those after the third are folded, and printed all the same. */
export function Sources({ answer, turn, desk, pressed }) {
  const [isOpen, setOpen] = useState(false);
  const { citations } = answer;
  if (citations.length === 0) return null;
  const more = citations.length - SHOWN;
  return html`
    <aside class="sources" aria-label=${t("turn.sources.copied")}>
      <ol>
        ${citations.map((one, at) =>
          html`
            <li key=${one.id || one.marker} class=${at >= SHOWN && !isOpen ? "folded" : ""}>
              <${Source} source=${withDoubt(answer, one)} isOpen=${pressed === one.marker}
                open=${(source, from) => desk.open(turn, source, from)} />
            </li>
          `
        )}
      </ol>
      ${more > 0 && html`
        <button type="button" class="quiet" data-do="sources" aria-expanded=${String(isOpen)}
          onClick=${() => setOpen(!isOpen)}>
          ${isOpen ? t("turn.sources.less") : t("turn.sources.more", { n: more, count: count(more) })}
          <${Icon} name="down" />
        </button>
      `}
    </aside>
  `;
}

function Source({ source, isOpen, open }) {
  const name = source.document_name;
  return html`
    <button type="button" class=${source.gone ? "source gone" : "source"} data-marker=${source.marker}
      aria-pressed=${isOpen ? "true" : null} onClick=${(event) => open(source, event.currentTarget)}>
      <${Thumbnail} source=${source} />
      <span class="what">
        <span class="head">
          <span class="number" aria-hidden="true">${source.marker}</span>
          <b dir="auto" title=${name}>${name}</b>
          <small>${saidCitation(source)}</small>
        </span>
        ${source.gone && html`<span class="doubt">${t("source.gone.long")}</span>`}
        ${source.doubt &&
          html`<span class=${source.isOff ? "doubt" : "doubt perhaps"}>${source.doubt}</span>`}
        <q dir="auto">${source.quote.replace(/\s+/g, " ").trim()}</q>
      </span>
    </button>
  `;
}

/** The page, small; nothing where it cannot be drawn. */
function Thumbnail({ source }) {
  const [isAway, setAway] = useState(false);
  if (source.gone || isAway) {
    return html`<span class="page-thumb" aria-hidden="true"><${Icon} name="documents" /></span>`;
  }
  const page = source.place?.number ?? source.page;
  const path = `/api/v1/documents/${encodeURIComponent(source.document_id)}/pages/${page}.png?width=200`;
  return html`
    <span class="page-thumb" aria-hidden="true">
      <img src=${address(path)} alt="" loading="lazy" decoding="async" onError=${() => setAway(true)} />
    </span>
  `;
}

const QUOTE_LENGTH = 420;

/** The citation behind a marker; while the answer is under way the passage that has this number. */
export function sourceOf({ answer, passages, state }, marker) {
  const cited = answer?.citations.find((one) => one.marker === marker);
  if (cited) return withDoubt(answer, cited);
  const passage = state === "done" ? null : passages[marker - 1];
  return passage ? provisional(passage, marker) : null;
}

/** A passage that is being read, in the shape of a citation: without an id, because nothing is quoted yet. */
function provisional({ document_id, document_name, page, place, text }, marker) {
  return { id: null, marker, document_id, document_name, page, place, quote: text };
}

/** Lets the chips below `node` work; `find(marker)` is a citation or null. Returns the end of it. */
export function liveChips(node, find, open) {
  const found = (chip) => find(Number(chip.dataset.marker));
  const endCards = giveCards(node, ".chip", (chip) => quoteCard(found(chip)));
  const press = (event) => {
    const chip = event.target.closest(".chip");
    const source = chip && found(chip);
    if (source) open(source, chip);
  };
  node.addEventListener("click", press);
  return () => {
    endCards();
    node.removeEventListener("click", press);
  };
}

/** Names the chips for screen readers, and shows which one's page is open. */
export function nameChips(node, find, pressed) {
  for (const chip of node.querySelectorAll(".chip")) {
    const source = find(Number(chip.dataset.marker));
    const { marker } = chip.dataset;
    if (source) chip.setAttribute("aria-label", labelOf(source));
    if (source?.gone) chip.setAttribute("data-own-gone", "");
    if (Number(marker) === pressed) chip.setAttribute("aria-pressed", "true");
    else chip.removeAttribute("aria-pressed");
  }
}

function labelOf(source) {
  const place = source.gone ? t("source.gone") : saidCitation(source);
  return t("source.label", { marker: source.marker, name: source.document_name, place });
}

function quoteCard(source) {
  if (!source) return null;
  const quote = source.quote.replace(/\s+/g, " ").trim();
  const shown = quote.length > QUOTE_LENGTH ? `${quote.slice(0, QUOTE_LENGTH)} …` : quote;
  return html`
    <p class="from"><b dir="auto">${source.document_name}</b><span>${saidCitation(source)}</span></p>
    <p class=${source.id ? "quoted" : "quoted provisional"} dir="auto">${shown}</p>
    ${source.gone && html`<p class="doubt">${t("source.gone.long")}</p>`}
    ${source.doubt && html`<p class=${source.isOff ? "doubt" : "doubt perhaps"}>${source.doubt}</p>`}
  `;
}

const KINDS = ["uncited", "check", "unsupported"];
const canMark = typeof Highlight === "function" && CSS.highlights !== undefined;

/**
 * Marks sentences in the text of `node`, as far as they are found there: {kind: [sentence]}. Returns the end.
 * The browser draws a line under ranges of the text, no element is touched; the words below say it, too.
 */
export function markSentences(node, sentences) {
  if (!canMark || KINDS.every((kind) => sentences[kind].length === 0)) return () => {};
  const letters = lettersOf(node);
  const whole = letters.map((one) => one.letter).join("");
  const marks = KINDS.flatMap((kind) =>
    sentences[kind].map((sentence) => [kind, rangeIn(letters, whole, sentence)]).filter(([, range]) => range)
  );
  for (const [kind, range] of marks) highlightOf(kind).add(range);
  return () => marks.forEach(([kind, range]) => highlightOf(kind).delete(range));
}

function highlightOf(kind) {
  if (!CSS.highlights.has(kind)) CSS.highlights.set(kind, new Highlight());
  return CSS.highlights.get(kind);
}

function rangeIn(letters, whole, sentence) {
  // Markers may have become chips.
  const spellings = [sentence, sentence.replace(/\[\d{1,3}\]/g, "")].map(bare);
  const wanted = spellings.find((one) => one && whole.includes(one));
  if (!wanted) return null;
  const start = whole.indexOf(wanted);
  return rangeOf(letters[start], letters[start + wanted.length - 1]);
}

/** Every letter that is seen, with its place; not those of chips, of blanks, and of Markdown's own signs. */
function lettersOf(node) {
  const letters = [];
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (text.parentElement.closest(".chip")) continue;
    for (let at = 0; at < text.length; at += 1) {
      if (bare(text.data[at]) !== "") letters.push({ letter: text.data[at], text, at });
    }
  }
  return letters;
}

function bare(text) {
  return text.replace(/[\s*_`~#>|\\]/g, "");
}

function rangeOf(first, last) {
  const range = document.createRange();
  range.setStart(first.text, first.at);
  range.setEnd(last.text, last.at + 1);
  return range;
}

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
function withDoubt(answer, citation) {
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
