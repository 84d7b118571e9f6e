// The view "Ask": a conversation, the box for the next question, and the page behind an answer beside it.

import { NotReached, useModule } from "../frame/again.js";
import { t } from "../frame/language.js";
import { focusQuietly, hasCard, hideCard, say, sayError } from "../frame/overlays.js";
import { go, href, replace, useTitle } from "../frame/router.js";
import { Empty, Icon, showSheet, useStore, Waiting } from "../frame/ui.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { save } from "./conversations.js";
import { Start } from "./start.js";
import { Turn } from "./turn.js";
import { isRunning } from "./turns.js";

const LONG_MS = 8_000;
const NOWHERE = { collection: null, document_ids: [] };

/** The view; its address is #ask/CONVERSATION/ANSWER?read=DOCUMENT&page=N&cite=CITATION. */
export function AskView({ route }) {
  const [id = null, answerId = null] = route.path.map((part) => part || null);
  const talk = useConversation(id);
  const { phase, error, turns, title } = useStore(talk.state);
  useTitle(title || turns[0]?.question || "");
  const [editing, setEditing] = useState(null);
  const scope = useScope(talk, turns, route);
  const running = turns.find(isRunning) ?? null;
  const spoken = useSpoken(turns);
  const scroll = useScroll({ talk, turns, phase, aimed: answerId });
  const last = turns.at(-1) ?? null;
  const tell = (error) => sayError(error, { key: "conversation" });

  useEffect(() => setEditing(null), [talk]);
  useEffect(() => {
    if (phase !== "gone") return;
    say(t("talks.gone"));
    replace("ask");
  }, [phase]);

  const submit = (question, wish) => {
    scroll.toEnd();
    const more = { ...scope.value, ...wish };
    if (editing) talk.again(editing, question, more).catch(tell);
    else talk.ask(question, more).catch(tell);
    setEditing(null);
  };
  const desk = useMemo(() => ({
    open: (turn, source, from) => openSource(talk, turn, source, from, scroll),
    again: (turn) => (scroll.toEnd(), talk.again(turn).catch(tell)),
    edit: (turn) => setEditing(turn),
    ask: (question) => submitNow.current(question),
    choose: (version) => talk.choose(version).catch(tell),
    remove: (turn) => talk.remove(turn).catch(tell),
    rate: (turn, feedback) => talk.rate(turn, feedback).then(() => true, tell),
    link: (turn) => href("ask", talk.id, turn.answer.id),
    save: (format) => save(talk.state.get(), format).catch((error) => sayError(error, { key: "export" })),
  }), [talk]);
  const submitNow = useRef(submit);
  submitNow.current = submit;
  useEffect(() => {
    const { q, ...rest } = route.query;
    if (!q || id) return;
    replace("ask", rest); // so that neither Back nor a reload asks again
    submitNow.current(q);
  }, [route.query.q, id]);
  useEscape({
    talk,
    running,
    editing,
    stopEditing: () => setEditing(null),
    isBeside: Boolean(route.query.read),
    closeBeside: () => close(talk, scroll),
  });

  return html`
    <div class="ask" data-evidence=${route.query.read ? "open" : null}>
      <section class="talk" aria-label=${t("nav.ask")}>
        <h2 class="hidden-words">${t("nav.ask")}</h2>
        <header class="talk-bar">
          <button type="button" class="quiet" id="show-talks" onClick=${showSheet}>
            <${Icon} name="list" />${t("talks.label")}
          </button>
          <a class="quiet" href=${href("ask")}><${Icon} name="plus" />${t("talks.new")}</a>
        </header>
        <div class="turns" id="turns" ref=${scroll.list} tabindex="-1" role="log" aria-live="off"
          aria-label=${t("ask.turns")} onScroll=${scroll.looked}>
          ${phase === "loading" && turns.length === 0 && html`<${Loading} />`}
          ${phase === "away" && html`<${Away} error=${error} again=${() => talk.load()} />`}
          ${turns.length === 0 && ["new", "ready"].includes(phase) &&
            html`<${Start} scope=${scope.value} choose=${scope.choose} ask=${(question) =>
              submit(question)} />`}
          ${turns.map((turn) =>
            html`
              <${Turn} key=${turn.key} turn=${turn} desk=${desk} isLast=${turn === last}
                isBusy=${Boolean(running)} isEdited=${editing?.key === turn.key}
                isAimed=${Boolean(answerId) && turn.answer?.id === answerId}
                pressed=${pressedIn(turn, route.query)} />
            `
          )}
        </div>
        <div class="below">
          <button type="button" class="plain down" id="to-end" hidden=${scroll.isFollowing} aria-label=${t(
            "ask.down",
          )}
            title=${t("ask.down")} onClick=${scroll.toEnd}><${Icon} name="down" /></button>
          <${Composer} key=${`${talk.number}`} id=${id} follows=${turns.length > 0} running=${running}
            editing=${editing} scope=${scope} ask=${submit} stop=${() => talk.stop().catch(tell)}
            cancel=${() => setEditing(null)} />
        </div>
        <p class="hidden-words" id="announce" role="status">${spoken}</p>
      </section>
      ${route.query.read && html`<${Beside} query=${route.query} close=${() => close(talk, scroll)} />`}
    </div>
  `;
}

let made = 0;

/** The conversation of an address; one that has just begun keeps its turns when it gets its address. */
function useConversation(id) {
  const held = useRef(null);
  const at = useRef(id);
  const isElsewhere = at.current !== id && held.current?.id !== id;
  at.current = id;
  if (!held.current || isElsewhere) {
    held.current?.close();
    const begun = (named) => go("ask", named); // the start page stays behind it: Back leads there
    held.current = Object.assign(new Conversation(id, { begun }), { number: made += 1 });
  }
  useEffect(() => () => held.current.close(), []);
  return held.current;
}

/** Where the next question looks: as chosen here, else as the address says, else as the last turn did. */
function useScope(talk, turns, { query }) {
  const [chosen, setChosen] = useState({ talk: null, value: null });
  const isNamed = query.documents || query.collection;
  const named = isNamed &&
    { collection: query.collection ?? null, document_ids: query.documents?.split(",") ?? [] };
  const own = chosen.talk === talk ? chosen.value : null;
  const value = own ?? (turns.length > 0 ? turns.at(-1).scope : named) ?? NOWHERE;
  return { value, choose: (next) => setChosen({ talk, value: next }) };
}

/** What screen readers hear: that it is being answered, that it takes long, and the answer. */
function useSpoken(turns) {
  const last = turns.at(-1) ?? null;
  const [words, setWords] = useState("");
  const before = useRef({ key: null, isRunning: false });
  const running = last !== null && isRunning(last);
  useEffect(() => {
    if (!last) return undefined;
    const was = before.current;
    before.current = { key: last.key, isRunning: running };
    if (running) {
      setWords(t("ask.answering"));
      const timer = setInterval(
        () => setWords((now) => now === t("ask.still") ? t("ask.answering") : t("ask.still")),
        LONG_MS,
      );
      return () => clearInterval(timer);
    }
    if (was.isRunning && was.key === last.key) setWords(saidEnd(last));
    return undefined;
  }, [last?.key, running]);
  return words;
}

const SAID_ENDS = {
  failed: "turn.later",
  lost: "turn.lost",
  stopped: "turn.stopped",
  interrupted: "turn.cut.left",
};

function saidEnd({ state, said, answer }) {
  if (state !== "done") return `${t(SAID_ENDS[state])} ${said.slice(0, 600)}`;
  const sources = t("turn.sources", { n: answer.citations.length, count: answer.citations.length });
  const text = answer.answer.replace(/[*_#`]|\[\d+\]/g, "").replace(/\s+/g, " ").slice(0, 600);
  return t("ask.answered", { sources, text });
}

function pressedIn(turn, { read, cite, answer }) {
  if (!read || !turn.answer || answer !== turn.answer.id) return null;
  return turn.answer.citations.find((one) => one.id === cite)?.marker ?? null;
}

/** Opens the page behind a source; with a second press on the same one it closes. */
function openSource(talk, turn, source, from, scroll) {
  hideCard();
  scroll.hold(from);
  const now = new URLSearchParams(location.hash.split("?")[1] ?? "");
  if (source.id && now.get("cite") === source.id) return close(talk, scroll);
  opener = from;
  const place = [...["ask", talk.id, turn.answer?.id].filter(Boolean).slice(0, 2), {
    read: source.document_id,
    page: source.place?.number ?? source.page,
    cite: source.id,
    answer: source.id ? turn.answer?.id : null,
  }];
  if (now.get("read")) replace(...place);
  else go(...place);
  return undefined;
}

/** What opened the page: it gets the focus back. */
let opener = null;

function close(talk, scroll) {
  scroll.hold(opener);
  replace("ask", ...(talk.id ? [talk.id] : []));
  requestAnimationFrame(() => {
    focusBack(opener);
    opener = null;
  });
}

const focusBack = (node) => focusQuietly(node?.isConnected ? node : document.getElementById("question"));

/** Escape closes what is open, then gives up a change, then ends the answer that is under way. */
function useEscape(given) {
  const now = useRef(given);
  now.current = given;
  useEffect(() => {
    const escape = (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || hasCard()) return;
      if (document.querySelector("dialog[open], [popover]:popover-open")) return;
      const { talk, running, editing, stopEditing, isBeside, closeBeside } = now.current;
      if (isBeside && !(running && event.target.id === "question")) closeBeside();
      else if (editing) stopEditing();
      else if (running) talk.stop().catch(sayError);
    };
    document.addEventListener("keydown", escape);
    return () => document.removeEventListener("keydown", escape);
  }, []);
}

/** The document of the address, drawn by the reader once that is there. */
function Beside({ query, close }) {
  const { value: Reader, error } = useModule(() =>
    import("../reader/reader.js").then((found) => found.Reader)
  );
  if (!Reader) {
    return html`
      <section class="reader">
        ${error ? html`<${NotReached} error=${error} />` : html`<${Waiting} label=${t("health.asking")} />`}
      </section>
    `;
  }
  return html`
    <${Reader} documentId=${query.read} page=${query.page} find=${query.find} citation=${query.cite}
      answer=${query.answer} close=${close} />
  `;
}

const Loading = () =>
  html`
    <div class="turn" aria-hidden="true">
      <div class="wait asked"></div>
      <div class="wait"></div>
      <div class="wait"></div>
    </div>
  `;

function Away({ error, again }) {
  return html`
    <${Empty} icon="ask" title=${t("talks.away")}>
      <p>${error?.message}</p>
      <button type="button" class="plain" onClick=${again}>${t("turn.again")}</button>
      <//>
  `;
}

const NEAR_END_PX = 120;

/**
 * Where one reads: the list follows the text as it grows, unless the person looks at something else, and it
 * keeps its place when it gets narrower or wider. `hold(node)` keeps that one in place at the next change.
 */
function useScroll({ talk, turns, phase, aimed }) {
  const list = useRef(null);
  const follows = useRef(true);
  const anchor = useRef(null);
  const stood = useRef(0); // where the list was the last time
  const [isFollowing, setFollowing] = useState(true);

  const looked = () => {
    if (!list.current) return; // a last event of a list that has gone
    follows.current = isNearEnd(list.current);
    setFollowing(follows.current);
    stood.current = list.current.scrollTop;
    anchor.current = anchorIn(list.current);
  };
  const toEnd = () => {
    follows.current = true;
    list.current?.scrollTo(0, list.current.scrollHeight);
    looked();
  };
  const hold = (node) => {
    const held = node?.isConnected && list.current?.contains(node) ? node : null;
    if (held) anchor.current = { node: held, top: topOf(held, list.current), isHeld: true };
  };

  useLayoutEffect(() => {
    follows.current = true;
    stood.current = 0;
    anchor.current = null;
  }, [talk]);
  useLayoutEffect(() => {
    const node = list.current;
    // Scrolled up, and the text came before the browser said so.
    if (node.scrollTop < stood.current - 1) looked();
    if (follows.current && !isLookedAt(node)) node.scrollTop = node.scrollHeight;
    stood.current = node.scrollTop;
    setFollowing(isNearEnd(node));
  }, [turns]);
  useEffect(() => {
    const found = aimed && list.current.querySelector(`[data-answer="${CSS.escape(aimed)}"]`);
    if (!found) return;
    follows.current = false;
    found.scrollIntoView({ block: "start" });
  }, [aimed, phase === "ready"]);
  useEffect(() => keepPlace(list.current, anchor, follows), []);
  return { list, looked, isFollowing, toEnd, hold };
}

const isNearEnd = (node) => node.scrollHeight - node.scrollTop - node.clientHeight < NEAR_END_PX;

const topOf = (node, list) => node.getBoundingClientRect().top - list.getBoundingClientRect().top;

/** Whether something is held that must not run away: under the pointer, the selection or the focus. */
function isLookedAt(list) {
  const selection = getSelection();
  const isSelected = selection.rangeCount > 0 && !selection.isCollapsed &&
    list.contains(selection.anchorNode);
  return isSelected || hasCard() || Boolean(document.activeElement?.closest(".answer"));
}

/** What stands at the top now, and how far below the list's edge. */
function anchorIn(list) {
  const edge = list.getBoundingClientRect().top;
  for (const node of list.querySelectorAll(".asked, .answer > *, .sources")) {
    const { bottom, top } = node.getBoundingClientRect();
    if (bottom > edge + 1) return { node, top: top - edge };
  }
  return null;
}

/** Puts what was looked at back into its place whenever the list has another width or height. */
function keepPlace(list, anchor, follows) {
  let before = `${list.clientWidth} ${list.clientHeight}`;
  const watch = new ResizeObserver(() => {
    const now = `${list.clientWidth} ${list.clientHeight}`;
    if (now === before) return;
    before = now;
    const { node, top, isHeld } = anchor.current ?? {};
    if (node?.isConnected && (isHeld || !follows.current)) list.scrollTop += topOf(node, list) - top;
    else if (follows.current) list.scrollTop = list.scrollHeight;
    if (isHeld) anchor.current = anchorIn(list);
  });
  watch.observe(list);
  return () => watch.disconnect();
}
