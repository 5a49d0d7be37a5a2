"""Tables as text: columns side by side, and figures with what was aimed at."""

from collections.abc import Iterable, Sequence
from statistics import median


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: its first column to the left, the others to the right."""
    lines = [columns, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    print(f"\n{title}")
    for number, line in enumerate(lines):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  " + "  ".join(cells).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def told(text: str) -> None:
    """Print one line below a table."""
    print(f"  {text}", flush=True)


def aim(what: str, wanted: str, found: str) -> None:
    """Print a figure beside what was aimed at. Nothing is judged here: read it."""
    told(f"{what}: aim {wanted}: {found}")


def paired(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of what was measured side by side."""
    return median([one / other for one, other in zip(ours, theirs, strict=True)])


def quantile(values: Sequence[int], share: float) -> float:
    """The value below which that share of the sorted values lies."""
    return values[min(len(values) - 1, int(len(values) * share))]
