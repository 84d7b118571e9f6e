"""The settings of the HTTP server."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, IPvAnyNetwork, StringConstraints

from kotaemon_async.domain.sections import SettingsSection, setting

_PATH: Final = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
#: What the service's own paths begin with: below one of these, both readings of a path would be right.
_OWN_PATHS: Final = frozenset({"api", "v1", "web", "schema", "metrics", "livez", "readyz", "healthz"})


def _checked_path(given: str) -> str:
    if not _PATH.fullmatch(given):
        raise ValueError("a path such as /docs is wanted")
    if given[1:].partition("/")[0] in _OWN_PATHS:
        raise ValueError("it begins as the service's own paths do")
    return given


BasePath = Annotated[
    str,
    BeforeValidator(lambda given: given.rstrip("/") if isinstance(given, str) else given),
    AfterValidator(_checked_path),
]
HostPattern = Annotated[
    str,
    StringConstraints(
        to_lower=True, pattern=r"^((\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|[0-9A-Fa-f.:]+|\*)$"
    ),
]
Origin = Annotated[
    str, StringConstraints(to_lower=True, pattern=r"^([A-Za-z][A-Za-z0-9+.-]*://[^/\s*]+|\*)$")
]
#: Who is asked who he is: nobody, everybody for a key, or a proxy that knows the user.
AuthMode = Literal["open", "keys", "proxy"]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]


class HttpSettings(SettingsSection):
    """The HTTP server."""

    host: str = setting("127.0.0.1", "Address to listen on.", min_length=1)
    port: int = setting(8000, "Port to listen on; 0 takes a free one.", ge=0, le=65535)
    max_upload_bytes: int = setting(100 * 1024**2, "Largest file that is accepted.", ge=1)
    max_concurrent_uploads: int = setting(8, "Uploads at once; further ones get 429.", ge=1)
    upload_wait_s: float = setting(
        1.0, "How long an upload waits for a slot before it gets 429.", ge=0, le=60
    )
    max_connections: int = setting(
        0, "Connections at once; 0 takes as many as there are descriptors for, less a quarter.", ge=0
    )
    max_streams_per_caller: int = setting(
        32, "Event streams at once of one user; further ones get 429.", ge=1
    )
    max_upload_s: float = setting(3600.0, "Time that one upload may take to arrive.", gt=0)
    max_name_length: int = setting(255, "Longest file name, in characters.", ge=8, le=1000)
    drain_s: float = setting(20.0, "Time that streams and jobs get to finish after SIGTERM.", ge=0)
    auth: AuthMode | Literal[""] = setting(
        "",
        "Who callers are: open asks nobody and listens on a loopback address only, keys asks for a "
        "key, proxy takes the user from user_header. Unset it is open until there was a key, then keys.",
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = setting(
        (), "Addresses and networks of proxies whose X-Forwarded-* headers are believed; of others never."
    )
    base_path: BasePath = setting(
        "", "Path below which a proxy shows the service, such as /docs; whether it strips it or not."
    )
    allowed_hosts: tuple[HostPattern, ...] = setting(
        (),
        "Names, *.example.com too, that requests may call the service by beside its addresses and the "
        "machine's own name. * takes any, even of a web page that turned its name to this address.",
    )
    allowed_origins: tuple[Origin, ...] = setting(
        (),
        "Origins of web pages elsewhere that may use the service, such as https://portal.example.com. "
        "* allows any page that brings a key itself.",
    )
    user_header: HeaderName = setting(
        "Remote-User", "With auth proxy: the header of a trusted proxy that names the user."
    )
    groups_header: HeaderName = setting(
        "Remote-Groups", "With auth proxy: the header that names the user's groups, between commas or |."
    )
    admins: tuple[str, ...] = setting(
        (), "With auth proxy: users who look after the service, and groups of them as @group."
    )


class LimitSettings(SettingsSection):
    """What one user may take, where callers are known; 0 sets no limit."""

    requests_per_minute: int = setting(6000, "Requests of one user, but for questions.", ge=0)
    questions_per_minute: int = setting(1_200, "Questions of one user, asked of the service itself.", ge=0)
    documents_per_user: int = setting(0, "Documents in all collections of one user.", ge=0)
    bytes_per_user: int = setting(0, "Size of all documents in the collections of one user.", ge=0)
