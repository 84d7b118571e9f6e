"""Which hosts, origins and paths the settings take."""

import pytest
from pydantic import ValidationError

from kotaemon_async.http.settings import HttpSettings


@pytest.mark.parametrize(("given", "kept"), [("/docs", "/docs"), ("/a/b.c/", "/a/b.c"), ("/", ""), ("", "")])
def test_a_base_path_has_no_slash_at_its_end(given: str, kept: str) -> None:
    assert HttpSettings(base_path=given).base_path == kept


@pytest.mark.parametrize(
    "given", ["docs", "//docs", "/a//b", "/a/../b", "/a?b", "/a b", "/ä", "/api", "/web/x"]
)
def test_what_is_no_path_or_our_own_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="base_path"):
        HttpSettings(base_path=given)


@pytest.mark.parametrize(
    "given", ["a.example:80", "https://a.example", "a.*", "*.*.example", "a b", "", "*a"]
)
def test_a_host_is_a_name_without_scheme_and_port(given: str) -> None:
    with pytest.raises(ValidationError, match="allowed_hosts"):
        HttpSettings(allowed_hosts=(given,))


@pytest.mark.parametrize("given", ["a.example", "https://", "https://a.example/", "https://*.a", "null", ""])
def test_an_origin_is_scheme_and_host(given: str) -> None:
    with pytest.raises(ValidationError, match="allowed_origins"):
        HttpSettings(allowed_origins=(given,))
