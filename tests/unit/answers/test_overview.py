"""A document as a whole: which one is meant, and which of its sentences sum it up."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.llm.base import Deadline, Overview
from kotaemon_async.answers.overview import (
    ROOM,
    OverviewRequest,
    Overviews,
    Summarized,
    by_name,
    request_of,
    summed_up,
)
from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.model import Answer, Citation, Found, Passage, Scope
from kotaemon_async.stores.conversations import Turn
from kotaemon_async.stores.documents import Named, Shelf
from tests.support.answering import FakeRetrieval, Pages, passage, source

HARBOUR = (
    "The harbour of Sund is the largest harbour of the island. It was mentioned by a bishop in 1204 once. "
    "Ships of the island meet in the harbour each spring for a race. The weather was fine on that Tuesday. "
    "The harbour freezes from January to March, when ships stay away."
)


@dataclass
class Shelves(Pages):
    """One document of one page, and others that have nothing but names."""

    page: str = HARBOUR
    known: tuple[Named, ...] = (Named("d", "sund.txt"), Named("e", "report_2031.pdf"))

    async def named(self, scope: Scope, limit: int) -> list[Named]:
        return [one for one in self.known if not scope.document_ids or one.id in scope.document_ids][:limit]

    async def shelf(self, scope: Scope, limit: int) -> Shelf:
        names = tuple(one.name for one in await self.named(scope, limit))
        return Shelf(names, len(names), 0)

    async def passages_across(self, document_id: str, limit: int) -> list[Passage]:
        return [passage(self.page)] if document_id == "d" else []


@dataclass
class Talks:
    cited: str = ""
    turns_before: list[Turn] = field(default_factory=list)

    async def turns(
        self, conversation_id: str, caller: Caller, limit: int, before: str | None = None
    ) -> list[Turn]:
        citation = Citation("a.1", 1, self.cited, "", 1, "", 1.0)
        return [Turn(Answer("a", "?", "!", "primary", False, (), (citation,), ""), 1.0)] if self.cited else []


class Even:
    """Tells all sentences apart in the same way but the last, which is the middle of all."""

    calibrated = True

    async def embed_sentences(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.eye(len(texts), len(texts) + 1, dtype=np.float32)
        rows[[at for at, text in enumerate(texts) if "1204" in text]] += 0.5
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows


async def summarized(
    question: str,
    *,
    shelves: Shelves | None = None,
    cited: str = "",
    scope: Scope | None = None,
    found: Found | None = None,
) -> Summarized | None:
    request = request_of(question)
    assert request is not None
    overviews = Overviews(shelves or Shelves(), FakeRetrieval(found or Found(())), Talks(cited))
    ask = Ask(question, EVERYBODY, conversation_id="c1")
    return await overviews.summarized(request, ask, scope or Scope(), Deadline.within(5.0))


@pytest.mark.parametrize(
    ("question", "subject", "points"),
    [
        ("Summarize the document about Harvard.", "Harvard", False),
        ("Can you give me a short summary of sund.txt, please", "sund.txt", False),
        ("summarise report-2031.pdf", "report-2031.pdf", False),
        ("List the main points of report-2031.pdf", "report-2031.pdf", True),
        ("What are the key findings of the report on ice?", "ice", True),
        ("总结一下《元朝》", "元朝", False),
        ("概括一下年度计划.pdf", "年度计划.pdf", False),
        ("请列出哈佛大学.pdf的要点", "哈佛大学.pdf", True),
        ("归纳一下关于石油危机的报告的要点", "石油危机", True),
        ("总结哈佛大学的文档", "哈佛大学", False),
    ],
)
def test_a_document_is_asked_for_by_name_or_subject(question: str, subject: str, points: bool) -> None:
    request = request_of(question)
    assert request is not None
    assert (request.subject, request.points) == (subject, points)


@pytest.mark.parametrize(
    "question",
    [
        "summary",
        "Summarize this document",
        "What is this document about?",
        "总结一下",
        "请总结这份文件的主要内容",
        "这篇文章讲了什么？",
    ],
)
def test_this_document_has_no_name(question: str) -> None:
    assert request_of(question) == OverviewRequest(False, "", is_document=True)


@pytest.mark.parametrize(
    "question",
    [
        "What about Harvard?",
        "What is it about?",
        "How many points are there?",
        "Who wrote the summary?",
        "他写了什么书？",
        "谁总结了经验？",
    ],
)
def test_other_questions_want_no_overview(question: str) -> None:
    assert request_of(question) is None


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("sund.txt", "sund.txt"),
        ("report 2031", "report_2031.pdf"),
        ("the 2031 report", "report_2031.pdf"),
        ("年度", "年度计划.pdf"),
        ("the harbour", None),
    ],
)
def test_documents_are_known_by_their_names(subject: str, name: str | None) -> None:
    known = [Named("d", "sund.txt"), Named("e", "report_2031.pdf"), Named("f", "年度计划.pdf")]
    found = by_name(subject, known)
    assert (found.name if found else None) == name


async def test_a_summary_has_the_leading_sentences_in_the_order_of_the_document() -> None:
    found = await summarized("Summarize sund.txt")
    assert found is not None
    said, quotes = summed_up("Summarize sund.txt", found.overview, found.sources)
    assert said.startswith("**sund**: The harbour of Sund is the largest harbour of the island. ")
    assert len(said) <= ROOM + 40
    assert [quote.marker for quote in quotes] == list(range(1, len(quotes) + 1))


async def test_points_are_a_list_with_a_citation_each() -> None:
    found = await summarized("List the main points of sund.txt")
    assert found is not None
    said, quotes = summed_up("", found.overview, found.sources)
    lines = said.split("\n")
    assert [line[:2] for line in lines] == ["- "] * len(quotes)
    assert lines[0] == "- The harbour of Sund is the largest harbour of the island. [1]"


async def test_this_document_is_the_only_one_or_the_last_that_was_cited() -> None:
    only = await summarized("Summarize this document", scope=Scope(document_ids=("d",)))
    last = await summarized("总结一下", cited="d")
    assert (only and only.document_name, last and last.document_name) == ("sund.txt", "sund.txt")
    assert await summarized("Summarize this document") is None


async def test_a_subject_is_searched_for_when_no_name_has_it() -> None:
    found = Found((passage(HARBOUR, "sund.txt"),))
    whole = await summarized("Summarize the document about the harbour", found=found)
    assert whole is not None and whole.document_name == "sund.txt"
    assert await summarized("Summarize the causes of the frost in spring", found=found) is None


async def test_which_document_is_meant_is_asked_with_names() -> None:
    overviews = Overviews(Shelves(), FakeRetrieval(), Talks())
    asked = await overviews.which("Summarize", Scope())
    assert asked == "Which document do you mean? There are 2, for example sund.txt, report_2031.pdf."
    assert (await overviews.which("总结一下", Scope())).startswith(
        "您指的是哪个文档？共有 2 个，例如：sund.txt、"
    )


async def test_what_is_near_to_the_middle_of_a_document_sums_it_up() -> None:
    overviews = Overviews(Shelves(), FakeRetrieval(), Talks(), Even)
    request = OverviewRequest(False, "sund.txt")
    found = await overviews.summarized(request, Ask("?", EVERYBODY), Scope(), Deadline.within(5.0))
    assert found is not None
    assert "1204" in summed_up("", found.overview, found.sources)[0]


def test_a_point_has_its_heading_in_front() -> None:
    one = source("# Climate\n\nThe harbour freezes from January to March each year.")
    said, _ = summed_up("", Overview(True, "sund", ((0, 0),)), (one,))
    assert said == "- **Climate**: The harbour freezes from January to March each year. [1]"


async def test_what_was_said_is_not_said_again() -> None:
    twice = f"{HARBOUR} The harbour of Sund is the largest harbour of that island."
    found = await summarized("List the main points of sund.txt", shelves=Shelves(page=twice))
    assert found is not None
    said, _ = summed_up("", found.overview, found.sources)
    assert said.count("largest") == 1
