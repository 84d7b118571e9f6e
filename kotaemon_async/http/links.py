"""The language models over HTTP: in order, how each is, and a small question to try one."""

from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kotaemon_async.answers.links import Link, Trial
from kotaemon_async.answers.llm.guarded import ProviderStatus
from kotaemon_async.domain.errors import CODES
from kotaemon_async.domain.model import Failure, ServedBy
from kotaemon_async.http.audit import audited
from kotaemon_async.http.auth import ADMIN, ASK
from kotaemon_async.http.dependencies import GivenCaller, GivenServices
from kotaemon_async.http.problems import responses

_PATH: Final = "/api/v1/links"


class LinkBody(msgspec.Struct, frozen=True):
    """A language model: its name, what it is called where it runs, and how it is.

    With a `code` it is not well: `retry_in_s` is the time until questions go to it again, `message` is what
    it said, for admins.
    """

    name: str
    model: str
    served_by: ServedBy
    state: ProviderStatus
    code: str | None
    message: str | None
    retry_in_s: float
    last_success_age_s: float | None


class LinkList(msgspec.Struct, frozen=True):
    """The models in the order in which they are asked; without any, answers are sentences of documents."""

    links: list[LinkBody]


class TrialBody(msgspec.Struct, frozen=True):
    """How long it took, and how the reply begins or why there was none."""

    ok: bool
    seconds: float
    text: str | None
    error: Failure | None


@get(_PATH, opt=ASK, responses=responses(), summary="List the language models")
async def list_links(services: GivenServices, caller: GivenCaller) -> LinkList:
    """Return which models answer, and how each is; nobody is asked for it."""
    return LinkList([_body(one, details=caller.is_admin) for one in services.links.listed()])


@post(
    _PATH + "/{link_name:str}/try",
    opt=ADMIN | audited("links.try", object="link_name"),
    status_code=200,
    responses=responses("bad_request", "not_found"),
    summary="Try a language model",
)
async def try_link(
    services: GivenServices, link_name: Annotated[FromPath[str], msgspec.Meta(max_length=200)]
) -> TrialBody:
    """Ask the model a small question, even while questions are kept away from it.

    Where it answers, questions go to it again.
    """
    return _trial(await services.links.tried(link_name))


def _body(link: Link, *, details: bool) -> LinkBody:
    state = {**link.state, "message": link.state["message"] if details else None}
    return msgspec.convert(
        {"name": link.name, "model": link.model, "served_by": link.served_by, **state}, LinkBody
    )


def _trial(trial: Trial) -> TrialBody:
    error = trial.error
    failure = (
        error if error is None else Failure(error.code, error.message, error.hint or CODES[error.code][1])
    )
    return TrialBody(failure is None, trial.seconds, trial.text, failure)


HANDLERS: list[HTTPRouteHandler] = [list_links, try_link]
