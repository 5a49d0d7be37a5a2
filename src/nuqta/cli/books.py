"""What concerns the books as a whole: making them, sweeping, auditing, the clock, the settings."""

import os
from typing import Annotated

import msgspec
import typer

from nuqta.cli.frame import (
    Frame,
    Misused,
    command,
    commands,
    complain,
    find_store,
    show,
    warn_of_unknown_settings,
    write_json,
)
from nuqta.settings import Setting

_SHOWN_MAX = 20

clock = commands("The clock that stamps the books.", "clock")


def register(app: typer.Typer) -> None:
    """Put the commands that have no noun of their own into the program."""
    command(app, "init")(init)
    command(app, "sweep")(sweep)
    command(app, "audit")(audit)
    command(app, "settings")(settings)
    app.add_typer(clock)


def init(
    frame: Frame,
    new_key: Annotated[
        bool,
        typer.Option(
            "--new-key",
            help="Make anew whichever key was lost: without the key file every token is invalid"
            " then, without the seal key's a new one signs from now on.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Make the database and its key, or bring an old database up to date."""
    from nuqta.engine.access.tokens import key_file
    from nuqta.engine.engine import make
    from nuqta.engine.sealing.keys import seal_key_file
    from nuqta.storage.migrate import steps

    chosen = frame.settings()
    path = make(chosen, new_key=new_key)
    key = None if chosen.secret else str(key_file(path))
    seal_key = None if chosen.seal_key else str(seal_key_file(path))
    value = {"db": chosen.db, "schema": len(steps()), "key": key, "seal_key": seal_key}
    lines: list[str | dict[str, object]] = ["The books are ready."]
    shown = {
        "db": chosen.db,
        "schema": len(steps()),
        "key": key or "(in NUQTA_SECRET)",
        "seal key": seal_key or "(in NUQTA_SEAL_KEY)",
    }
    lines.append(shown)
    if key is not None:
        lines.append("Keep a copy of the key file: without it every token must be made anew.")
    if seal_key is not None:
        lines.append(
            "Keep one of the seal key's file too, and what `nuqta seal key` shows, elsewhere."
        )
    frame.answer(value, lines)


def sweep(frame: Frame) -> None:
    """Book what has fallen due: maturities, expiries, and holds whose time is over. Balances
    are right without it."""
    from nuqta.worker.sweep import sweep as sweep_all

    with frame.open() as engine:
        accounts, transfers = sweep_all(engine)
    value = {"accounts": accounts, "transfers": transfers}
    frame.answer(value, ["What was due is booked." if transfers else "Nothing was due.", value])


def audit(
    frame: Frame,
    store: Annotated[
        str | None, typer.Option(metavar="ID", help="One store's id or UUID; else all.")
    ] = None,
    in_full: Annotated[
        bool,
        typer.Option(
            "--full", help="Compute every seal and signed head again, too.", show_default=False
        ),
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="With --full: the public key that must have signed."),
    ] = None,
) -> None:
    """Check every account against what always holds; exit 1 where something does not."""
    from nuqta.engine.reading.audit import audit as audit_all

    with frame.open(past_gates=True) as engine:
        chosen = None if store is None else find_store(engine.vault.reader(), store).store_id
        report = audit_all(engine, chosen, in_full=in_full, key=_public_key(key, in_full))
    counted: dict[str, object] = {"accounts": report.accounts, "transfers": report.transfers}
    if report.roots is not None:
        counted |= {"sealed": report.sealed, "not sealed yet": report.unsealed}
        counted |= {f"root of {store}": root or "(none)" for store, root in report.roots.items()}
    notes = [
        f"The file of heads knows nothing of store {store}: an older copy could not be told."
        for store in report.unknown_to_file or []
    ]
    if frame.is_json:
        told = msgspec.to_builtins(report)
        write_json({name: value for name, value in told.items() if value is not None})
    elif report.ok:
        show(["The books are in order.", counted, *notes])
    else:
        show(["The books are NOT in order.", counted, *report.violations[:_SHOWN_MAX], *notes])
    if not report.ok:
        count = len(report.violations)
        words = "violation" if count == 1 else "violations"
        raise typer.Exit(complain(f"the audit found {count:,} {words}", 1))


def _public_key(text: str | None, in_full: bool) -> bytes | None:
    if text is None:
        return None
    if not in_full:
        raise Misused("--key goes with --full")
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise Misused("--key takes the 64 hex digits that `nuqta seal key` shows")
    return found


def settings(frame: Frame) -> None:
    """List every setting: its name in the environment, its value now, and what it means."""
    from nuqta.settings import TABLE

    chosen = frame.settings()
    warn_of_unknown_settings()
    rows = [
        {
            "name": f"NUQTA_{row.name}",
            "value": _shown(row, getattr(chosen, row.name.lower())),
            "default": row.default,
            "is_set": _is_set(f"NUQTA_{row.name}"),
            "sentence": row.sentence,
        }
        for row in TABLE
    ]
    lines: list[str | dict[str, object]] = []
    for row in rows:
        lines.append(f"{row['name']} = {'(empty)' if row['value'] == '' else row['value']}")
        lines.append({"": row["sentence"]})
    frame.answer(rows, lines)


@command(clock, "accept")
def accept(frame: Frame) -> None:
    """Say that the clock is right: servers that stopped writing go on, and the start gate opens."""
    from nuqta.engine.door import accept_clock
    from nuqta.loyalty.dates import format_instant

    with frame.open(past_gates=True) as engine:
        now = engine.clock.now()
        engine.door.write_now("accept clock", lambda tx: accept_clock(tx, now))
    value = {"accepted_at": format_instant(now)}
    frame.answer(value, ["The clock is accepted.", value])


def _is_set(name: str) -> bool:
    """Whether the environment sets it; an empty NUQTA_DB is as good as none."""
    text = os.environ.get(name)
    return text is not None and (name != "NUQTA_DB" or bool(text.strip()))


def _shown(row: Setting, value: object) -> object:
    """A setting's value; secrets and addresses that may hold a password are not shown."""
    return "(set, not shown)" if row.is_secret and value else value
