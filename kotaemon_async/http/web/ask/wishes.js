// How the next answer is wished: by which model link, how long, and in which language.

import { call } from "../frame/api.js";
import { code, t } from "../frame/language.js";
import { Icon } from "../frame/ui.js";
import { html, useRef, useState } from "../vendor/preact.js";
import { above } from "./scope.js";

const LENGTHS = ["short", "normal", "long"];
const LANGUAGES = { en: "English", zh: "中文" };

/** The button and what it opens; `wish` is {link, length, language}, of this question only. */
export function Wishes({ wish, choose }) {
  const [links, setLinks] = useState([]);
  const button = useRef(null);
  const panel = useRef(null);
  const wished = [
    wish.link,
    wish.length && t(`wish.${wish.length}`),
    wish.language && LANGUAGES[wish.language],
  ].filter(Boolean);
  const opening = (event) => {
    if (event.newState !== "open") return;
    above(panel.current, button.current);
    call("GET", "/api/v1/links").then((found) => setLinks(found.links), () => {});
  };
  const set = (name, value) => choose({ ...wish, [name]: value });
  return html`
    <div class="wish-place">
      <button type="button" class="quiet wishes" id="wishes" ref=${button} popovertarget="wish-panel"
        aria-haspopup="dialog" aria-label=${[t("wish.title"), ...wished].join(", ")} title=${t("wish.title")}>
        <${Icon} name="tune" />${wished.length > 0 && html`<span>${wished.join(" · ")}</span>`}
      </button>
      <div id="wish-panel" class="scope-panel" popover="auto" role="dialog" aria-label=${t(
        "wish.title",
      )} ref=${panel}
        onBeforeToggle=${opening}>
        <h3>${t("wish.title")}</h3>
        <${Choices} title=${t("wish.length")} name="length" now=${wish.length} set=${set}
          options=${LENGTHS.map((one) => [one, t(`wish.${one}`)])} />
        <${Choices} title=${t("wish.language")} name="language" now=${wish.language} set=${set}
          options=${Object.entries(LANGUAGES)} />
        ${links.length > 0 && html`
          <${Choices} title=${t("wish.link")} name="link" now=${wish.link} set=${set}
            options=${links.map((one) => [one.name, `${one.name} · ${one.model}`, stateOf(one)])} />
        `}
      </div>
    </div>
  `;
}

const stateOf = (
  { state },
) => (state && !["ok", "closed", "ready"].includes(state) ? code("health", state) : "");

function Choices({ title, name, now, set, options }) {
  const all = [[null, t(name === "language" ? "wish.as_asked" : "wish.usual")], ...options];
  return html`
    <fieldset class="wish">
      <legend>${title}</legend>
      ${all.map(([value, words, more]) =>
        html`
          <label key=${value ?? ""} class="scope-row">
            <input type="radio" name=${`wish-${name}`} checked=${(now ?? null) === value}
              onChange=${() => set(name, value)} />
            <span><bdi>${words}</bdi></span>${more && html`<small>${more}</small>`}
          </label>
        `
      )}
    </fieldset>
  `;
}
