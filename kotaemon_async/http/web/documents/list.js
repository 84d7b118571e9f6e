// The list: however many documents there are, only the rows in sight exist. The list itself
// has the focus and says which row is the active one, so that rows may come and go under it.

import { ago, bytes, count, t } from "../frame/language.js";
import { href } from "../frame/router.js";
import { Badge, Icon } from "../frame/ui.js";
import {
  Component,
  html,
  useEffect,
  useLayoutEffect,
  useReducer,
  useRef,
  useState,
} from "../vendor/preact.js";
import { foreignOwner, mayChange } from "./library.js";
import { kindOf, stateOf } from "./status.js";

const ROW_PX = { roomy: 60, dense: 40, phone: 72 };
const BEYOND = 6;
const BLOCK = 8;
const LONG_PRESS_MS = 500;
const PLACEHOLDERS = 8;
const phone = matchMedia("(max-width: 700px)");
/** Where one was in the list, for Back from a document. */
const left = { scrollTop: 0, active: { id: null, place: -1 }, hasActiveInSight: false, order: "" };

/**
 * The rows of these documents, in this order, below the row of titles (`children`). `query` is
 * that of the address, `stamp` another one whenever all rows have to be drawn anew; `hear(what,
 * document, anchor)` gets read, details, pick, reach, menu, retry, delete, collection, all, clear.
 */
export function DocumentRows({ documents, isDense, selection, busy, query, stamp, hear, children }) {
  const list = useRef(null);
  const active = useRef(left.active);
  const [, redraw] = useReducer((n) => n + 1, 0);
  const [heightPx, isPhone] = useSize(list);
  const [first, setFirst] = useState(0);
  const rowPx = isPhone ? ROW_PX.phone : isDense ? ROW_PX.dense : ROW_PX.roomy;
  const look = () => {
    // It may have gone by now.
    if (list.current) setFirst(Math.floor(list.current.scrollTop / rowPx) - BEYOND);
  };
  useReturn(list, JSON.stringify(query), { heightPx, rowPx, active, look });

  active.current = left.active = stillActive(documents, active.current);
  const most = Math.ceil(heightPx / rowPx) + 2 * BEYOND;
  const from = Math.max(0, Math.min(first, documents.length - most));
  const to = Math.min(from + most, documents.length);
  const blocks = [];
  for (let n = Math.floor(from / BLOCK); n * BLOCK < to; n += 1) blocks.push(n);
  const { place, id } = active.current;
  const isThere = place >= from && place < to;

  /** Makes a row the active one and brings it into sight. */
  const reveal = (place) => {
    active.current = { id: documents[place].id, place };
    bringIntoSight(list.current, place, rowPx);
    look();
    redraw();
  };
  const it = { documents, selection, hear, active, list, reveal, pagePx: heightPx, rowPx };
  return html`
    <div role="grid" class=${isDense && !isPhone ? "rows dense" : "rows"} tabindex="0" id="document-rows"
      ref=${list} style=${{ "--row": `${rowPx}px` }} aria-label=${t(
        "nav.documents",
      )} aria-multiselectable="true"
      aria-rowcount=${documents.length + 1} aria-activedescendant=${isThere
        ? `row-${active.current.id}`
        : null}
      onKeyDown=${(event) => pressed(it, event)} onScroll=${look}>
      <div role="rowgroup" class="rows-head">${children}</div>
      <div role="rowgroup" class="rows-body" style=${{ height: `${documents.length * rowPx}px` }}
        ...${usePointer(it)}>
        ${blocks.map((n) =>
          html`
            <${Block} key=${n} n=${n} ...${it} query=${query} busy=${busy}
              stamp=${stamp} />
          `
        )}
      </div>
    </div>
  `;
}

/**
 * Rows that come and go together: a list that moves by one
 * of many parts is the one that Preact leaves in place.
 */
function Block({ n, documents, selection, busy, query, active, rowPx, stamp }) {
  return documents.slice(n * BLOCK, (n + 1) * BLOCK).map((one, at) => {
    const place = n * BLOCK + at;
    return html`
      <${DocumentRow} key=${one.id} one=${one} place=${place} topPx=${place * rowPx} to=${placeOf(one, query)}
        isSelected=${selection.has(one.id)} isActive=${one.id === active.current.id}
        isBusy=${busy.has(one.id)} stamp=${stamp} />
    `;
  });
}

/** The list while nothing is known yet. */
export function WaitingRows({ children }) {
  return html`
    <div role="grid" class="rows" id="document-rows" aria-label=${t("nav.documents")} aria-busy="true"
      aria-rowcount="-1" style=${{ "--row": `${ROW_PX.roomy}px` }}>
      <div role="rowgroup" class="rows-head">${children}</div>
      <div role="rowgroup">${Array.from({ length: PLACEHOLDERS }, () => html`<${WaitingRow} />`)}</div>
    </div>
  `;
}

/** [height of the list, whether the page is as narrow as a phone]. */
function useSize(list) {
  const [size, setSize] = useState([600, phone.matches]);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(() => setSize([list.current.clientHeight, phone.matches]));
    watcher.observe(list.current);
    setSize([list.current.clientHeight, phone.matches]);
    return () => watcher.disconnect();
  }, []);
  return size;
}

/**
 * Back from a document the list stands where it was, with the active row in sight if it was; another choice
 * or order begins at its top. It gets there again as its height settles, until something is done with it.
 */
function useReturn(list, order, { heightPx, rowPx, active, look }) {
  const wanted = useRef(null);
  const stand = () => {
    if (wanted.current === null) return;
    list.current.scrollTop = wanted.current;
    if (left.hasActiveInSight) bringIntoSight(list.current, active.current.place, rowPx);
    look();
  };
  useLayoutEffect(() => {
    const isBack = left.order === order;
    wanted.current = isBack ? left.scrollTop : 0;
    left.hasActiveInSight &&= isBack;
    left.order = order;
    stand();
  }, [order]);
  useLayoutEffect(stand, [heightPx]);
  useEffect(() => {
    const node = list.current;
    const acts = ["wheel", "keydown", "pointerdown", "touchstart"];
    const forget = () => (wanted.current = null);
    for (const name of acts) node.addEventListener(name, forget, { capture: true, passive: true });
    return () => {
      const { scrollTop, clientHeight } = node;
      const top = active.current.place * rowPx - scrollTop;
      Object.assign(left, { scrollTop, hasActiveInSight: top > -rowPx && top < clientHeight });
      for (const name of acts) node.removeEventListener(name, forget, { capture: true });
    };
  }, []);
}

function bringIntoSight(node, place, rowPx) {
  const top = place * rowPx;
  const headPx = node.lastElementChild.offsetTop;
  if (top < node.scrollTop) node.scrollTop = top;
  node.scrollTop = Math.max(node.scrollTop, top + rowPx - node.clientHeight + headPx);
}

/** When the active one is gone, the one that took its place is. */
function stillActive(documents, { id, place }) {
  if (id === null) return { id, place };
  const found = documents.findIndex((one) => one.id === id);
  const next = found >= 0 ? found : Math.min(place, documents.length - 1);
  return { id: documents[next]?.id ?? null, place: next };
}

function pressed(it, event) {
  const isOwn = event.target === it.list.current && it.documents.length > 0;
  if (isOwn && does(it, event)) event.preventDefault();
}

/** Whether the key means something here. */
function does(it, event) {
  const { documents, selection, hear } = it;
  const { place } = it.active.current;
  const [last, page] = [documents.length - 1, Math.max(1, Math.floor(it.pagePx / it.rowPx) - 1)];
  const moves = {
    ArrowDown: place + 1,
    ArrowUp: place - 1,
    PageDown: place + page,
    PageUp: place - page,
    Home: 0,
    End: last,
  };
  const one = documents[place];
  const { key } = event;
  if (key in moves) {
    const next = Math.max(0, Math.min(moves[key], last));
    if (event.shiftKey && one) {
      if (selection.size === 0) hear("pick", one);
      hear("reach", documents[next]);
    }
    it.reveal(next);
  } else if (key === "a" && (event.ctrlKey || event.metaKey)) hear("all");
  else if (key === "Escape" && selection.size > 0) hear("clear");
  else if (key === "Delete" && (one || selection.size > 0)) hear("delete", one);
  else if (key === " " && one) hear("pick", one);
  else if (key === "Enter" && one) hear("read", one);
  else if ((key === "ContextMenu" || (key === "F10" && event.shiftKey)) && one) menuOf(it, place);
  else return false;
  return true;
}

function menuOf(it, place) {
  it.reveal(place);
  const one = it.documents[place];
  const button = document.querySelector(`#${CSS.escape(`row-${one.id}`)} [data-do="menu"]`);
  it.hear("menu", one, button ?? it.list.current);
}

/** What the pointer does on rows. The focus stays with the list: a row under a focused button may go. */
function usePointer(it) {
  const hold = useRef({ timer: 0, wasLong: false });
  const stop = () => clearTimeout(hold.current.timer);
  useEffect(() => stop, []);
  return {
    onMouseDown: (event) => {
      event.preventDefault();
      it.list.current.focus({ preventScroll: true });
    },
    onContextMenu: (event) => event.pointerType === "touch" && event.preventDefault(),
    onClick: (event) => clicked(it, event, hold.current.wasLong),
    onDblClick: (event) => {
      const place = placeIn(it.documents, event);
      if (place >= 0 && !event.target.closest("button, input, a")) it.hear("read", it.documents[place]);
    },
    // A press that lasts selects, as on phones; what follows it is no click.
    onPointerDown: (event) => {
      stop();
      hold.current = { timer: 0, wasLong: false };
      const one = it.documents[placeIn(it.documents, event)];
      if (event.pointerType !== "touch" || !one) return;
      hold.current.timer = setTimeout(() => {
        hold.current.wasLong = true;
        it.hear("pick", one);
      }, LONG_PRESS_MS);
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}

function placeIn(documents, event) {
  const id = event.target.closest(".row[data-document]")?.dataset.document;
  return documents.findIndex((one) => one.id === id);
}

function clicked(it, event, wasLong) {
  const place = placeIn(it.documents, event);
  if (place < 0) return;
  const one = it.documents[place];
  const what = event.target.closest("[data-do]")?.dataset.do;
  const isPicking = phone.matches && it.selection.size > 0;
  it.active.current = { id: one.id, place };
  if (what === "read" && (event.ctrlKey || event.metaKey)) return; // the browser's own: beside this page
  if (what === "read") event.preventDefault();
  if (wasLong) return;
  if (what === "menu") menuOf(it, place);
  else if (event.shiftKey) it.hear("reach", one);
  else if (what === "pick" || isPicking || event.target.closest(".pick")) it.hear("pick", one);
  else it.hear(what ?? "active", one);
}

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
