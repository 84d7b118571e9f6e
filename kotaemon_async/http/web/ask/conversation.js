// One conversation as the service has it: read, followed by its events, and what is done with it. A question
// goes on at the service when this page leaves; whoever opens the conversation sees it go on.

import { call, events } from "../frame/api.js";
import { follow, isCrowded, whileSeen } from "../frame/feed.js";
import { store } from "../frame/ui.js";
import { keepUnsent } from "./drafts.js";
import {
  asked,
  changed,
  heardHtml,
  heardText,
  isRunning,
  restarted,
  turnOf,
  withAll,
  withAnswer,
} from "./turns.js";

const PATH = "/api/v1/conversations";
const ANSWERS = "/api/v1/answers";
/** As long as nothing is heard of an answer under way, it is looked for this often. */
const SILENT_MS = 8_000;

const one = (id) => `${PATH}/${encodeURIComponent(id)}`;
const answerPath = (id) => `${ANSWERS}/${encodeURIComponent(id)}`;

/**
 * A conversation; `id` null begins one with its first question. `state` is a store of {id, title, phase,
 * error, turns}, its phase one of new, loading, ready, gone, away.
 */
export class Conversation {
  #end = null;
  #own = new Map();
  #over = new AbortController();
  #timer = 0;
  #rated = null;

  constructor(id, { begun = () => {} } = {}) {
    this.begun = begun;
    this.state = store({ id, title: "", phase: id ? "loading" : "new", error: null, turns: [] });
    const heard = { signal: this.#over.signal };
    document.addEventListener("visibilitychange", () => this.#letGo(), heard);
    addEventListener("pagehide", () => this.#keepUnsent(), heard);
    document.addEventListener("health", ({ detail }) => this.#watch(detail.status), heard);
    this.#timer = setInterval(() => this.#lookAtSilent(), SILENT_MS);
    if (id) this.#follow();
  }

  get id() {
    return this.state.get().id;
  }

  get turns() {
    return this.state.get().turns;
  }

  /** Nobody looks at it any more; what runs goes on at the service. */
  close() {
    this.#over.abort();
    clearInterval(this.#timer);
    this.#end?.();
    this.#letGo();
  }

  /**
   * Ends the connections of questions that nobody looks at any more, or for which there are too few: the
   * answers go on, and are heard of with the conversation. What the service does not have yet is sent before.
   */
  #letGo() {
    if (!this.#isUnseen && !isCrowded()) return;
    for (const [key, control] of this.#own) {
      if (!this.turns.find((turn) => turn.key === key)?.answer) continue;
      this.#change(key, () => ({ isOwn: false }));
      control.abort();
    }
  }

  get #isUnseen() {
    return document.hidden || this.#over.signal.aborted;
  }

  /** Asks; `wish` may have {collection, document_ids, link, length, language}. */
  async ask(question, wish = {}) {
    const { collection = null, document_ids = [] } = wish;
    const turn = asked(question, { collection, document_ids });
    this.#turns((turns) => [...turns, turn]);
    await this.#send(turn, wish);
  }

  /** Asks anew instead of a turn, as another version of it; the same question calls the model again. */
  async again(turn, question = turn.question, wish = turn.scope) {
    const replaces = turn.answer?.id ?? turn.replaces;
    if (!replaces) {
      this.#without(turn);
      return this.ask(question, wish);
    }
    const { collection = null, document_ids = [] } = wish;
    const { versions, turn_id } = turn.answer ?? turn.waits;
    const fresh = asked(question, { collection, document_ids }, replaces);
    const shown = { ...fresh, key: turn.key, waits: { versions, turn_id } };
    this.#turns((turns) => changed(turns, (other) => other.key === turn.key, () => shown));
    return this.#send(shown, { ...wish, replaces, fresh: question === turn.question });
  }

  /** Ends an answer that is under way; what was said is kept. */
  async stop(turn = this.turns.find(isRunning)) {
    if (!turn) return;
    if (!turn.answer) return this.#change(turn.key, () => ({ isUnwanted: true })); // not known by a name yet
    await call("POST", `${answerPath(turn.answer.id)}/stop`);
    return this.#refresh(turn.answer.id);
  }

  /** Makes another version of a turn the current one. */
  async choose(answerId) {
    await call("POST", `${one(this.id)}/answers/${encodeURIComponent(answerId)}/current`);
    await this.#refresh(answerId);
  }

  /** Deletes the shown version of a turn; a question that did not arrive leaves what it was to replace. */
  async remove(turn) {
    if (turn.answer) await call("DELETE", answerPath(turn.answer.id));
    else this.#without(turn);
    if (this.id) await this.load();
  }

  /** What the person thinks of an answer; null takes it back. The last word is the one that is kept. */
  rate(turn, feedback) {
    const before = this.#rated;
    this.#rated = (async () => {
      await before?.catch(() => {}); // whoever asked for that was told
      await this.#rate(turn, feedback);
    })();
    return this.#rated;
  }

  async #rate(turn, feedback) {
    const path = `${answerPath(turn.answer.id)}/feedback`;
    if (feedback) await call("PUT", path, feedback);
    else await call("DELETE", path);
    // Another version of it may be shown, or be on its way, by now.
    const isOf = (now) => now.answer?.id === turn.answer.id;
    this.#turns((turns) => changed(turns, isOf, (now) => ({ answer: { ...now.answer, feedback } })));
  }

  /** Reads it anew. */
  async load() {
    const before = new Set(this.turns.map((turn) => turn.answer?.id));
    try {
      const { conversation, answers } = await call("GET", `${one(this.id)}?html=true`);
      this.#turns((turns) => withAll(turns, answers, before), {
        phase: "ready",
        error: null,
        title: conversation.title,
      });
    } catch (error) {
      if (error.name === "AbortError" || this.#over.signal.aborted) return;
      if (error.status === 404) this.state.set({ phase: "gone" });
      else if (this.state.get().phase === "loading") this.state.set({ phase: "away", error });
    }
  }

  #turns(change, more = {}) {
    this.state.set(({ turns }) => ({ turns: change(turns), ...more }));
  }

  #without({ key }) {
    this.#turns((turns) => turns.filter((turn) => turn.key !== key));
    this.#keepUnsent();
  }

  #keepUnsent() {
    const isUnsent = ({ state, isOwn, answer }) => state === "failed" || (isOwn && !answer);
    keepUnsent(this.id, this.turns.filter(isUnsent).map(({ question }) => question));
  }

  #change(key, change) {
    this.#turns((turns) => changed(turns, (turn) => turn.key === key, change));
  }

  #hear(answer) {
    this.#turns((turns) => withAnswer(turns, answer));
  }

  async #refresh(answerId) {
    const answer = await call("GET", `${answerPath(answerId)}?html=true`);
    this.#hear({ ...answer, current: true });
  }

  #follow() {
    if (document.hidden) this.load(); // a tab that is opened behind this one is ready when it is looked at
    this.#end ??= whileSeen(() => {
      this.load();
      return follow(
        `conversations/${encodeURIComponent(this.id)}`,
        (event) => this.#event(event),
        (state) => state === "live" && this.load(), // what happened while nothing was heard
      );
    });
  }

  /** What the service tells; what this tab asked itself it hears on its own connection. */
  #event({ name, data }) {
    if (name === "turn") this.#hear(data);
    else if (name === "delta" || name === "html") this.#piece(name, data);
    else if (name === "deleted") this.load();
    else if (name === "conversation") this.state.set({ title: data.title });
    else if (name === "gone") this.state.set({ phase: "gone" });
  }

  #piece(name, data) {
    const turn = this.turns.find((other) => other.answer?.id === data.answer_id);
    if (!turn || turn.isOwn || !(isRunning(turn) || turn.state === "lost")) return;
    const heard = name === "html" ? heardHtml(data.html) : heardText(turn, data.start, data.text);
    if (heard) this.#change(turn.key, () => heard);
    else this.load();
  }

  async #send(turn, { replaces = null, fresh = false, link = null, length = null, language = null }) {
    const control = new AbortController();
    this.#own.set(turn.key, control);
    try {
      if (!this.id) await this.#begin();
      const { collection, document_ids } = turn.scope;
      const wish = { collection, replaces, link, length, language };
      const body = {
        question: turn.question,
        conversation_id: this.id,
        stream: true,
        html: true,
        ...Object.fromEntries(Object.entries(wish).filter(([, value]) => value)),
        ...(document_ids.length > 0 && { document_ids }),
        ...(fresh && { fresh }),
      };
      for await (const event of events("POST", ANSWERS, body, { signal: control.signal })) {
        this.#heard(turn.key, event);
      }
      this.#lose(turn.key);
    } catch (error) {
      this.#broken(turn.key, error);
    } finally {
      this.#own.delete(turn.key);
      const told = this.turns.find((other) => other.key === turn.key)?.told;
      if (told) {
        this.#change(turn.key, () => ({ isOwn: false }));
        this.#hear(told);
      }
    }
  }

  async #begin() {
    const { id, title } = await call("POST", PATH, {});
    this.state.set({ id, title, phase: "ready" });
    if (this.#over.signal.aborted) return;
    this.begun(id);
    this.#follow();
  }

  /** What comes on the connection of the question itself; the other one may have told the end before. */
  #heard(key, { name, data }) {
    if (!this.turns.find((turn) => turn.key === key)?.isOwn) return;
    if (name === "turn") this.#known(key, data);
    else if (name === "passages") this.#change(key, () => found(data));
    else if (name === "delta") this.#change(key, (turn) => heardText(turn, turn.said.length, data.text));
    else if (name === "html") this.#change(key, () => heardHtml(data.html));
    else if (name === "restart") this.#change(key, (turn) => restarted(turn, data));
    else if (name === "done" || name === "interrupted") this.#ended(key, data, name);
  }

  /** The service has it, under a name; it may have told so on the other connection before. */
  #known(key, answer) {
    this.#turns((turns) =>
      changed(
        turns.filter((turn) => turn.key === key || turn.answer?.id !== answer.id),
        (turn) => turn.key === key,
        (turn) => turnOf(answer, turn),
      )
    );
    const turn = this.turns.find((other) => other.key === key);
    if (turn?.isUnwanted) this.stop(turn);
    this.#keepUnsent();
    this.#letGo();
  }

  /** The body of a stream's end says less than what is kept: versions come from the other connection. */
  #ended(key, data, name) {
    this.#change(key, (turn) => {
      const kept = { ...turn.waits, ...turn.answer };
      const status = name === "done" ? "done" : data.status ?? "interrupted";
      const ended = turnOf({ ...kept, ...data, status, id: data.id || kept.id || "" }, turn);
      return { ...ended, told: turn.told };
    });
  }

  #broken(key, error) {
    const turn = this.turns.find((other) => other.key === key);
    if (this.#over.signal.aborted || !turn?.isOwn || !isRunning(turn)) return;
    if (error.name === "AbortError" || turn.answer) this.#lose(key);
    else this.#change(key, () => ({ state: "failed", error, isOwn: false }));
    this.#keepUnsent();
  }

  #lose(key) {
    const turn = this.turns.find((other) => other.key === key);
    if (!turn || !isRunning(turn)) return;
    this.#change(key, () => ({ state: "lost", isOwn: false }));
    if (this.id && !this.#over.signal.aborted) this.load();
  }

  /** Not reached, and nothing heard for a while: the connection is dead, the answer may go on. */
  #watch(status) {
    if (this.state.get().phase === "away" && status !== "unreachable") this.load();
    if (status !== "unreachable") return;
    for (const turn of this.turns.filter(isRunning)) {
      if (Date.now() - turn.heardAt < SILENT_MS) continue;
      this.#own.get(turn.key)?.abort();
      this.#change(turn.key, () => ({ state: "lost", isOwn: false }));
    }
  }

  #lookAtSilent() {
    const isSilent = (turn) => turn.state === "lost" || (isRunning(turn) && !turn.isOwn);
    const since = (turn) => Date.now() - turn.heardAt;
    for (const turn of this.turns) {
      if (turn.told && since(turn) >= SILENT_MS) this.#own.get(turn.key)?.abort();
    }
    if (this.id && this.turns.some((turn) => isSilent(turn) && since(turn) >= SILENT_MS)) this.load();
  }
}

function found({ passages, trace_id: traceId }) {
  return { passages, traceId, state: "reading", heardAt: Date.now() };
}
