// What can be done with the pages: turn them, make them larger, look at their text, find words.

import { address } from "../frame/api.js";
import { t } from "../frame/language.js";
import { Icon, IconButton } from "../frame/ui.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { pathOf } from "./loading.js";

/** Browsers show these themselves; others are saved. */
const OPENS = /^application\/pdf$|^image\/(png|jpeg|gif|webp)$/;

/** The tools above the pages. */
export function Tools({ at, total, look, zoom, side, isFinding, ...act }) {
  const fit = zoom === "page" ? "width" : "page";
  const other = look === "text" ? "pages" : "text";
  return html`
    <div class="reader-tools" role="toolbar" aria-label=${t("reader.tools")}>
      <${IconButton} id="reader-side-button" name="list" label=${t("reader.side")} aria-expanded=${Boolean(
        side,
      )}
        onClick=${() => act.setSide(side ? null : "thumbs")} />
      <span class="group">
        <${IconButton} id="reader-previous" name="previous" label=${t(
          "reader.previous",
        )} aria-disabled=${at <= 1}
          onClick=${() => act.show(at - 1)} />
        <${PageField} at=${at} total=${total} show=${act.show} />
        <${IconButton} id="reader-next" name="next" label=${t("reader.next")} aria-disabled=${at >= total}
          onClick=${() => act.show(at + 1)} />
      </span>
      <span class="group">
        <${IconButton} id="reader-smaller" name="smaller" label=${t("reader.smaller")} onClick=${() =>
          act.zoomBy(-1)} />
        <${IconButton} id="reader-larger" name="larger" label=${t("reader.larger")} onClick=${() =>
          act.zoomBy(1)} />
        ${look === "pages" && html`
          <${IconButton} id="reader-fit" name=${`fit_${fit}`} label=${t(`reader.fit.${fit}`)}
            onClick=${() => act.setZoom(fit)} />
        `}
      </span>
      <span class="group end">
        <button type="button" class="quiet" id="reader-look" onClick=${() => act.setLook(other)}>${t(
          `reader.look.${other}`,
        )}</button>
        <${IconButton} id="reader-find-button" name="search" label=${t(
          "reader.find",
        )} aria-expanded=${Boolean(isFinding)}
          onClick=${() => (isFinding ? act.leaveFind() : act.openFind())} />
      </span>
    </div>
  `;
}

/** The number of the page, to be typed over. */
function PageField({ at, total, show }) {
  const [typed, setTyped] = useState(null);
  useEffect(() => setTyped(null), [at]);
  const go = (event) => {
    event.preventDefault();
    const number = Number.parseInt(typed, 10);
    if (number >= 1) show(Math.min(number, total));
    setTyped(null);
  };
  return html`
    <form class="page-field" onSubmit=${go}>
      <input id="reader-page" class="field" inputmode="numeric" autocomplete="off" aria-label=${t(
        "reader.page.number",
      )}
        size=${String(total).length} value=${typed ?? at} onInput=${(event) => setTyped(event.target.value)}
        onFocus=${(event) => event.target.select()} onBlur=${() => setTyped(null)} />
      <span>/ ${total}</span>
    </form>
  `;
}

/** The file itself: beside the page where a browser can show it, else to be kept. */
export function Original({ document: { id, media_type: type }, page = null }) {
  const file = address(pathOf(id, "content"));
  const opens = OPENS.test(type);
  const to = type === "application/pdf" && page ? `${file}#page=${page}` : file;
  return html`
    <a class="quiet" id="original" href=${to} target=${opens ? "_blank" : null} rel="noopener"
      download=${opens ? null : ""}><${Icon} name=${opens ? "open" : "save"} />${t(
        opens ? "reader.original" : "reader.download",
      )}</a>
  `;
}
