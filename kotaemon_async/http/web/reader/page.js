// One page: its picture with its text over it to be selected, or its text as it reads.

import { useAgain } from "../frame/again.js";
import { address, call } from "../frame/api.js";
import { t } from "../frame/language.js";
import { wordsFor } from "../frame/overlays.js";
import { Trusted } from "../frame/trusted.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { loadPage, loadPicture, picturePath } from "./pages.js";

const MOST_COMPARED = 30;
const NO_MARKS = { marks: [], orders: [] };

/** What `load` gives for this key when it had its turn: {value, error}; the one before stays till then. */
function useLoaded(loader, { key, number, load }) {
  const [found, setFound] = useState({});
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!key) return;
    return loader.want({
      key,
      number,
      load,
      done: (value) => setFound({ value }),
      failed: (error) => setFound((was) => ({ ...was, error })),
    });
  }, [loader, key, tries]);
  const again = () => setTries((was) => was + 1);
  useAgain(found.error, again);
  return { ...found, again };
}

/** The text of a page; with `words` also where they stand on it. */
export function usePage(loader, documentId, number, words) {
  const key = `${documentId} ${number} ${words}`;
  return useLoaded(loader, { key, number, load: (signal) => loadPage(documentId, number, words, signal) });
}

/**
 * A page as a picture. `words` are looked for on it, `current` {order} is the mark of them that is looked at;
 * `citation` is marked on it. Tells its size, where the quote stands and where the current word is.
 */
export function PicturePage(
  { loader, documentId, number, size, label, words, current, citation, target, on },
) {
  const path = size.width > 0 ? picturePath(documentId, number, size.width, citation) : null;
  const load = (signal) => citation ? loadMarked(path, signal) : loadPicture(path, signal);
  const picture = useLoaded(loader, { key: path, number, load });
  const page = usePage(loader, documentId, number, words);
  const lines = page.value?.lines;
  const { marks, orders } = words && page.value ? page.value : NO_MARKS;
  const isHere = (order) => orders[order] === current?.order;
  const chosen = marks.findIndex((_, order) => isHere(order));
  useEffect(() => {
    const known = page.value?.width ? page.value : picture.value;
    if (known) on.size(number, known.width, known.height, Boolean(page.value?.width));
  }, [page.value, picture.value]);
  useEffect(() => {
    if (page.value) on.page(number, page.value);
  }, [page.value]);
  useEffect(() => {
    if (picture.value?.marks && citation) on.quote(number, picture.value.marks);
  }, [picture.value, citation]);
  useEffect(() => {
    if (current?.order >= 0 && chosen >= 0) {
      on.word(number, marks[chosen][1], marks[chosen][0] * size.width);
    }
  }, [chosen, current?.order, page.value]);
  useEffect(() => {
    const line = target && lines?.find((one) => begins(one.text, target.text));
    if (line) on.target(number, line.box[1]);
  }, [target, lines]);
  const layer = useMemo(
    () => lines && size.width > 0 && html`<${TextLayer} lines=${lines} ratio=${size.height / size.width} />`,
    [lines, size.height / size.width],
  );
  const box = { width: `${size.width}px`, height: `${size.height}px` };
  return html`
    <div class="page" data-page=${number} role="group" aria-label=${label} style=${box}
      aria-busy=${!picture.value && !picture.error}>
      ${picture.value
        ? html`<img src=${address(picture.value.path)} alt="" draggable=${false} decoding="async" />`
        : picture.error
        ? html`<${Away} error=${picture.error} again=${picture.again} />`
        : html`<span class="page-number" aria-hidden="true">${number}</span>`}
      ${marks.map((one, order) =>
        html`
          <mark key=${order} class="hit" aria-hidden="true" aria-current=${isHere(order) ? "true" : null}
            style=${placed(one)}></mark>
        `
      )}
      <div class="text-layer" style=${{ fontSize: box.height }}>${layer}</div>
    </div>
  `;
}

/** The picture with a quote marked, and where; of an answer that is not kept any more the page alone. */
async function loadMarked(path, signal) {
  const [plain, query] = path.split("?");
  try {
    const picture = await loadPicture(path, signal);
    const { marks } = await call("GET", `${plain.replace(/\.png$/, "")}/marks?${query}`, undefined, {
      signal,
    });
    return { ...picture, marks };
  } catch (error) {
    if (error.code !== "not_found") throw error;
    return { ...await loadPicture(path.replace(/&highlight=[^&]*/, ""), signal), marks: [] };
  }
}

const placed = ([left, top, right, bottom]) => ({
  left: `${left * 100}%`,
  top: `${top * 100}%`,
  width: `${(right - left) * 100}%`,
  height: `${(bottom - top) * 100}%`,
});

/** The lines of a page, unseen over their places on its picture, so that they can be selected and copied. */
function TextLayer({ lines, ratio }) {
  const layer = useRef(null);
  useEffect(() => keepSelection(layer.current), []);
  return html`
    <div ref=${layer} class="text-lines">
      ${lines.map(({ text, box }, order) =>
        html`
          <span key=${order} dir="auto" style=${lineStyle(text, box, ratio)}
          >${text}</span><br key=${`break ${order}`} />
        `
      )}
      <div class="rest" aria-hidden="true"></div>
    </div>
  `;
}

/** Sizes in parts of the page's height, the font size of the layer: nothing is set anew when it is zoomed. */
function lineStyle(text, [left, top, right, bottom], ratio) {
  const [width, height] = [(right - left) / ratio, bottom - top];
  const isUpright = text.length > 2 && height > 2 * width;
  const [long, thick] = isUpright ? [height, width] : [width, height];
  const natural = widthOf(text) * thick;
  const scale = natural > 0 ? long / natural : 1;
  return {
    left: `${left * 100}%`,
    top: `${top * 100}%`,
    fontSize: `${thick}em`,
    writingMode: isUpright ? "vertical-rl" : null,
    transform: isUpright ? `scaleY(${scale})` : `scaleX(${scale})`,
  };
}

let pen = null;

/** The width of a text in its own height. */
function widthOf(text) {
  if (!pen) {
    pen = document.createElement("canvas").getContext("2d");
    pen.font = "100px sans-serif";
  }
  return pen.measureText(text).width / 100;
}

/**
 * While something is being selected, the space between lines belongs to the line that was passed last:
 * otherwise a browser takes the nearest node in the document, and the selection jumps to the end of the page.
 */
function keepSelection(layer) {
  const rest = layer.lastElementChild;
  const begin = (event) => {
    layer.classList.add("selecting");
    if (event.target === rest || event.target === layer) {
      layer.insertBefore(rest, lineAt(layer, event.clientY));
    }
  };
  const end = () => {
    layer.classList.remove("selecting");
    layer.append(rest);
  };
  const follow = () => {
    const selection = getSelection();
    if (!layer.classList.contains("selecting") || !selection.rangeCount) return;
    const { focusNode, anchorNode } = selection;
    const line = focusNode?.nodeType === Node.TEXT_NODE ? focusNode.parentElement : null;
    if (line?.parentElement !== layer) return;
    const isBack = anchorNode.compareDocumentPosition(focusNode) & Node.DOCUMENT_POSITION_PRECEDING;
    layer.insertBefore(rest, isBack ? line : line.nextSibling);
  };
  layer.addEventListener("pointerdown", begin);
  document.addEventListener("pointerup", end);
  document.addEventListener("selectionchange", follow);
  return () => {
    document.removeEventListener("pointerup", end);
    document.removeEventListener("selectionchange", follow);
  };
}

/** The first line that ends below a height, null below all. */
function lineAt(layer, y) {
  return [...layer.querySelectorAll("span")].find((one) => one.getBoundingClientRect().bottom > y) ?? null;
}

/** Why a page cannot be shown, and once more. */
function Away({ error, again }) {
  const { text, hint } = wordsFor(error);
  return html`
    <div class="page-away" role="alert">
      <p>${t("reader.away")}</p>
      <p>${text}</p>
      ${hint && html`<small>${hint}</small>`}
      <button type="button" class="plain" onClick=${again}>${t("reader.again")}</button>
    </div>
  `;
}

/** A page as its text reads, with headings, lists and tables; else as PicturePage, with `quote` marked. */
export function TextPage({ loader, documentId, number, size, label, words, current, quote, target, on }) {
  const { value, error, again } = usePage(loader, documentId, number, words);
  const whole = useRef(null);
  const prose = useRef(null);
  useLayoutEffect(() => {
    if (!value) return; // as long as it is empty its height says nothing
    const observer = new ResizeObserver(() => whole.current && on.height(number, whole.current.offsetHeight));
    observer.observe(whole.current);
    return () => observer.disconnect();
  }, [Boolean(value)]);
  useEffect(() => {
    if (value) on.page(number, value);
  }, [value]);
  useEffect(() => {
    if (!value) return;
    const before = prose.current.querySelectorAll("mark[aria-current]");
    before.forEach((one) => one.removeAttribute("aria-current"));
    const [begun, own] = [".more", ":not(.more)"].map((one) =>
      prose.current.querySelectorAll(`mark.hit${one}`)
    );
    const chosen = words && current ? current.order < 0 ? begun[0] : own[current.order] : null;
    chosen?.setAttribute("aria-current", "true");
    if (chosen && current.order >= 0) on.word(number, partOf(chosen, whole.current), null);
  }, [value, words, current?.order]);
  useEffect(() => {
    if (!value || !quote) return;
    const [first] = markQuote(prose.current, quote);
    on.quote(number, first ? [[0, partOf(first, whole.current), 1, 1]] : []);
  }, [value, quote]);
  useEffect(() => {
    if (!value || !target) return;
    const blocks = [...prose.current.querySelectorAll("h1, h2, h3, h4, h5, h6, p, li, td")];
    const block = blocks.find((one) => begins(one.textContent, target.text));
    if (block) on.target(number, partOf(block, whole.current));
  }, [value, target]);
  return html`
    <article ref=${whole} class="page prose" data-page=${number} aria-label=${label}
      style=${{ width: `${size.width}px`, fontSize: `${size.scale}em` }} aria-busy=${!value && !error}>
      ${error && html`<${Away} error=${error} again=${again} />`}
      ${!value && !error && html`<span class="page-number" aria-hidden="true">${number}</span>`}
      <div ref=${prose} dir="auto" class=${value && !value.html ? "plain-text" : "rich"}>${value?.html
        ? html`<${Trusted} source=${value.html} />`
        : value?.text}</div>
    </article>
  `;
}

const partOf = (node, page) =>
  (node.getBoundingClientRect().top - page.getBoundingClientRect().top) / Math.max(1, page.offsetHeight);

/** Marks a quote, however its blanks fall, in place of the marks before; returns the marks in order. */
function markQuote(root, quote) {
  for (const old of root.querySelectorAll("mark.quote")) old.replaceWith(...old.childNodes);
  root.normalize();
  const { text, places } = lettersOf(root);
  const wanted = squeezed(quote);
  const starts = wanted ? startsOf(text, wanted) : [];
  return starts.reverse().flatMap((start) => wrapped(places.slice(start, start + wanted.length))).reverse();
}

const squeezed = (text) => text.normalize("NFKC").toLowerCase().replace(/\s+/g, "");

/** Whether a line or a block is where a longer text begins. */
function begins(line, text) {
  const [here, wanted] = [squeezed(line), squeezed(text).slice(0, MOST_COMPARED)];
  return here.length > 0 && (here.includes(wanted) || (here.length > 3 && wanted.startsWith(here)));
}

function startsOf(text, wanted) {
  const found = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) found.push(at);
  return found;
}

/** All letters below a node without blanks, and for each the text node and its place in it. */
function lettersOf(root) {
  const places = [];
  let text = "";
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    let at = 0;
    for (const letter of node.data) {
      for (const one of squeezed(letter)) {
        for (let unit = 0; unit < one.length; unit += 1) places.push([node, at, letter.length]);
        text += one;
      }
      at += letter.length;
    }
  }
  return { text, places };
}

/** Puts a mark around these letters in each text node that they stand in. */
function wrapped(letters) {
  const runs = new Map();
  for (const [node, at, length] of letters) {
    const [first] = runs.get(node) ?? [at];
    runs.set(node, [first, at + length]);
  }
  return [...runs].map(([node, [first, end]]) => {
    const range = document.createRange();
    range.setStart(node, first);
    range.setEnd(node, end);
    const around = document.createElement("mark");
    around.className = "quote";
    range.surroundContents(around);
    return around;
  });
}
