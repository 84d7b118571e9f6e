"""Mails of a few lines, as programs write them, good and broken."""

import base64
from collections.abc import Sequence


def mail(body: str | bytes, *fields: str, subject: str = "The pump") -> bytes:
    """Return a mail with the fields of its head beside the usual ones."""
    head = ["From: Ada <ada@example.org>", "To: li@example.org", f"Subject: {subject}", *fields]
    head.append("Date: Mon, 02 Mar 2026 09:30:00 +0800")
    data = body if isinstance(body, bytes) else body.encode()
    return "\r\n".join([*head, "", ""]).encode() + data


def part(body: str | bytes, content_type: str, *fields: str) -> bytes:
    """Return a part of a mail."""
    data = body if isinstance(body, bytes) else body.encode()
    return "\r\n".join([f"Content-Type: {content_type}", *fields, "", ""]).encode() + data


def packed(body: bytes, content_type: str, *fields: str) -> bytes:
    """Return a part in base64."""
    return part(base64.encodebytes(body), content_type, "Content-Transfer-Encoding: base64", *fields)


def attached(body: bytes, name: str, content_type: str = "application/octet-stream") -> bytes:
    """Return an attachment."""
    return packed(body, content_type, f'Content-Disposition: attachment; filename="{name}"')


def multipart(kind: str, parts: Sequence[bytes], boundary: str = "EDGE") -> tuple[bytes, str]:
    """Return the body that holds the parts, and the field that says so."""
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), one) for one in parts)
    return body + b"--%s--\r\n" % boundary.encode(), f'Content-Type: multipart/{kind}; boundary="{boundary}"'


def mixed(*parts: bytes, kind: str = "mixed", subject: str = "The pump") -> bytes:
    """Return a mail of several parts."""
    return mail(*multipart(kind, parts), subject=subject)


def word(text: str, charset: str) -> str:
    """Return an encoded word."""
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="
