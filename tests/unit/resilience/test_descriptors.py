"""The soft limit of descriptors is raised as far as the hard one allows."""

import json
import subprocess
import sys

import pytest

_CODE = """
import json, resource, sys
soft, hard, most = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from kotaemon_async.resilience.descriptors import raise_limit
print(json.dumps([raise_limit(most), *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "most", "found"),
    [
        (256, 1024, 65_536, [1024, 1024, 1024]),
        (256, 1024, 512, [512, 512, 1024]),
        (512, 512, 100, [100, 512, 512]),
    ],
)
def test_the_limit_is_raised_but_not_beyond_what_is_sane(
    soft: int, hard: int, most: int, found: list[int]
) -> None:
    command = [sys.executable, "-c", _CODE, str(soft), str(hard), str(most)]
    assert json.loads(subprocess.run(command, check=True, capture_output=True).stdout) == found
