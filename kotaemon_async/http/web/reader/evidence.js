// The page behind an answer: its picture with the quote marked, beside the conversation or, on a phone, over it.

import { address, ApiError, call, request } from "../frame/api.js";
import { fill, h, icon } from "../frame/dom.js";
import { wordsFor } from "../frame/notice.js";
import { placeOf, saidCitation, saidPlace } from "../frame/places.js";
import { t } from "../frame/strings.js";

const WIDTHS = [400, 800, 1200, 1600];
const ZOOMS = { page: 1, width: 1, large: 1.8 };
const narrow = matchMedia("(max-width: 900px)");

/** The panel: open(citation, from) shows it, close() gives the focus back to `from`. */
export function evidence() {
  const it = { source: null, page: 0, total: null, from: null, zoom: "width", turn: 0 };
  it.name = h("h3", { id: "evidence-name" });
  it.where = h("span", { id: "evidence-page" });
  it.said = h("p", { id: "evidence-said", role: "status" });
  it.sheet = h("div", {
    id: "sheet",
    class: "sheet",
    tabindex: 0,
    role: "group",
    "aria-labelledby": "evidence-name",
  });
  it.original = h(
    "a",
    { class: "quiet", id: "original", target: "_blank", rel: "noopener" },
    t("evidence.original"),
    icon("open"),
  );
  it.buttons = {
    previous: button("previous", () => turnTo(it, it.page - 1)),
    next: button("next", () => turnTo(it, it.page + 1)),
    smaller: button("smaller", () => zoom(it, -1)),
    larger: button("larger", () => zoom(it, 1)),
  };
  const leave = h("button", {
    type: "button",
    class: "quiet",
    id: "evidence-close",
    "aria-label": t("close"),
    title: t("close"),
    onclick: () => close(it),
  }, icon("close"));
  it.node = h(
    "section",
    {
      class: "evidence",
      id: "evidence",
      "aria-label": t("evidence.label"),
      hidden: true,
      onkeydown: (event) => keys(event, it),
    },
    h("header", {}, h("div", { class: "what" }, it.name, it.where), Object.values(it.buttons), leave),
    it.sheet,
    h("footer", {}, it.said, it.original),
  );
  return {
    node: it.node,
    open: (source, from) => open(it, source, from),
    close: () => close(it),
    isOpen: () => !it.node.hidden,
    forget: () => forget(it),
  };
}

function button(name, onclick) {
  return h("button", {
    type: "button",
    class: "quiet",
    id: `evidence-${name}`,
    "aria-label": t(`evidence.${name}`),
    title: t(`evidence.${name}`),
    onclick,
  }, icon(name));
}

function open(it, source, from) {
  unpress(it);
  Object.assign(it, { source, from, total: it.source?.document_id === source.document_id ? it.total : null });
  from?.setAttribute("aria-pressed", "true");
  it.name.textContent = source.document_name;
  it.name.title = source.document_name;
  it.node.hidden = false;
  it.node.parentElement.dataset.evidence = "open";
  coverAll(it, narrow.matches);
  it.sheet.focus({ preventScroll: true });
  turnTo(it, placeOf(source).number);
  countPages(it, source.document_id);
}

function close(it) {
  if (it.node.hidden) return;
  const { from } = it;
  forget(it);
  const back = from?.isConnected ? from : document.getElementById("question");
  back?.focus();
}

/** Closed without a word about the focus: what it belonged to is gone. */
function forget(it) {
  unpress(it);
  it.turn += 1;
  if (!it.node.hidden) coverAll(it, false);
  it.node.hidden = true;
  delete it.node.parentElement?.dataset.evidence;
  showPicture(it, null);
}

/** On a phone the panel lies over the page, which then cannot be reached. */
function coverAll(it, is) {
  it.node.setAttribute("role", is ? "dialog" : "region");
  if (is) it.node.setAttribute("aria-modal", "true");
  else it.node.removeAttribute("aria-modal");
  for (const other of [document.getElementById("nav"), it.node.previousElementSibling]) {
    if (other) other.inert = is;
  }
}

function unpress(it) {
  it.from?.removeAttribute("aria-pressed");
}

async function countPages(it, documentId) {
  if (it.total !== null) return;
  const found = await call("GET", `/api/v1/documents/${encodeURIComponent(documentId)}`).catch(() => null);
  if (it.source?.document_id !== documentId) return;
  it.total = found?.progress.pages_total ?? null;
  sayWhere(it);
}

function sayWhere(it) {
  const { page, total } = it;
  it.where.textContent = whereIs(it);
  it.buttons.previous.disabled = page <= 1;
  it.buttons.next.disabled = total !== null && page >= total;
  const file = address(`/api/v1/documents/${encodeURIComponent(it.source.document_id)}/content`);
  it.original.href = /\.pdf$/i.test(it.source.document_name) ? `${file}#page=${page}` : file;
}

async function turnTo(it, page) {
  if (page < 1 || (it.total && page > it.total)) return;
  it.page = page;
  it.turn += 1;
  const { turn, source } = it;
  sayWhere(it);
  it.said.textContent = "";
  it.sheet.setAttribute("aria-busy", "true");
  if (!it.sheet.querySelector("img")) fill(it.sheet, h("div", { class: "wait page" }));
  try {
    const { picture, marks } = await pageOf(it, source, page);
    if (turn !== it.turn) return;
    showPicture(it, picture);
    sayMarks(it, marks);
  } catch (error) {
    if (turn === it.turn) sayAway(it, error);
  } finally {
    if (turn === it.turn) it.sheet.setAttribute("aria-busy", "false");
  }
}

/** The picture, and where the quote stands on it; null where no quote is looked for. */
async function pageOf(it, source, page) {
  const path = `/api/v1/documents/${encodeURIComponent(source.document_id)}/pages/${page}`;
  const wanted = it.sheet.clientWidth * (devicePixelRatio || 1) * ZOOMS[it.zoom];
  const width = `width=${WIDTHS.find((one) => one >= wanted) ?? WIDTHS.at(-1)}`;
  if (!holds(source, page) || !source.id) {
    return { picture: await loaded(`${path}.png?${width}`), marks: null };
  }
  const query = `${width}&highlight=${encodeURIComponent(source.id)}`;
  try {
    const picture = await loaded(`${path}.png?${query}`);
    return { picture, marks: (await call("GET", `${path}/marks?${query}`)).marks };
  } catch (error) {
    if (error.code !== "not_found") throw error;
    return { picture: await loaded(`${path}.png?${width}`), marks: [] }; // the answer is not kept any more, the page is
  }
}

/** The picture, once it can be shown. Throws ApiError: why it cannot be, which the picture itself does not say. */
async function loaded(path) {
  const picture = h("img", { src: address(path) });
  const isThere = () => picture.decode().then(() => true, () => false);
  if (await isThere()) return picture;
  await request("GET", path, undefined, { accept: "image/png" });
  picture.src = address(path);
  if (await isThere()) return picture;
  throw new ApiError({ status: 0, code: "odd_reply", detail: "" });
}

/** Whether the quote, or a part of one that goes on over the page break, stands on that page or part. */
const holds = (source, wanted) =>
  wanted === placeOf(source).number ||
  (isPaged(source) && (source.parts ?? []).some((one) => one.page === wanted));

const isPaged = (source) => placeOf(source).kind === "page";

/** Which page, slide or part is shown, of how many; and what it is called, where the quote stands there. */
function whereIs({ source, page, total }) {
  const place = placeOf(source);
  const kind = ["page", "slide"].includes(place.kind) ? place.kind : "part";
  const known = holds(source, page)
    ? saidPlace(place.number === page ? place : { kind: "page", number: page })
    : null;
  const number = total ? t(`evidence.${kind}`, { page, total }) : t(`place.${kind}`, { number: page });
  const isNamed = known && known !== t(`place.${kind}`, { number: page });
  return isNamed ? `${known} · ${number}` : number;
}

function showPicture(it, picture) {
  if (picture) {
    picture.alt = t("evidence.alt", { where: it.where.textContent, name: it.source.document_name });
  }
  it.picture = picture;
  fill(it.sheet, picture);
  it.sheet.dataset.zoom = it.zoom;
}

function sayMarks(it, marks) {
  const { source, page } = it;
  it.said.className = marks?.length && !source.doubt ? "good" : "";
  if (!holds(source, page)) it.said.textContent = t("evidence.other", { place: saidCitation(source) });
  else if (!source.id) it.said.textContent = t("evidence.provisional");
  else it.said.textContent = t(marks.length > 0 ? "evidence.found" : "evidence.unmarked");
  it.marks = marks ?? [];
  if (source.doubt) it.said.append(". ", h("b", { class: "doubt" }, source.doubt));
  if (it.marks.length > 0) {
    if (!source.doubt) it.said.prepend(icon("check"), " ");
    const percent = Math.round(it.marks[0][1] * 100);
    it.picture.alt += `. ${
      t("evidence.marked", { percent, quote: source.quote.replace(/\s+/g, " ").trim() })
    }`;
  }
  toMark(it);
}

/** The mark a little above the middle; a page without one from its top. */
function toMark(it) {
  const [left, top] = it.marks[0] ?? [0, 0];
  const { picture, sheet } = it;
  const place = it.marks.length > 0
    ? picture.offsetTop + top * picture.offsetHeight - sheet.clientHeight * 0.3
    : 0;
  sheet.scrollTo({
    top: Math.max(0, place),
    left: picture.offsetLeft + left * picture.offsetWidth - sheet.clientWidth * 0.2,
  });
}

function sayAway(it, error) {
  const { text, hint } = wordsFor(error);
  it.said.textContent = "";
  fill(
    it.sheet,
    h(
      "div",
      { class: "empty" },
      h("p", {}, t("evidence.away")),
      h("p", {}, text),
      hint && h("small", {}, hint),
      h("p", { class: "quoted" }, it.source.quote),
    ),
  );
}

function zoom(it, step) {
  const names = Object.keys(ZOOMS);
  const to = names[names.indexOf(it.zoom) + step];
  if (!to) return;
  it.zoom = to;
  it.sheet.dataset.zoom = to;
  it.buttons.smaller.disabled = to === names[0];
  it.buttons.larger.disabled = to === names.at(-1);
  if (it.picture) toMark(it);
  if (to === "large") turnTo(it, it.page); // in more detail
}

function keys(event, it) {
  const moves = {
    ArrowLeft: () => turnTo(it, it.page - 1),
    ArrowRight: () => turnTo(it, it.page + 1),
    "+": () => zoom(it, 1),
    "=": () => zoom(it, 1),
    "-": () => zoom(it, -1),
  };
  const move = moves[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  move();
}
