"""What of a document was not read, in words that say what to do."""

from collections.abc import Iterable, Iterator
from typing import Final

from kotaemon_async.documents.parsing.sandbox import Loss
from kotaemon_async.domain.model import DocumentWarning, Locator, Page, PageProblem, WarningCode

#: What to do where nobody is there to read pages from their pictures.
NO_OCR: Final = (
    "Text recognition is off: start with `make run` without OCR=0, and with ocr.enabled;"
    " the document is then read anew by itself."
)
#: What to do about pictures in what has no pages that could be drawn.
_PICTURES: Final = "Hand that part in as a PDF or a picture: the text on those is recognized."
#: What to do where text recognition found none.
NOTHING_RECOGNIZED: Final = "Nothing if it shows no text; else scan it anew, sharper, and hand that in."
#: What is said of a page: code, sentence, what to do.
_OF_PAGES: Final[dict[PageProblem, tuple[WarningCode, str, str]]] = {
    "no_text": (
        "page_without_text",
        "The page holds pictures but no text.",
        NO_OCR,
    ),
    "garbled": (
        "page_without_text",
        "The text of the page is not legible: its font does not say which letters it draws.",
        NO_OCR,
    ),
    "nothing_recognized": (
        "page_without_text",
        "The page holds pictures, and no text was recognized on them.",
        NOTHING_RECOGNIZED,
    ),
    "partly_recognized": (
        "truncated",
        "Only a part of the text on the page was recognized: all of it takes more time than is allowed.",
        "Raise ocr.cpu_s and read the document anew, or scan the page in parts.",
    ),
    "recognition_limit": (
        "page_without_text",
        "Recognizing the text of the page takes more time or memory than is allowed.",
        "Raise ocr.cpu_s or ocr.memory_bytes and read the document anew, or scan the page in parts.",
    ),
    "recognition_failed": (
        "page_without_text",
        "Text recognition broke down over the page, twice.",
        "Save the page as another picture and hand that in.",
    ),
    "recognition_unavailable": (
        "page_without_text",
        "Text recognition could not be started.",
        "Look at the log; the document is read anew when the service is started again.",
    ),
    "unreadable": (
        "page_unreadable",
        "The page is damaged and could not be read.",
        "Open the file in its own program, save it anew and hand that in.",
    ),
}
_HINTS: Final[dict[WarningCode, str]] = {
    "page_without_text": "Hand in a version that has text.",
    "page_unreadable": "Open the file in its own program, save it anew and hand that in.",
    "part_skipped": "Hand that part in as a file of its own, if it matters.",
    "truncated": "Hand the file in again, whole, or in smaller parts.",
}


def of_document(losses: Iterable[Loss]) -> tuple[DocumentWarning, ...]:
    """Return what the reader of a file says that it lost."""
    return tuple(_of_loss(loss) for loss in losses)


def of_pages(pages: Iterable[Page]) -> Iterator[DocumentWarning]:
    """Yield a warning for each page that was not read."""
    for page in pages:
        if page.problem:
            code, message, hint = _OF_PAGES[page.problem]
            if hint == NO_OCR and page.place.kind != "page":
                hint = _PICTURES
            yield DocumentWarning(code, (page.place,), message, hint)


def _of_loss(loss: Loss) -> DocumentWarning:
    places = (Locator(loss.kind, loss.number, loss.label),) if loss.kind else ()
    return DocumentWarning(loss.code, places, loss.message, _HINTS[loss.code])
