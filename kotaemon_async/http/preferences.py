"""Settings over HTTP, for admins: what was set where, what may be chosen here, folders and backups."""

from typing import Any, Final

import msgspec
from litestar import get, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from kotaemon_async.answers.settings import AnswerLanguage, AnswerLength
from kotaemon_async.domain.sections import SettingSource
from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.audit import audited, name_object
from kotaemon_async.http.auth import ADMIN
from kotaemon_async.http.dependencies import AnyRequest, Dependencies, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.http.sessions import GivenIdentities
from kotaemon_async.operations.backup.folder import Depth, KeptBackup
from kotaemon_async.operations.backup.schedule import BackupSchedule
from kotaemon_async.operations.preferences import CHOICES, GivenSetting

_PATH: Final = "/api/v1/settings"
_REFUSALS: Final = ("bad_request", "unauthorized", "forbidden", "ledger_unavailable")


class SettingBody(msgspec.Struct, frozen=True):
    """A setting; `source` says what has set it, and `variable` names the one of the environment that would.

    `choices` are the values that may be chosen here; what the environment or the file sets has none.
    """

    value: str
    source: SettingSource
    variable: str
    choices: tuple[str, ...] = ()


class AnswerSettingsBody(msgspec.Struct, frozen=True):
    """How answers are where a question does not say it; an empty language is the question's."""

    length: SettingBody
    language: SettingBody


class TroubleBody(msgspec.Struct, frozen=True):
    """What is wrong."""

    code: str
    message: str


class NamedFiles(msgspec.Struct, frozen=True):
    """How many files there are, and of the first ones by path, why."""

    count: int
    files: dict[str, str]


class FolderBody(msgspec.Struct, frozen=True):
    """A followed folder, as it was in the last look."""

    path: str
    collection: str
    files: int
    waiting: int
    last_scan_age_s: float | None = None
    refused: NamedFiles | None = None
    unreadable: NamedFiles | None = None
    waits_for: str | None = None
    problem: TroubleBody | None = None


class FoldersBody(msgspec.Struct, frozen=True):
    """The followed folders, and where they are set."""

    setting: SettingBody
    items: list[FolderBody]


class BackupTrial(msgspec.Struct, frozen=True):
    """That a backup was found good, when, and whether it was restored for it or its bytes were compared."""

    at: str
    depth: Depth


class BackupBody(msgspec.Struct, frozen=True):
    """A backup; without a trial it was not tried yet, unless it is known to be damaged."""

    name: str
    created_at: str
    size_bytes: int
    trial: BackupTrial | None
    is_damaged: bool


class BackupsBody(msgspec.Struct, frozen=True):
    """The backups, the newest first, where they lie, how often one is made, and what went wrong last."""

    path: str
    folder: SettingBody
    every_s: SettingBody
    keep_files: SettingBody
    verify: SettingBody
    items: list[BackupBody]
    problem: TroubleBody | None


class SettingsBody(msgspec.Struct, frozen=True):
    """What an admin should know of the settings, and may choose of them."""

    answers: AnswerSettingsBody
    sign_in: SettingBody
    links: SettingBody
    folders: FoldersBody
    backups: BackupsBody


class AnswerChoices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is chosen; null takes a choice back."""

    length: AnswerLength | msgspec.UnsetType | None = msgspec.UNSET
    language: AnswerLanguage | msgspec.UnsetType | None = msgspec.UNSET


class SettingsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change."""

    answers: AnswerChoices


@get(_PATH, opt=ADMIN, responses=responses(*_REFUSALS), summary="Get the settings")
async def get_settings(services: GivenServices, identities: GivenIdentities) -> SettingsBody:
    """Return what was set where, how the followed folders are, and the backups with their last trial."""
    return await _settings(services, identities.mode)


@put(
    _PATH,
    opt=ADMIN | audited("settings.change"),
    responses=responses(*_REFUSALS, "conflict"),
    summary="Choose settings",
)
async def put_settings(
    request: AnyRequest,
    data: JSONBody[SettingsChange],
    services: GivenServices,
    identities: GivenIdentities,
) -> SettingsBody:
    """Return the settings as they are now; 409 for one that the environment or the settings file sets."""
    chosen: dict[str, str | None] = {
        f"answers.{name}": value
        for name in AnswerChoices.__struct_fields__
        if (value := getattr(data.answers, name)) is not msgspec.UNSET
    }
    name_object(request, ", ".join(f"{name}={value}" for name, value in chosen.items()))
    await services.preferences.choose(chosen)
    return await _settings(services, identities.mode)


async def _settings(services: Dependencies, mode: str) -> SettingsBody:
    preferences = services.preferences
    now = {name: _setting(one, CHOICES[name]) for name, one in preferences.all().items()}
    told = {name: _setting(one) for name, one in preferences.told.items()}
    folders: Any = (await services.folders.check())["folders"]
    return SettingsBody(
        AnswerSettingsBody(now["answers.length"], now["answers.language"]),
        msgspec.structs.replace(told["http.auth"], value=mode),
        told["llm.links"],
        FoldersBody(told["library.watch"], msgspec.convert(folders, list[FolderBody])),
        await _backups(services.backups, told),
    )


async def _backups(backups: BackupSchedule, told: dict[str, SettingBody]) -> BackupsBody:
    items = [_backup(one, is_damaged=backups.is_damaged(one)) for one in await backups.refresh()]
    failure = backups.failure
    problem = None if failure is None else TroubleBody(failure.code, failure.message)
    names = ("folder", "every_s", "keep_files", "verify")
    settings = {name: told[f"backups.{name}"] for name in names}
    return BackupsBody(str(backups.folder), **settings, items=items, problem=problem)


def _backup(backup: KeptBackup, *, is_damaged: bool) -> BackupBody:
    found = backup.verified
    trial = None if found is None else BackupTrial(iso_time(found.at.timestamp(), "seconds"), found.depth)
    made = iso_time(backup.created_at_s, "seconds")
    return BackupBody(backup.path.name, made, backup.size_bytes, trial, is_damaged)


def _setting(given: GivenSetting, choices: frozenset[str] = frozenset()) -> SettingBody:
    is_free = given.source in ("page", "default")
    return SettingBody(given.value, given.source, given.variable, tuple(sorted(choices)) if is_free else ())


_LIST: Final = SettingBody("", "environment", "KOTAEMON_LIBRARY__WATCH")
EXAMPLE: Final = SettingsBody(
    AnswerSettingsBody(
        SettingBody("normal", "default", "KOTAEMON_ANSWERS__LENGTH", ("long", "normal", "short")),
        SettingBody("en", "file", "KOTAEMON_ANSWERS__LANGUAGE"),
    ),
    SettingBody("keys", "default", "KOTAEMON_HTTP__AUTH"),
    SettingBody("", "default", "KOTAEMON_LLM__LINKS"),
    FoldersBody(_LIST, [FolderBody("/srv/scans", "scans", 120, 2, last_scan_age_s=3.0)]),
    BackupsBody(
        "/srv/backups",
        SettingBody("/srv/backups", "file", "KOTAEMON_BACKUPS__FOLDER"),
        SettingBody("86400.0", "default", "KOTAEMON_BACKUPS__EVERY_S"),
        SettingBody("3", "default", "KOTAEMON_BACKUPS__KEEP_FILES"),
        SettingBody("restore", "default", "KOTAEMON_BACKUPS__VERIFY"),
        [
            BackupBody(
                "kotaemon-20260726T080000Z.tar",
                "2026-07-26T08:00:00Z",
                52_428_800,
                BackupTrial("2026-07-26T08:04:10Z", "restored"),
                is_damaged=False,
            )
        ],
        None,
    ),
)
HANDLERS: list[HTTPRouteHandler] = [get_settings, put_settings]
