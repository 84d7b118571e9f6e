"""What a document is about: sentences that say it, and questions that it answers."""

from dataclasses import dataclass

from kotaemon_async.domain.model import Locator


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """A sentence that says what a document is about, and where it stands."""

    text: str
    page: int
    place: Locator


@dataclass(frozen=True, slots=True)
class ExampleQuestion:
    """A question that a sentence of the document answers: its page, its words, the heading above it."""

    text: str
    page: int
    answered_by: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class DocumentOverview:
    """Key points in the document's order and example questions, best first.

    The points are sentences of the document, or what the model of a link has said; `by` is its name.
    """

    points: tuple[KeyPoint, ...] = ()
    questions: tuple[ExampleQuestion, ...] = ()
    by: str = "extractive"


@dataclass(frozen=True, slots=True)
class KeptOverview:
    """The overview of a document that is called so."""

    document_id: str
    document_name: str
    overview: DocumentOverview
