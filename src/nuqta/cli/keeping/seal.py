"""Seals: sealing now, the key by which others check them, and older books that are meant."""

from nuqta.cli.frame import Frame, command, commands

app = commands("The seals of the books, and the signed heads outside them.", "seal")


@command(app, "now")
def now(frame: Frame) -> None:
    """Seal everything that was booked until now; the worker does the same all the time."""
    from nuqta.engine.sealing.heads import line_of

    with frame.open() as engine:
        sealed = engine.sealer.all()
    heads = [line_of(head) for head in sealed.heads]
    value = {
        "transfers": sealed.lines,
        "heads": [{"store": one.store, "head": one.head, "root": one.root} for one in heads],
    }
    lines: list[str | dict[str, object]] = [
        "The books are sealed." if heads else "Everything was sealed already."
    ]
    lines += [{"store": one.store, "head": one.head, "root": one.root} for one in heads]
    frame.answer(value, lines)


@command(app, "key")
def key(frame: Frame) -> None:
    """Show the public key by which anybody can check the heads; keep a copy of it elsewhere."""
    with frame.open(past_gates=True) as engine:
        shown = engine.sealer.public_key.hex()
    frame.answer({"public_key": shown}, [{"public key": shown}])


@command(app, "accept")
def accept(frame: Frame) -> None:
    """Say that books which are older than what was sealed, or others, are meant."""
    from nuqta.engine.sealing.heads import accept_heads

    with frame.open(past_gates=True) as engine:
        reader, clock = engine.vault.reader(), engine.clock
        given_up = accept_heads(reader, engine.sealer.file, clock.now())
    lines: list[str | dict[str, object]] = ["These books are the ones that count from now on."]
    if not given_up:
        lines = ["Nothing was to be accepted: the books know every head."]
    frame.answer({"given_up": given_up}, [*lines, *given_up])
