"""The examination of everything that is kept, asked for while the service runs."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from msgspec import Meta

from kotaemon_async.http.dependencies import GivenParts
from kotaemon_async.http.problems import responses
from kotaemon_async.operations.doctor.report import ReportBody, body_of


class DoctorRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to mend what differs and to read every file and page; of which `folder`, if that matters."""

    repair: bool = False
    deep: bool = False
    folder: Annotated[str, Meta(max_length=64)] = ""


@post(
    "/api/v1/doctor",
    status_code=200,
    responses=responses("bad_request", "not_found", "conflict", "ledger_unavailable"),
    summary="Compare ledger, files, keywords and vectors",
)
async def examine(data: JSONBody[DoctorRequest], parts: GivenParts) -> ReportBody:
    """What differs and what of it is left; takes seconds to minutes. 409 while another examination runs."""
    return body_of(await parts.doctor.run(repair=data.repair, deep=data.deep, name=data.folder))


HANDLERS: list[HTTPRouteHandler] = [examine]
