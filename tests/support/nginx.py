"""Debian's nginx with the file that config/ ships, on ports of its own, and a certificate that is renewed."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Final, Self

from kotaemon_async.cli.throwaway import free_port

SHIPPED: Final = Path(__file__).parents[2] / "config" / "nginx.conf"
_READY_S: Final = 10.0
_MAIN: Final = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/replies;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/site.conf;
}}
"""


class Nginx:
    """nginx in front of the service on `port`, below `path` of https://localhost."""

    def __init__(self, folder: Path, port: int, path: str = "/") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.tls_port, self.plain_port = free_port(), free_port()
        self.path = path
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))
        (folder / "site.conf").write_text(self._site(port))

    @property
    def url(self) -> str:
        return f"https://localhost:{self.tls_port}{self.path.rstrip('/')}"

    def _site(self, port: int) -> str:
        """Return the shipped file with the ports and paths of this machine."""
        site, last = SHIPPED.read_text("utf8"), "    location / {\n        proxy_pass"
        assert site.count(last) == 1
        for pattern, instead in (
            (re.escape(last), last.replace("/ {", f"{self.path} {{")),
            (r"listen \[::\].*", ""),
            (r"listen 443", f"listen 127.0.0.1:{self.tls_port}"),
            (r"listen 80", f"listen 127.0.0.1:{self.plain_port}"),
            (r"docs\.example\.com", "localhost"),
            (r"127\.0\.0\.1:8000", f"127.0.0.1:{port}"),
            (r"/etc/ssl/kotaemon", str(self._folder)),
        ):
            site, count = re.subn(pattern, instead, site)
            assert count, pattern
        return site

    def renew(self) -> str:
        """Write a new certificate, as a renewal does; return its serial number."""
        key, chain = (str(self._folder / name) for name in ("privkey.pem", "fullchain.pem"))
        named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", chain, *named)
        return _openssl("x509", "-in", chain, "-noout", "-serial").removeprefix("serial=")

    def trust(self) -> ssl.SSLContext:
        """Return what takes the certificate on the disk and no other."""
        return ssl.create_default_context(cafile=str(self._folder / "fullchain.pem"))

    def shown_serial(self) -> str:
        """Return the serial number of the certificate that a new connection gets."""
        anything = ssl.create_default_context()
        anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.tls_port), _READY_S) as plain,
            anything.wrap_socket(plain, server_hostname="localhost") as wrapped,
        ):
            shown = wrapped.getpeercert(binary_form=True)
        assert shown is not None
        said = _openssl("x509", "-inform", "DER", "-noout", "-serial", given=shown)
        return said.removeprefix("serial=")

    def reload(self) -> None:
        """Read the settings and the certificate anew, as `systemctl reload nginx` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def __enter__(self) -> Self:
        self.renew()
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        given = [binary, "-e", "stderr", "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        with (self._folder / "nginx.log").open("wb") as log:
            self._process = subprocess.Popen(given, stderr=log)
        end_s = time.monotonic() + _READY_S
        while not self._listens():
            said = (self._folder / "nginx.log").read_text("utf8")
            assert self._process.poll() is None and time.monotonic() < end_s, said
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_READY_S)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.tls_port)) == 0


def _openssl(*words: str, given: bytes = b"") -> str:
    done = subprocess.run(["openssl", *words], input=given, check=True, capture_output=True)
    return done.stdout.decode().strip()
