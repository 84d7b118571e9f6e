"""Which module reads which kind of file; runs inside a parser child, also for a file within another one."""

import importlib
from typing import Any

from kotaemon_async.documents.parsing.child_problem import FileError

#: Media type -> the module beside this one whose `open_document` gives units, warnings and the charset.
READERS = {
    "application/msword": "office.child_doc",
    "application/pdf": "child_pdf",
    "application/rtf": "office.child_rtf",
    "application/vnd.ms-powerpoint": "office.child_ppt",
    "application/zip": "child_archive",
    "application/vnd.ms-outlook": "office.child_msg",
    "application/vnd.oasis.opendocument.presentation": "office.child_odf",
    "application/vnd.oasis.opendocument.spreadsheet": "office.child_odf",
    "application/vnd.oasis.opendocument.text": "office.child_odf",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "office.child_pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "office.child_xlsx",
    "application/epub+zip": "office.child_epub",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "office.child_docx",
    "application/vnd.ms-excel": "office.child_xls",
    "message/rfc822": "office.child_mail",
    "multipart/related": "office.child_mail",
    "image/bmp": "child_picture",
    "image/gif": "child_picture",
    "image/jpeg": "child_picture",
    "image/png": "child_picture",
    "image/tiff": "child_picture",
    "image/webp": "child_picture",
    "text/csv": "office.child_csv",
    "text/html": "child_text",
    "text/markdown": "child_text",
    "text/plain": "child_text",
}


def reader_of(media_type: str) -> Any:
    """Return the module that reads the kind, imported for its first file.

    Raises: FileError(unsupported_format).
    """
    if media_type not in READERS:
        raise FileError("unsupported_format", f"Files of the kind {media_type} are not read.")
    return importlib.import_module(f".{READERS[media_type]}", __package__)
