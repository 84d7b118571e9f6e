"""What is said of pages that were not read."""

from typing import get_args

import pytest

from kotaemon_async.documents.warnings import of_pages
from kotaemon_async.domain.model import Locator, Page, PageProblem


@pytest.mark.parametrize("problem", [one for one in get_args(PageProblem) if one])
def test_every_problem_of_a_page_has_its_own_sentence_and_what_to_do(problem: PageProblem) -> None:
    (warning,) = of_pages([Page(3, "", place=Locator("page", 3), problem=problem), Page(4, "Text.")])
    others = [one for one in get_args(PageProblem) if one not in ("", problem)]
    assert warning.message not in [next(of_pages([Page(1, "", problem=one)])).message for one in others]
    assert warning.hint and warning.places == (Locator("page", 3),)


def test_a_picture_that_nobody_can_draw_is_no_reason_to_install_anything() -> None:
    slide, page = (
        next(of_pages([Page(1, "", place=Locator(kind, 1), problem="no_text")])) for kind in ("slide", "page")
    )
    assert "make run" in page.hint and "make run" not in slide.hint
