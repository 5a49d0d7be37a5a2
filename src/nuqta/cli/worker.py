"""`nuqta worker`: books what falls due and tells webhooks, until it is interrupted."""

import threading

import typer

from nuqta.cli.frame import Frame, command, warn_of_unknown_settings
from nuqta.cli.serve import told


def register(app: typer.Typer) -> None:
    """Put the command into the program."""
    command(app, "worker")(worker)


def worker(frame: Frame) -> None:
    """Book what falls due and tell webhooks, until it is interrupted.

    `nuqta serve` does the same beside serving; of several workers one works and the others wait.
    """
    from nuqta.seen import logs
    from nuqta.worker.loop import beside

    settings = frame.settings()
    warn_of_unknown_settings()
    with frame.open() as engine:  # what cannot be opened is a sentence here, not a log
        engine.check_seal_key()
    logs.begin(settings.log_lines_waiting)
    ready = f"nuqta works on {settings.db}; Ctrl+C ends it"
    with told(ready, "nuqta has stopped") as on_ready, beside(settings) as start:
        start()
        on_ready()
        threading.Event().wait()
