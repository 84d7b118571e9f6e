// One row of the list of documents.

import { ago, bytes, count, t } from "../frame/language.js";
import { href } from "../frame/router.js";
import { Badge, Icon } from "../frame/ui.js";
import { Component, html } from "../vendor/preact.js";
import { foreignOwner, mayChange } from "./collections.js";
import { kindOf } from "./kinds.js";
import { stateOf } from "./status.js";

/** Whether something of it can be read: its pages are there before it is ready. */
export const isReadable = (one) =>
  one.status === "ready" || (one.status === "processing" && one.progress.pages_done > 0);

/**
 * Where a document is looked at: in the reader, or, while there is nothing to read, as what is known of it.
 */
export const placeOf = (one, query) =>
  isReadable(one) ? href("documents", one.id, "page", 1) : href("documents", { ...query, details: one.id });

/** How many things were not read, in words; empty for none. */
export function warned({ warnings = [] }) {
  return warnings.length > 0
    ? t("documents.warnings", { n: warnings.length, count: count(warnings.length) })
    : "";
}

/** A short sign of the kind of file. */
export function KindSign({ mediaType }) {
  const { kind, sign } = kindOf(mediaType);
  return html`<span class="kind" data-kind=${kind} aria-hidden="true">${sign}</span>`;
}

/**
 * A row; what is asked of it is heard by the list, by `data-do`. It is drawn anew only when
 * something of it is another one, as most rows stay as they are while others are read.
 */
export class DocumentRow extends Component {
  shouldComponentUpdate(next) {
    return Object.keys(next).some((name) => next[name] !== this.props[name]);
  }

  render({ one, place, topPx, to, isSelected, isActive, isBusy }) {
    return html`
      <div role="row" id=${`row-${one.id}`} data-document=${one.id} data-status=${one.status}
        class=${`row${isActive ? " active" : ""}${isBusy ? " busy" : ""}`} aria-rowindex=${place + 2}
        aria-selected=${isSelected} style=${{ transform: `translateY(${topPx}px)` }}>
        <div role="gridcell" class="pick">
          <input type="checkbox" tabindex="-1" data-do="pick" checked=${isSelected}
            aria-label=${t("documents.pick", { name: one.name })} />
        </div>
        <${NameCell} one=${one} to=${to} />
        <${StateCell} one=${one} />
        <div role="gridcell" class="n">${one.progress.pages_total
          ? count(one.progress.pages_total)
          : "–"}</div>
        <${CollectionCell} name=${one.collection} />
        <div role="gridcell" class="acts">
          <button type="button" class="quiet" tabindex="-1" aria-haspopup="menu" data-do="menu"
            aria-label=${t("documents.actions", { name: one.name })}><${Icon} name="more" /></button>
        </div>
      </div>
    `;
  }
}

function NameCell({ one, to }) {
  const above = one.path.split("/").slice(0, -1).join("/");
  return html`
    <div role="gridcell" class="name" title=${one.path || one.name}>
      <${KindSign} mediaType=${one.media_type} />
      <div class="named">
        <a class="title" href=${to} tabindex="-1" data-do="read"><bdi>${one.name}</bdi></a>
        <small><span class="size">${`${bytes(one.size_bytes)} · `}</span><span>${ago(
          one.created_at,
        )}</span><bdi class="folder">${above && ` · ${above}`}</bdi></small>
      </div>
    </div>
  `;
}

/** What state it is in, when that is not simply "Ready". */
function StateCell({ one }) {
  const told = stateOf(one);
  const warnings = warned(one);
  const words = told.kind === "work"
    ? html`<span class="words">${told.words}</span>`
    : html`<${Badge} kind=${told.kind}>${told.words}<//>`;
  const isTried = (one.status === "failed" || one.status === "cancelled") && mayChange(one);
  return html`
    <div role="gridcell" class="state" title=${[told.words, told.under, told.title].filter(Boolean).join(
      "\n",
    )}>
      <div class="line">
        ${one.status === "ready" ? html`<span class="hidden-words">${told.words}</span>` : words}
        ${warnings && html`
          <button type="button" class="warned" tabindex="-1" data-do="details">${warnings}</button>
        `}
        ${isTried && html`
          <button type="button" class="quiet" tabindex="-1"
            data-do="retry"><${Icon} name="again" />${t(
              "documents.retry",
            )}</button>
        `}
      </div>
      ${told.part !== null && one.status === "processing" && html`
        <div class="bar"><i style=${{ width: `${Math.round(told.part * 1000) / 10}%` }}></i></div>
      `}
      <small>${told.under}</small>
    </div>
  `;
}

function CollectionCell({ name }) {
  const owner = foreignOwner(name);
  return html`
    <div role="gridcell" class="place" title=${name}>
      <button type="button" class="shelf" tabindex="-1" data-do="collection"><bdi>${name}</bdi></button>
      ${owner && html`<small>${t("share.of", { owner })}</small>`}
    </div>
  `;
}

/** A row while nothing is known yet. */
export function WaitingRow() {
  const cell = (name, width) =>
    html`
      <div role="gridcell" class=${name}>
        <div class="wait" style=${{ width }}></div>
      </div>
    `;
  return html`
    <div role="row" class="row placeholder">
      ${cell("pick", "18px")}${cell("name", "62%")}${cell("state", "44%")}${cell("n", "24px")}
      ${cell("place", "60%")}${cell("acts", "18px")}
    </div>
  `;
}
