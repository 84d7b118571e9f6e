// What an answer rests on: a card for each source, up to three of them in sight, beside the text where there is room.

import { address } from "../frame/api.js";
import { count, saidCitation, t } from "../frame/language.js";
import { Icon } from "../frame/ui.js";
import { html, useState } from "../vendor/preact.js";
import { withDoubt } from "./verdicts.js";

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
