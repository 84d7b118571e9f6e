"""Answers for a person to read: scores a service on a pack, then prints 20 of its answers in each language.

`python -m tests.bench.reading PACK --suites NAMES URL` hands everything to the pack's score.py first. The
questions are chosen by a fixed seed; those whose documents the suites did not upload find nothing.
"""

import json
import random
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

SEED: Final = 2026
COUNT: Final = 20
#: The question sets of a pack, and the collection that each is asked in.
SETS: Final = {"qa_en": "en", "qa_zh": "zh", "qa_cross_zh2en": "en"}
_WIDTH: Final = 110


def chosen(
    questions: Sequence[Mapping[str, Any]], count: int = COUNT, seed: int = SEED
) -> list[Mapping[str, Any]]:
    """Return so many of the questions, the same ones each time."""
    return random.Random(seed).sample(questions, min(count, len(questions)))


def shown(question: Mapping[str, Any], reply: Mapping[str, Any]) -> str:
    """Return a question, its known answers, and what was replied, with the pages that are cited."""
    known = " | ".join(question["answers"])
    cited = ", ".join(
        f"[{one['marker']}] {one['document_name']} p. {one['page']}" for one in reply["citations"]
    )
    lines = [
        f"Q: {question['question']}",
        f"   known: {known}",
        f"   {reply['outcome']}: {reply['answer']}",
        f"   {cited}",
    ]
    return "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="      ") for line in lines)


def answers(pack: Path, url: str) -> Iterator[str]:
    """Yield each chosen question with the service's reply, under a line for its set."""
    with httpx.Client(base_url=url, timeout=60) as client:
        for name, collection in SETS.items():
            yield f"\n{COUNT} answers to {name}, seed {SEED}\n"
            lines = (pack / f"{name}.jsonl").read_text("utf-8").splitlines()
            for question in chosen([json.loads(line) for line in lines if line.strip()]):
                asked = {"question": question["question"], "collection": collection}
                yield shown(question, client.post("/api/v1/answers", json=asked).raise_for_status().json())


def main(arguments: Sequence[str]) -> int:
    """Score, print the answers, and return the exit code of the scoring."""
    pack, *options, url = arguments
    scored = subprocess.run([sys.executable, f"{pack}/score.py", pack, *options, "--url", url], check=False)
    for words in answers(Path(pack), url):
        sys.stdout.write(f"{words}\n")
    return scored.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
