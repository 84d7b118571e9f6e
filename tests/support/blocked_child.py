"""The real child of a language model, on a machine where the extra `local` is not installed."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

CHILD = Path(__file__).parents[2] / "kotaemon_async" / "answers" / "llm" / "local_child.py"


def main() -> int:
    """Runs it without onnxruntime-genai."""
    sys.modules["onnxruntime_genai"] = None  # type: ignore[assignment]  # an import of it fails from now on
    spec = importlib.util.spec_from_file_location("real_child", CHILD)
    assert spec is not None and spec.loader is not None
    child: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(child)
    return int(child.main())


if __name__ == "__main__":
    sys.exit(main())
