"""The files for the proxies: they say the same, and name settings that there are."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kotaemon_async.app.settings import PREFIX
from kotaemon_async.app.settings_table import leaves
from kotaemon_async.http.settings import HttpSettings
from tests.support.vocabulary import CONFIG

FILES = {name: (CONFIG / name).read_text("utf8") for name in ("nginx.conf", "Caddyfile")}


@pytest.mark.parametrize("text", FILES.values(), ids=list(FILES))
def test_the_settings_that_a_proxy_needs_are_told_by_their_names(text: str) -> None:
    named = set(re.findall(rf"{PREFIX}(\w+)=", text))
    assert named == {"HTTP__ALLOWED_HOSTS", "HTTP__TRUSTED_PROXIES", "HTTP__BASE_PATH"}
    assert named <= {dotted.upper().replace(".", "__") for dotted, _ in leaves()}


@pytest.mark.parametrize("text", FILES.values(), ids=list(FILES))
def test_a_proxy_takes_larger_bodies_than_the_service_and_clears_what_callers_claim(text: str) -> None:
    [megabytes] = re.findall(r"(?:client_max_body_size|max_size) (\d+)(?:m;|MB)", text)
    assert int(megabytes) * 1000**2 > HttpSettings().max_upload_bytes
    for header in ("Forwarded", "Remote-User", "Remote-Groups"):
        assert re.search(rf'^\s*(?:header_up -{header}|proxy_set_header {header} +"";)$', text, re.MULTILINE)


def test_caddy_takes_its_file(tmp_path: Path) -> None:
    caddy = shutil.which("caddy")
    assert caddy, "caddy is missing; run: apt-get install caddy"
    check = [caddy, "validate", "--adapter", "caddyfile", "--config", str(CONFIG / "Caddyfile")]
    env = os.environ | {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    done = subprocess.run(check, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
