// The numbers in an answer: each names its source, shows the quote when it is pointed at, and opens the page.

import { saidCitation, t } from "../frame/language.js";
import { giveCards } from "../frame/overlays.js";
import { html } from "../vendor/preact.js";
import { withDoubt } from "./verdicts.js";

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
