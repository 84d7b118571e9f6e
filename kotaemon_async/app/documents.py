"""Puts together what takes documents in, follows folders, and draws and reads pages."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from kotaemon_async.app.opening import Opened, Opening
from kotaemon_async.app.search import wanted_model
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.drawing import Drawing
from kotaemon_async.documents.folders.watching import FolderWatch
from kotaemon_async.documents.ingest import Ingest
from kotaemon_async.documents.library import Library
from kotaemon_async.documents.page_images import PageImages
from kotaemon_async.documents.parsing.libreoffice import LibreOffice, program_of
from kotaemon_async.documents.quota import Quota
from kotaemon_async.documents.reading import Reading
from kotaemon_async.domain.callers import EVERYBODY, SERVICE
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.http.identity import Identities
from kotaemon_async.resilience.admission import Admission, Queue
from kotaemon_async.search.model_change import ModelChange


@dataclass(frozen=True, slots=True)
class DocumentParts:
    """What is done with documents, from the file to the picture of a page."""

    library: Library
    ingest: Ingest
    admission: Admission
    folders: FolderWatch
    model_change: ModelChange
    page_images: PageImages
    reading: Reading


def documents_over(
    settings: Settings, opened: Opened, opening: Opening, work_changed: Callable[[], None]
) -> DocumentParts:
    """Make the parts; `work_changed` is called whenever there is something to do, or less of it."""
    library, admission = _library(settings, opened, work_changed), _admission(settings, opened)
    ingest = _ingest(settings, opened, library, work_changed)
    drawing = _drawing(settings, opened)
    images = PageImages(opened.ledger.access, opened.ledger.answers, drawing)
    return DocumentParts(
        library=library,
        ingest=ingest,
        admission=admission,
        folders=opening.keep(_folders(settings, opened, library, admission)),
        model_change=opening.keep(_model_change(opened, ingest)),
        page_images=images,
        reading=_reading(opened, images, drawing),
    )


def _library(settings: Settings, opened: Opened, enqueue: Callable[[], None]) -> Library:
    return Library(
        opened.ledger,
        opened.blobs,
        enqueue=enqueue,
        clock=time.time,
        max_attempts=settings.ingest.max_attempts,
        shortage=opened.capacity.shortage,
        quota=Quota(settings.limits.documents_per_user, settings.limits.bytes_per_user),
    )


def _admission(settings: Settings, opened: Opened) -> Admission:
    return Admission(
        settings.http.max_concurrent_uploads,
        capacity=opened.capacity.disk,
        may_start=opened.capacity.memory.may_start,
        queue=Queue(opened.ledger.documents.queued, settings.ingest.max_queued),
        wait_s=settings.http.upload_wait_s,
    )


def _ingest(settings: Settings, opened: Opened, library: Library, on_step: Callable[[], None]) -> Ingest:
    return Ingest(
        opened.ledger,
        opened.blobs,
        opened.parsers,
        opened.spaces.embedder,
        library=library,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        on_step=on_step,
        commits=opened.spaces.commits,
        may_work=opened.capacity.disk.may_work,
        may_start=opened.capacity.may_start,
        settings=settings.ingest,
        recognition=opened.recognition,
    )


def _folders(settings: Settings, opened: Opened, library: Library, admission: Admission) -> FolderWatch:
    data_dir, identities = settings.data_dir.resolve(), Identities(settings.http, opened.keys)
    for one in settings.library.watch:
        if one.path.resolve().is_relative_to(data_dir):
            raise Misconfigured(
                f"library.watch: {one.path} lies in data_dir, whose files are the service's own."
            )
    return FolderWatch(
        opened.ledger,
        library,
        admission,
        settings=settings.library,
        max_bytes=settings.http.max_upload_bytes,
        data_dir=settings.data_dir.absolute(),
        # Where no key is asked for everybody may read what lies there, else those whom an admin lets.
        caller=lambda: EVERYBODY if identities.mode == "open" else SERVICE,
    )


def _model_change(opened: Opened, ingest: Ingest) -> ModelChange:
    return ModelChange(
        opened.ledger.models,
        opened.spaces,
        opened.search,
        wanted=wanted_model(opened.search),
        shortage=opened.capacity.shortage,
        is_busy=lambda: ingest.active > 0,
    )


def _drawing(settings: Settings, opened: Opened) -> Drawing:
    return Drawing(opened.ledger.documents, opened.blobs.path, opened.page_renderer, _office(settings))


def _reading(opened: Opened, images: PageImages, drawing: Drawing) -> Reading:
    ledger = opened.ledger
    return Reading(ledger.access, ledger.documents, ledger.reading, images, drawing)


def _office(settings: Settings) -> LibreOffice | None:
    """Return what draws pages of office files as they are printed, where it is installed."""
    program = program_of(settings.parser.libreoffice)
    folder = settings.data_dir.absolute() / "cache" / "office"
    return LibreOffice(program, folder, settings.parser) if program else None
