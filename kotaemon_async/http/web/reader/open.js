// A document with pages: its tools, what is looked for in it, what an answer cites of it, and the place in the address.

import { saidPlace } from "../frame/places.js";
import { href, replace, route, useLayer } from "../frame/router.js";
import { t } from "../frame/strings.js";
import { CopyLink, IconButton } from "../frame/ui.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { CitedBar, CitedSaid } from "./cited.js";
import { FindBar, saidAt, useFind } from "./find.js";
import { Loader } from "./loading.js";
import { PicturePage, TextPage } from "./page.js";
import { Pages } from "./pages.js";
import { Side } from "./side.js";
import { Original, Tools } from "./tools.js";
import { factorOf, stepped, useSizes } from "./zoom.js";

const narrow = matchMedia("(max-width: 900px)");
const roomy = matchMedia("(min-width: 1200px)");
const SCROLLED_MS = 300;
/** What is looked at stands a little above the middle. */
const EYE = 0.3;
/** These look as somebody has laid them out; all others are text first. */
const LAID_OUT = /^application\/pdf$|^image\/|presentation|powerpoint/;

/** A document with pages. */
export function Open(
  { documentId, document: it, page, find: given, citation, answer, cited, close, whole, name },
) {
  const total = it.progress.pages_total;
  const first = pageOf(page, cited.citation, total);
  const [at, setAt] = useState(first);
  const eye = useRef(first);
  const handle = useRef(null);
  const loader = useMemo(() => new Loader(), []);
  const [look, setLook] = useState(() => (LAID_OUT.test(it.media_type) ? "pages" : "text"));
  const [zoom, setZoom] = useState("auto");
  const [side, setSide] = useState(() => (route().view !== "ask" && roomy.matches ? "thumbs" : null));
  const [words, setWords] = useState(given);
  const [isFinding, setFinding] = useState(given ? "given" : "");
  const [known, setKnown] = useState(null);
  const [quoted, setQuoted] = useState({});
  const sizes = useSizes();
  const find = useFind(documentId, words, eye);
  useLayer(Boolean(side) && narrow.matches, () => setSide(null));
  const written = useRef(String(page ?? ""));

  const show = (number, part = 0, offset = 0, left = null) => handle.current.show(number, part, offset, left);
  const go = (number) => {
    show(number);
    if (narrow.matches) setSide(null);
  };
  const say = (change) => {
    if ("page" in change) written.current = String(change.page);
    replace(...placed(documentId, change));
  };

  useEffect(() => {
    handle.current.focus();
    if (first > 1) show(first);
  }, []);
  useEffect(() => { // the address has changed, and not because of what was scrolled to
    if (String(page ?? "") === written.current) return;
    written.current = String(page ?? "");
    show(pageOf(page, cited.citation, total));
  }, [page, citation]);
  useEffect(() => {
    if (!cited.citation || page) return;
    show(pageOf(null, cited.citation, total));
  }, [cited.citation?.id]);
  useEffect(() => {
    const timer = setTimeout(() => (String(at) !== written.current) && say({ page: at }), SCROLLED_MS);
    return () => clearTimeout(timer);
  }, [at]);
  useEffect(() => {
    if (words === given) return;
    const timer = setTimeout(() => say({ find: words.trim() }), SCROLLED_MS);
    return () => clearTimeout(timer);
  }, [words]);
  useEffect(() => {
    setWords(given);
    if (given) setFinding((was) => was || "given");
  }, [given]);
  useEffect(() => {
    if (find.hit && !handle.current.holds(find.hit.page)) show(find.hit.page); // else the page shows its mark
  }, [find.hit]);

  const looked = (number) => {
    eye.current = number;
    loader.near = number;
    setAt(number);
  };
  const toPart = (number, part, left) => {
    if (!handle.current.sees(number, part)) show(number, part, EYE, left);
  };
  const on = {
    size: sizes.note,
    height: sizes.measured,
    page: (number, value) => number === eye.current && setKnown(value),
    word: toPart,
    quote(number, marks) {
      setQuoted((was) => ({ ...was, [`${citation} ${number}`]: marks }));
      if (marks.length === 0) return look === "text" && setLook("pages");
      if (toQuote.current !== citation) show(number, marks[0][1], EYE);
      toQuote.current = citation;
    },
  };
  const toQuote = useRef(null);
  const leaveFind = () => {
    setFinding("");
    setWords("");
    handle.current.focus();
  };
  const goCited = (one) =>
    replace(...placed(one.document_id, {
      page: one.place?.number ?? one.page,
      cite: one.id,
      find: "",
    }));
  const zoomBy = (step) => {
    if (step === 0) return setZoom("auto");
    const box = whole.current.querySelector(".reader-body > .scroller");
    setZoom(stepped(look === "text" ? factorOf(zoom) : sizes.factor(at, zoom, box), step));
  };
  const openFind = () => {
    setFinding("typed");
    whole.current.querySelector("#reader-find")?.select();
  };
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
    n: () => cited.all[cited.at + 1] && goCited(cited.all[cited.at + 1]),
    p: () => cited.all[cited.at - 1] && goCited(cited.all[cited.at - 1]),
  };
  const leave = () => (isFinding ? leaveFind() : side && narrow.matches ? setSide(null) : close());
  useKeys(whole, { keys, openFind, leave, step: (by) => (isFinding ? find.step(by) : openFind()) });

  const where = saidWhere(known, at, total, it);
  const label = (number) => saidWhere(null, number, total, it);
  const draw = (number, size) => {
    const common = { loader, documentId, number, size, on, label: label(number) };
    common.current = find.current?.page === number ? find.current : null;
    if (look === "text") {
      const quote = partOn(cited.citation, number);
      return html`<${TextPage} ...${common} found=${saidAt(find.onPages.get(number))} quote=${quote} />`;
    }
    const isHit = find.onPages.has(number) || find.isCut;
    const isMarked = citation &&
      (cited.citation ? partOn(cited.citation, number) !== null : String(number) === page);
    return html`<${PicturePage} ...${common} words=${isHit ? find.words : ""} citation=${
      isMarked ? citation : null
    } />`;
  };
  const tools = { at, total, look, zoom, side, isFinding, show, setLook, setZoom, setSide, zoomBy, openFind };
  return html`
    <header class="reader-head">
      <div class="what">
        <h2 dir="auto" title=${name}>${name}</h2>
        <span id="reader-where" dir="auto">${where}</span>
      </div>
      <${CopyLink} to=${href("documents", documentId, "page", at, {
        find: words.trim(),
        cite: citation,
        answer,
      })}
        isBare label=${t(citation ? "reader.link.citation" : "reader.link")} />
      <${IconButton} id="reader-close" name="close" label=${t("close")} onClick=${close} />
    </header>
    <${Tools} ...${tools} leaveFind=${leaveFind} />
    ${isFinding &&
      html`<${FindBar} isTyped=${
        isFinding === "typed"
      } find=${find} words=${words} setWords=${setWords} leave=${leaveFind} />`}
    <${CitedBar} cited=${cited} go=${goCited} />
    <div class="reader-body">
      ${side && html`
        <${Side} shown=${side} choose=${setSide} document=${it} loader=${loader} total=${total}
          page=${at}
          go=${go} ratio=${sizes.ratio()} />
      `}
      <${Pages} handle=${handle} total=${total} draw=${draw} onEye=${looked} data-look=${look}
        sizeOf=${(
          n,
          box,
        ) => (look === "text" ? sizes.text(n, zoom, box) : sizes.picture(n, zoom, box, total))}
        version=${`${look} ${zoom} ${sizes.version}`} role="group" aria-label=${t("reader.pages")} />
    </div>
    <footer class="reader-foot">
      <${CitedSaid} cited=${cited} page=${at} marks=${quoted[`${citation} ${at}`]} />
      <${Original} document=${it} page=${at} />
    </footer>
  `;
}

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

/** Keys act in the whole reader; letters only where nothing is typed. */
function useKeys(whole, given) {
  const now = useRef(given);
  now.current = given;
  useEffect(() => {
    const press = (event) => {
      const { keys, openFind, leave, step } = now.current;
      const act = actOf(event, { keys, openFind, leave, step });
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
  if (event.isComposing) return null;
  if (event.key === "Escape") return leave;
  if (event.key === "F3") return () => step(event.shiftKey ? -1 : 1);
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f") return openFind;
  return isTyped || event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
}
