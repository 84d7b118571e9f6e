"""What people think of their answers, over HTTP: told by those who asked, listed for an admin."""

from typing import Annotated, Final

import msgspec
from litestar import delete, get, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from kotaemon_async.domain.model import Outcome, ServedBy, Vote
from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.auth import ADMIN
from kotaemon_async.http.bodies import AnswerBody, answer_body
from kotaemon_async.http.dependencies import Cursor, GivenCaller, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.stores.feedback import Feedback

PATH: Final = "/api/v1/feedback"
_OF_ONE: Final = "/api/v1/answers/{answer_id:str}/feedback"


class FeedbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody thinks of an answer: `reason` is a word for it, `comment` his own words."""

    verdict: Vote
    reason: Annotated[str, Meta(max_length=100)] = ""
    comment: Annotated[str, Meta(max_length=2_000)] = ""


class FeedbackBody(msgspec.Struct, frozen=True):
    """What the user thinks of an answer, since when, and what was asked and answered."""

    answer_id: str
    verdict: Vote
    reason: str
    comment: str
    at: str
    user: str
    conversation_id: str | None
    question: str
    answer: str
    outcome: Outcome
    served_by: ServedBy
    link: str | None
    degraded: bool
    trace_id: str


class FeedbackList(msgspec.Struct, frozen=True):
    """One page of feedback, the latest first, and the cursor of the next one."""

    items: list[FeedbackBody]
    next_cursor: str | None


@put(
    _OF_ONE,
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Say what you think of an answer",
)
async def put_feedback(
    services: GivenServices,
    caller: GivenCaller,
    answer_id: FromPath[str],
    data: JSONBody[FeedbackRequest],
) -> AnswerBody:
    """Keep the verdict with the answer, in the place of an earlier one, and return the answer."""
    turn = await services.answer_history.judge(
        caller, answer_id, data.verdict, data.reason.strip(), data.comment.strip()
    )
    return answer_body(turn)


@delete(
    _OF_ONE,
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Take back what you think of an answer",
)
async def delete_feedback(services: GivenServices, caller: GivenCaller, answer_id: FromPath[str]) -> None:
    """Forget the verdict on the answer."""
    await services.answer_history.forget_judgement(caller, answer_id)


@get(
    PATH,
    opt=ADMIN,
    responses=responses("bad_request", "unauthorized", "forbidden", "ledger_unavailable"),
    summary="What people think of their answers",
)
async def list_feedback(
    services: GivenServices,
    verdict: FromQuery[Vote | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> FeedbackList:
    """Return one page of everybody's, the latest first, or only good or bad ones."""
    found, following = await services.answer_history.judgements(verdict=verdict, limit=limit, cursor=cursor)
    return FeedbackList([_body(one) for one in found], following)


def _body(one: Feedback) -> FeedbackBody:
    answer, opinion = one.answer, one.opinion
    return FeedbackBody(
        answer_id=answer.id,
        verdict=opinion.verdict,
        reason=opinion.reason,
        comment=opinion.comment,
        at=iso_time(opinion.at_s),
        user=one.user,
        conversation_id=one.conversation_id,
        question=answer.question,
        answer=answer.answer,
        outcome=answer.outcome,
        served_by=answer.served_by,
        link=answer.link,
        degraded=answer.degraded,
        trace_id=answer.trace_id,
    )


HANDLERS: list[HTTPRouteHandler] = [put_feedback, delete_feedback, list_feedback]
