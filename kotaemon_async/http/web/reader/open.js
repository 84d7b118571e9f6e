// A document with pages: what is above and beside them, what is drawn on them, and the place in the address.

import { saidPlace, t } from "../frame/language.js";
import { href, replace, route, useLayer } from "../frame/router.js";
import { CopyLink, IconButton, isComposing } from "../frame/ui.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { CitedBar, CitedSaid, Original, Tools } from "./bars.js";
import { currentOn, FindBar, useFind } from "./find.js";
import { PicturePage, TextPage } from "./page.js";
import { factorOf, Loader, Pages, stepped, useSizes } from "./pages.js";
import { Side } from "./side.js";

const narrow = matchMedia("(max-width: 900px)");
const roomy = matchMedia("(min-width: 1200px)");
const SCROLLED_MS = 300;
/** What is looked at stands a little above the middle. */
const EYE = 0.3;
/** These look as somebody has laid them out; all others are text first. */
const LAID_OUT = /^application\/pdf$|^image\/|presentation|powerpoint/;

/** A document with pages. */
export function Open(given) {
  const { documentId, document: it, page, find: words, citation, answer, cited, close, whole, name } = given;
  const total = it.progress.pages_total;
  const [at, setAt] = useState(() => pageOf(page, cited.citation, total));
  const eye = useRef(at);
  const handle = useRef(null);
  const loader = useMemo(() => new Loader(), []);
  const [look, setLook] = useState(() => (LAID_OUT.test(it.media_type) ? "pages" : "text"));
  const [zoom, setZoom] = useState("auto");
  const [side, setSide] = useState(() => (route().view !== "ask" && roomy.matches ? "thumbs" : null));
  const [known, setKnown] = useState(null);
  /** The heading or the passage that was chosen beside the pages. */
  const [target, setTarget] = useState(null);
  const sizes = useSizes();
  const show = (number, part = 0, offset = 0, left = null) => handle.current.show(number, part, offset, left);
  const finding = useFinding({ documentId, given: words, eye, handle, whole });
  const quoted = useQuoted({ citation, look, setLook, show });
  useLayer(Boolean(side) && narrow.matches, () => setSide(null));
  useAddress({ documentId, page, citation, cited, total, at, handle, show });
  const zoomBy = (step) => {
    const sheet = whole.current.querySelector(".reader-body > .scroller");
    const factor = look === "text" ? factorOf(zoom) : sizes.factor(at, zoom, sheet);
    setZoom(step === 0 ? "auto" : stepped(factor, step));
  };
  const go = (number, text = "") => {
    show(number);
    setTarget(text && { page: number, text });
    if (narrow.matches) setSide(null);
  };
  useReaderKeys({ at, total, show, zoomBy, finding, cited, whole, handle, side, setSide, close });
  const looked = (number) => {
    eye.current = number;
    loader.near = number;
    setAt(number);
  };
  const on = {
    size: sizes.note,
    height: sizes.measured,
    page: (number, value) => number === eye.current && setKnown(value),
    word: (number, part, left) => handle.current.sees(number, part) || show(number, part, EYE, left),
    quote: quoted.found,
    target: (number, part) => show(number, part, 0.02),
  };
  const draw = drawing({ given, loader, look, find: finding.find, target, total, on });
  const sizeOf = (n, box) => look === "text" ? sizes.text(n, zoom, box) : sizes.picture(n, zoom, box, total);
  const { openFind, leaveFind } = finding;
  const tools = { at, total, look, zoom, side, show, setLook, setZoom, setSide, zoomBy, openFind, leaveFind };
  const link = { find: finding.words.trim(), cite: citation, answer };
  return html`
    <${Head} name=${name} where=${saidWhere(placeAt(at, cited, known), at, total, it)} close=${close}
      link=${href("documents", documentId, "page", at, link)} isCited=${Boolean(citation)} />
    <${Tools} ...${tools} isFinding=${finding.isOpen} />
    ${finding.isOpen && html`<${FindBar} ...${finding} leave=${leaveFind} />`}
    <${CitedBar} cited=${cited} go=${goCited} />
    <div class="reader-body">
      ${side && html`
        <${Side} shown=${side} choose=${setSide} document=${it} loader=${loader} total=${total}
          page=${at}
          go=${go} ratio=${sizes.ratio()} />
      `}
      <${Pages} handle=${handle} total=${total} draw=${draw} onEye=${looked} sizeOf=${sizeOf}
        data-look=${look}
        version=${`${look} ${zoom} ${sizes.version}`} role="group" aria-label=${t("reader.pages")} />
    </div>
    <footer class="reader-foot">
      <${CitedSaid} cited=${cited} page=${at} marks=${quoted.marksOn(at)} />
      <${Original} document=${it} page=${at} />
    </footer>
  `;
}

/** What is read, where one is in it, and a link to that. */
function Head({ name, where, link, isCited, close }) {
  return html`
    <header class="reader-head">
      <div class="what">
        <h2 dir="auto" title=${name}>${name}</h2>
        <span id="reader-where" dir="auto">${where}</span>
      </div>
      <${CopyLink} to=${link} isBare label=${t(isCited ? "reader.link.citation" : "reader.link")} />
      <${IconButton} id="reader-close" name="close" label=${t("close")} onClick=${close} />
    </header>
  `;
}

/** Gives what draws a page in a size: its picture or its text, with the words and the quote on it. */
function drawing({ given, loader, look, find, target, total, on }) {
  const { documentId, document: it, page, citation, cited } = given;
  return (number, size) => {
    const words = find.mayHold(number) ? find.words : "";
    const common = { loader, documentId, number, size, on, words, current: currentOn(find.hit, number) };
    common.label = saidWhere(null, number, total, it);
    common.target = target?.page === number ? target : null;
    const quote = partOn(cited.citation, number);
    if (look === "text") return html`<${TextPage} ...${common} quote=${quote} />`;
    const isMarked = citation && (cited.citation ? quote !== null : String(number) === page);
    return html`<${PicturePage} ...${common} citation=${isMarked ? citation : null} />`;
  };
}

/** The page with its place; where the quote stands the place is called as the citation calls it. */
function placeAt(at, { citation }, known) {
  const isCited = citation?.place?.number === at && partOn(citation, at) !== null;
  return isCited ? { number: at, place: citation.place } : known;
}

/** Keeps the place in the address, without a step of the history, and goes to where another address leads. */
function useAddress({ documentId, page, citation, cited, total, at, handle, show }) {
  const written = useRef(String(page ?? ""));
  useEffect(() => {
    handle.current.focus();
    if (at > 1) show(at);
  }, []);
  useEffect(() => { // not because of what was scrolled to
    if (String(page ?? "") === written.current) return;
    written.current = String(page ?? "");
    show(pageOf(page, cited.citation, total));
  }, [page, citation]);
  useEffect(() => {
    if (cited.citation && !page) show(pageOf(null, cited.citation, total));
  }, [cited.citation?.id]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (String(at) === written.current) return;
      written.current = String(at);
      replace(...placed(documentId, { page: at }));
    }, SCROLLED_MS);
    return () => clearTimeout(timer);
  }, [at]);
}

/** The words that are looked for, as they are typed or as the address gives them, and what they find. */
function useFinding({ documentId, given, eye, handle, whole }) {
  const [words, setWords] = useState(given);
  const [isOpen, setOpen] = useState(Boolean(given));
  const [isTyped, setTyped] = useState(false);
  const find = useFind(documentId, words, eye);
  const written = useRef(given);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (words.trim() === written.current) return;
      written.current = words.trim();
      replace(...placed(documentId, { find: words.trim() }));
    }, SCROLLED_MS);
    return () => clearTimeout(timer);
  }, [words]);
  useEffect(() => { // not because of what was typed
    if (given === written.current) return;
    written.current = given;
    setWords(given);
    if (given) setOpen(true);
  }, [given]);
  useEffect(() => {
    if (find.hit && !handle.current.holds(find.hit.page)) show(find.hit.page); // else the page shows its mark
  }, [find.hit]);
  const show = (number) => handle.current.show(number);
  const openFind = () => {
    setOpen(true);
    setTyped(true);
    whole.current.querySelector("#reader-find")?.select();
  };
  const leaveFind = () => {
    setOpen(false);
    setTyped(false);
    setWords("");
    handle.current.focus();
  };
  return { find, words, setWords, isOpen, isTyped, openFind, leaveFind };
}

/** Where the quote stands on the pages that were looked at; the first time it is brought into sight. */
function useQuoted({ citation, look, setLook, show }) {
  const [marks, setMarks] = useState({});
  const shown = useRef(null);
  const found = (number, places) => {
    setMarks((was) => ({ ...was, [`${citation} ${number}`]: places }));
    if (shown.current === citation) return;
    // The picture's text may be cut otherwise.
    if (places.length === 0 && look === "text") return setLook("pages");
    shown.current = citation;
    if (places.length > 0) show(number, places[0][1], EYE);
  };
  return { found, marksOn: (number) => marks[`${citation} ${number}`] };
}

/** Looks at another citation of the answer, wherever it is. */
const goCited = (one) =>
  replace(...placed(one.document_id, { page: one.place?.number ?? one.page, cite: one.id, find: "" }));

/** The page that an address means: its own, that of the citation, or the first. */
function pageOf(page, citation, total) {
  const wanted = Number.parseInt(page, 10) || (citation?.place?.number ?? citation?.page ?? 1);
  return Math.min(Math.max(1, wanted), total);
}

/** What of a citation's quote stands on a page, null for nothing. */
function partOn(citation, number) {
  if (!citation) return null;
  const parts = citation.parts?.length ? citation.parts : [citation];
  const here = citation.place?.kind === "page" ? parts.find((one) => one.page === number) : null;
  return here?.quote ?? (number === (citation.place?.number ?? citation.page) ? citation.quote : null);
}

/** The place in the address, with what has changed. */
function placed(documentId, change) {
  const { view, path, query } = route();
  const { page, ...rest } = { page: view === "ask" ? query.page : path[2], ...query, ...change };
  if (view === "ask") return ["ask", ...path, { ...rest, page, read: documentId }];
  return ["documents", documentId, ...(page ? ["page", page] : []), rest];
}

/** Which page, slide or part this is, of how many, and what it is called. */
function saidWhere(known, number, total, { media_type: type }) {
  const kind = type === "application/pdf" || type.startsWith("image/")
    ? "page"
    : LAID_OUT.test(type)
    ? "slide"
    : "part";
  const plain = t(`reader.${kind}`, { page: number, total });
  if (known?.number !== number || !known.place) return plain;
  const named = saidPlace({ ...known.place, number });
  const numbered = ["page", "slide", "part"].map((one) => t(`place.${one}`, { number }));
  return numbered.includes(named) ? plain : `${named} · ${plain}`;
}

/** What keys do: letters and signs where nothing is typed, the others in the whole reader. */
function useReaderKeys({ at, total, show, zoomBy, finding, cited, whole, handle, side, setSide, close }) {
  const { find, openFind, leaveFind } = finding;
  const cite = (one) => one && goCited(one);
  const keys = {
    ArrowLeft: () => show(at - 1),
    ArrowRight: () => show(at + 1),
    PageUp: () => handle.current.by(-0.9),
    PageDown: () => handle.current.by(0.9),
    Home: () => show(1),
    End: () => show(total),
    "+": () => zoomBy(1),
    "=": () => zoomBy(1),
    "-": () => zoomBy(-1),
    0: () => zoomBy(0),
    g: () => whole.current.querySelector("#reader-page").select(),
    f: openFind,
    n: () => cite(cited.all[cited.at + 1]),
    p: () => cite(cited.all[cited.at - 1]),
  };
  const leave = () => finding.isOpen ? leaveFind() : side && narrow.matches ? setSide(null) : close();
  const step = (by) => (finding.isOpen ? find.step(by) : openFind());
  const now = useRef(null);
  now.current = { keys, openFind, leave, step };
  useEffect(() => {
    const press = (event) => {
      const act = actOf(event, now.current);
      if (!act || event.defaultPrevented) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    };
    const node = whole.current;
    node.addEventListener("keydown", press);
    return () => node.removeEventListener("keydown", press);
  }, []);
}

function actOf(event, { keys, openFind, leave, step }) {
  const isTyped = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (isComposing(event)) return null;
  if (event.key === "Escape") return leave;
  if (event.key === "F3") return () => step(event.shiftKey ? -1 : 1);
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f") return openFind;
  return isTyped || event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
}
