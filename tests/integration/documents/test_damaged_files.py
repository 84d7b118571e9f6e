"""Damaged files of every kind end in pages or in a code, soon, and never take a child with them."""

from pathlib import Path

import pytest

from tests.fuzz.run import fuzz
from tests.support.samples import own

LONGEST_S = 30.0


# So many that files of each kind are read in spite of their damage.
@pytest.mark.parametrize("files", [130, pytest.param(400, marks=pytest.mark.long)])
async def test_damaged_files_end_soon_in_pages_or_in_a_code(files: int, tmp_path: Path) -> None:
    findings = await fuzz(own(), tmp_path, seed=2026, enough=lambda found: found.files >= files)
    assert findings.faults == []
    assert findings.slowest_s < LONGEST_S
    assert {kind for kind, end in findings.ends if end == "read"} == {Path(name).suffix for name in own()}
