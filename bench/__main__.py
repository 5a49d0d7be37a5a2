"""`python -m bench [PART …] [--seconds N]`: measure this machine and print tables.

Nothing is judged and nothing fails because it is slow: each aim stands beside its figure.
"""

import argparse

from bench import books, door, imports, limits, reads, start
from bench.machine import sentence

PARTS = {
    "reads": reads.run,
    "limits": limits.run,
    "books": books.run,
    "door": door.run,
    "import": imports.run,
    "start": start.run,
}


def main() -> None:
    """Run the parts that were asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; none: all")
    parser.add_argument("--seconds", type=float, default=16, help="that each measurement takes")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}")
    print(sentence())
    for name, run in PARTS.items():
        if name in given.parts or not given.parts:
            run(given.seconds)


if __name__ == "__main__":
    main()
