"""Zip packages of a few strings: office files and books as their readers meet them."""

import io
import zipfile
from collections.abc import Mapping

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def package(parts: Mapping[str, str | bytes], *, stored: bool = False) -> bytes:
    """Return a zip file of the parts, in their order."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def relationships(*entries: tuple[str, str, str], external: str = "") -> str:
    """Return a part of relationships (id, kind, target); those whose id is in `external` lead outside."""
    outside = ' TargetMode="External"'
    lines = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"'
        f"{outside if key in external.split() else ''}/>"
        for key, kind, target in entries
    )
    return f'<Relationships xmlns="{_PACKAGE}">{lines}</Relationships>'


def beginnings(data: bytes, step: int) -> list[bytes]:
    """Return the file cut off at every `step`-th byte."""
    return [data[:end] for end in range(0, len(data), step)]
