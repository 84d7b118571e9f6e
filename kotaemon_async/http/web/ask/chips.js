// The numbers in an answer: each names its source, shows the quote when it is pointed at, and opens the page.

import { giveCards, hideCard } from "../frame/card.js";
import { h } from "../frame/dom.js";
import { saidCitation } from "../frame/places.js";
import { t } from "../frame/strings.js";

const QUOTE_LENGTH = 420;

/** Lets the chips below `node` work: `sourceOf(marker)` is a citation or null, `open(citation, chip)` shows its page. */
export function liveChips(node, sourceOf, open) {
  const found = (chip) => sourceOf(Number(chip.dataset.marker));
  giveCards(node, ".chip", (chip) => quoteCard(found(chip)));
  node.addEventListener("click", (event) => {
    const chip = event.target.closest(".chip");
    const source = chip && found(chip);
    if (!source) return;
    hideCard();
    open(source, chip);
  });
}

/** Names the chips for screen readers; needed whenever the HTML is new. */
export function nameChips(node, sourceOf) {
  for (const chip of node.querySelectorAll(".chip")) {
    const source = sourceOf(Number(chip.dataset.marker));
    if (source) {
      chip.setAttribute(
        "aria-label",
        t("source.label", { marker: source.marker, name: source.document_name, place: saidCitation(source) }),
      );
    }
  }
}

/** A passage that is being read, in the shape of a citation: without an id, because nothing is quoted yet. */
export function provisional(passage, marker) {
  return {
    id: null,
    marker,
    document_id: passage.document_id,
    document_name: passage.document_name,
    page: passage.page,
    place: passage.place,
    quote: passage.text,
  };
}

function quoteCard(source) {
  if (!source) return null;
  const quote = source.quote.replace(/\s+/g, " ").trim();
  const shown = quote.length > QUOTE_LENGTH ? `${quote.slice(0, QUOTE_LENGTH)} …` : quote;
  return [
    h("p", { class: "from" }, h("b", {}, source.document_name), h("span", {}, saidCitation(source))),
    h("p", { class: source.id ? "quoted" : "quoted provisional" }, shown),
  ];
}
