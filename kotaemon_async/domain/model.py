"""The nouns of the service: documents, pages, chunks, passages, questions, answers, and their ids."""

import secrets
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["queued", "processing", "ready", "failed", "cancelled"]
Stage = Literal["parsing", "embedding", "indexing"]
Mode = Literal["hybrid", "vector", "keyword"]
BlockKind = Literal[
    "heading", "paragraph", "list", "table", "code", "note", "caption", "comment", "attachment",
    "page_header", "page_footer",
]  # fmt: skip
#: What a citation can name: a sheet of paper, a slide, rows of a spreadsheet, a section, a part of a mail.
PlaceKind = Literal["page", "slide", "sheet", "section", "part"]
PlaceFlag = Literal["hidden", "scanned", "notes", "about"]
#: Why nothing of a page was read: pictures without text, a text that is none, damage;
#: or what came of reading it from its picture.
PageProblem = Literal[
    "", "no_text", "garbled", "unreadable",
    "nothing_recognized", "partly_recognized",
    "recognition_limit", "recognition_failed", "recognition_unavailable",
]  # fmt: skip
WarningCode = Literal["page_without_text", "page_unreadable", "part_skipped", "truncated"]
ServedBy = Literal["primary", "local", "stale_cache", "extractive", "static_knowledge", "busy"]
#: The answer to the question · what comes nearest to it, without something that it insists on · neither.
Outcome = Literal["answer", "nearest", "nothing"]
#: Whether what a claim cites says so · by its figures and words perhaps not · not at all.
Verdict = Literal["supported", "check", "unsupported"]
#: How far an answer has come: one that a person stopped, or that broke off, keeps what there is of it.
AnswerStatus = Literal["running", "done", "stopped", "interrupted"]
Vote = Literal["up", "down"]

FINAL_STATUSES: frozenset[str] = frozenset({"ready", "failed", "cancelled"})


def new_id(prefix: str, now_s: float) -> str:
    """Return `prefix_` and 24 hex digits that sort by time: 12 of milliseconds, 12 random."""
    return f"{prefix}_{int(now_s * 1000):012x}{secrets.token_hex(6)}"


def chunk_id(document_id: str, version: int, page: int, ordinal: int) -> str:
    """Return the same id for the same place, so that a batch can be repeated."""
    return f"{document_id}.{version}.{page}.{ordinal}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a document failed: a code from errors.CODES, a sentence and a hint."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Attempts:
    """Tries that ended, by cause: the parser died, a neighbour failed, the service stopped, a worker died.

    Stops and dead workers are not the document's fault: they do not count as attempts.
    """

    crash: int
    error: int
    shutdown: int
    lost: int


@dataclass(frozen=True, slots=True)
class Locator:
    """The place that a citation names, as the format knows places; number counts from 1 on in the document.

    `label` is what the place itself is called, `headings` what stands above it, outermost first; `rows` are
    the first and the last row of a spreadsheet or a file of values; `confidence`, from 0 to 1, is
    how sure the text of a scanned page is.
    """

    kind: PlaceKind = "page"
    number: int = 1
    label: str = ""
    headings: tuple[str, ...] = ()
    rows: tuple[int, int] | None = None
    flags: tuple[PlaceFlag, ...] = ()
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class DocumentWarning:
    """What of a document was not or badly read, where, and what to do; `more` places are not listed."""

    code: WarningCode
    places: tuple[Locator, ...]
    message: str
    hint: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """One accepted file, as the ledger knows it; times are Unix seconds.

    `user_id` is what lines and spans call the one who handed it in.
    """

    id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    collection: str
    status: Status
    version: int
    created_at_s: float
    updated_at_s: float
    max_attempts: int
    stage: Stage | None = None
    pages_done: int = 0
    pages_total: int | None = None
    chunks_done: int = 0
    attempt: int = 0
    attempts: Attempts = Attempts(0, 0, 0, 0)
    waiting_for: dict[str, object] | None = None
    error: Failure | None = None
    trace_id: str = ""
    traceparent: str = ""
    ready_at_s: float | None = None
    warnings: tuple[DocumentWarning, ...] = ()
    charset: str | None = None
    path: str = ""
    parent_id: str | None = None
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page with one purpose: `page.text[start:end]`; headings have a level from 1 on.

    `boxes` are left, top, right and bottom as parts of the page's sides, where the format knows them. A table
    has a line for each row, with the cells between bars: `header` names its columns in one line, also where
    it goes on from an earlier page, the first `head_lines` lines are those names, `rows` are the numbers of
    its lines in the sheet or file.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    header: str = ""
    head_lines: int = 0
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What a citation can name, 1-based: the text in which quotes will be looked up, and its blocks in order.

    It is a sheet of paper or a slide where the format has such, else a part of some thousand characters. One
    that was read from its picture has `words` with their boxes, as `parsing.child_words` keeps them.
    """

    number: int
    text: str
    blocks: tuple[Block, ...] = ()
    place: Locator = Locator()
    problem: PageProblem = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a page's text: `page.text[start:stop]`."""

    page: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a document in one line, where it stands, and the last heading above it.

    It has two places, in order, when it goes on over a page break. A line of a table is of the kind `row`,
    with the number `row` in its sheet or file, 0 where there is none.
    """

    text: str
    places: tuple[Place, ...]
    heading: str = ""
    kind: Literal["sentence", "row"] = "sentence"
    row: int = 0


@dataclass(frozen=True, slots=True)
class PassageSentences:
    """The sentences of one passage, in order, and the title of its document; `head` as in Chunk."""

    title: str
    sentences: tuple[Sentence, ...]
    head: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one page, `page.text[start:end]`, and of the next one, where its last sentence goes on.

    When it begins within a table, `head` are the names of its columns, which `text` begins with.
    """

    page: int
    ordinal: int
    start: int
    end: int
    text: str
    over: Place | None = None
    title: str = ""
    sentences: tuple[Sentence, ...] = ()
    head: str = ""
    place: Locator = Locator()


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found for a question; `score` is between 0 and 1.

    `collection`, as it is kept, `media_type` and `created_at_s` are those of its document.
    """

    id: str
    document_id: str
    document_name: str
    page: int
    text: str
    score: float
    place: Locator = Locator()
    collection: str = ""
    media_type: str = ""
    created_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Which component did not do its part, and the code that says why."""

    component: str
    code: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: in these collections (None: all), and of their documents in those named, if any is."""

    collections: tuple[str, ...] | None = None
    document_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """Which documents count, of those of a scope: what every filter that is given lets through.

    `collections` are what the caller calls them, `names` parts of names; times are Unix seconds, from
    `created_after_s` on and before `created_before_s`.
    """

    collections: tuple[str, ...] = ()
    media_types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    created_after_s: float | None = None
    created_before_s: float | None = None

    @property
    def look_at_documents(self) -> bool:
        """Return whether more than the collection of a document counts."""
        times = self.created_after_s, self.created_before_s
        return bool(self.media_types or self.names) or times != (None, None)


@dataclass(frozen=True, slots=True)
class AskedScope:
    """Where to look for an answer, in the words of the one who asked; without any wherever he may."""

    collection: str | None = None
    document_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Passages, best first, and what was missing while looking."""

    passages: tuple[Passage, ...]
    degraded: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class QuotePart:
    """What of a quote stands on one page, word for word."""

    page: int
    quote: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that stands, word for word, on the named page.

    Sentences of one source that do not stand side by side are several `parts`, in order, and so is one over a
    page break; `page` and `quote` are those of the longest. It is `gone` when its document is no longer
    there. `verdict` is what a check of the claims behind it came to, None where nothing was checked; it is
    not `matched` when no sentence there has words of the claim, so that the quote is only its beginning.
    """

    id: str
    marker: int
    document_id: str
    document_name: str
    page: int
    quote: str
    score: float
    parts: tuple[QuotePart, ...] = ()
    gone: bool = False
    place: Locator | None = None
    verdict: Verdict | None = None
    matched: bool = True


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of a model, and whether what it cites supports it; `reason` is what is missing there."""

    sentence: str
    verdict: Verdict
    reason: Literal["figure", "code", "name", "subject"] | None = None
    markers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the model's server counted them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with who gave it, how good it is and what it rests on.

    `uncited` holds its sentences, in order, that no marker stands behind; one that broke off is not complete.
    `missing` names what the question insists on and the nearest passage lacks; `rejected` are the words of a
    model whose claims are all unsupported, so that another provider answered. `link` names the model's link
    that gave it, None when none did; `follow_ups` are what could be asked next.
    """

    id: str
    question: str
    answer: str
    served_by: ServedBy
    degraded: bool
    reasons: tuple[Reason, ...]
    citations: tuple[Citation, ...]
    trace_id: str
    age_s: float = 0.0
    timings_s: dict[str, float] = field(default_factory=dict)
    usage: Usage | None = None
    uncited: tuple[str, ...] = ()
    complete: bool = True
    outcome: Outcome = "answer"
    missing: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    rejected: str | None = None
    scope: AskedScope = AskedScope()
    link: str | None = None
    follow_ups: tuple[str, ...] = ()
