"""docs/reliability.md, written from what a full campaign saw: `python -m tests.torture.report`.

A fault whose least count was not reached is named as missed, and ends the command with 1.
"""

import os
import platform
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import apsw
import msgspec

from tests.torture.campaign import FULL, Seen
from tests.torture.faults import FAULTS, Fault

_PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_MARK: Final = "<!-- written by `make torture` from here on -->"


def main() -> int:
    """Write the page; 1 where something was missed."""
    seen: dict[str, list[Seen]] = defaultdict(list)
    for file in sorted(Path(os.environ[FULL]).glob("*.json")):
        one = msgspec.json.decode(file.read_bytes(), type=Seen)
        seen[one.fault].append(one)
    missed = [name for name, fault in FAULTS.items() if _count(seen[name], fault) < fault.least]
    head = _PAGE.read_text(encoding="utf-8").split(_MARK)[0]
    _PAGE.write_text(head + _MARK + "\n\n" + _body(seen), encoding="utf-8")
    for name in missed:
        print(f"missed: {FAULTS[name].sentence}", file=sys.stderr)  # noqa: T201
    return 1 if missed else 0


def _count(seen: list[Seen], fault: Fault) -> int:
    return sum(one.counts.get(fault.unit, 0) for one in seen)


def _body(seen: dict[str, list[Seen]]) -> str:
    where = f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}"
    lines = [
        f"Last run on {platform.system()} {platform.machine()}, {os.cpu_count()} cores, {where}.",
        "", "| fault | at least | done | what held |", "|---|---|---|---|",
    ]  # fmt: skip
    for name, fault in FAULTS.items():
        totals: Counter[str] = Counter()
        for one in seen[name]:
            totals.update(one.counts)
        done = ", ".join(f"{times:,} {unit}" for unit, times in totals.items()) or "**missed**"
        lines.append(
            f"| {fault.sentence} | {fault.least:,} {fault.unit} | {done} | {fault.holds} |"
        )
    lines += ["", "Controls: the same test without the guard, which must fail.", ""]
    lines += ["| guard taken out | what the test then found |", "|---|---|"]
    for name in FAULTS:
        lines += [f"| {guard} | {found} |" for one in seen[name] for guard, found in one.controls]
    lines += [
        "",
        "Tests and seeds (`NUQTA_SEED` plays one again):",
        "",
        "| test | seed |",
        "|---|---|",
    ]
    lines += [f"| `{one.test}` | {one.seed} |" for name in FAULTS for one in seen[name]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
