"""`nuqta key`: the key under which tokens are kept, and another in its place."""

from typing import Annotated

import typer

from nuqta.cli.frame import Frame, Refused, command, commands

app = commands("The key under which tokens are kept.", "key")


@command(app, "rotate")
def rotate(
    frame: Frame,
    ends_older: Annotated[
        bool,
        typer.Option(
            "--end-older",
            help="Go on although what was made under the oldest key ends at once.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Make new tokens under a new key. What was made under the former one stays good until the key
    is rotated again. Running servers take the new key up within a second."""
    from nuqta.engine.access import rotation
    from nuqta.engine.access.tokens import key_ids, rotate_key_file
    from nuqta.loyalty.dates import format_instant

    with frame.open() as engine:
        path, now = engine.vault.path, engine.clock.now()
        if engine.settings.secret:
            raise Refused(
                "the key is in NUQTA_SECRET: put a new one in front of it, with a comma between,"
                " leave out what stood behind it, and start all servers and workers again"
            )
        has_older = len(key_ids(path)) > 1
        reader = engine.vault.reader()
        older = rotation.made_before(reader, rotation.key_made_at(path), now) if has_older else None
        if older and older.counts and not ends_older:
            raise Refused(
                f"this would end what was made under the oldest key ({_told(older.counts)}): renew"
                " it first, or say --end-older"
            )
        former = rotation.made_before(reader, now, now)
        ids = [*rotate_key_file(path), None, None][:3]
    ends_at = format_instant(former.ends_at) if former.ends_at else None
    value = {"key": ids[0], "former": ids[1], "dropped": ids[2], "former_ends_at": ends_at}
    frame.answer(
        value,
        [
            f"New tokens are made under the key {ids[0]}.",
            {
                "the former key": ids[1],
                "made under it": _told(former.counts) or "nothing that is alive",
                "its tokens end by": ends_at,
                "dropped": ids[2],
                "": "Order pairs and applications' secrets do not end by themselves. Make new ones"
                " before the key is rotated again: `nuqta store webhook`, `nuqta partner oauth"
                " --new-secret`. One-time codes and sign-in pages that are under way end now.",
            },
        ],
    )


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())
