"""A live list of steps on a terminal, plain lines elsewhere; one that fails says why and where to look."""

import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from include.local.home import SetUpFailed
from include.ports import Stop

LOG_LINES_SHOWN = 12

Say = Callable[[str], None]
"""Told, in a few words, what a step is doing or has done."""


class StepFailed(Exception):
    """A step failed and the person has been told; only the exit code is left to set."""


class Steps:
    """Runs steps one after the other and shows them. `crash_log` receives what nobody foresaw."""

    def __init__(self, *, crash_log: Path, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._crash_log = crash_log
        self._began = time.monotonic()

    @property
    def is_live(self) -> bool:
        """Whether a person watches on a terminal."""
        return self._console.is_terminal

    def tell(self, text: str) -> None:
        """A line of its own."""
        self._console.print(escape(text))

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """One step. An error in it is shown, with the last lines of its log, and becomes StepFailed."""
        began = time.monotonic()
        details = [""]
        show = self._live if self.is_live else self._plain
        try:
            with show(title, details) as say:
                yield say
        except StepFailed:
            raise
        except KeyboardInterrupt:
            self._end("[yellow]■[/]", title, "stopped", began)
            raise
        except Exception as problem:
            self._end("[red]✗[/]", title, "failed", began)
            self._explain(problem)
            raise StepFailed(title) from problem
        self._end("[green]✓[/]", title, details[0], began)

    @contextmanager
    def _live(self, title: str, details: list[str]) -> Iterator[Say]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(escape(title))

            def say(text: str) -> None:
                details[0] = text
                progress.update(task, description=f"{escape(title)}  [dim]{escape(text)}[/]")

            yield say

    @contextmanager
    def _plain(self, title: str, details: list[str]) -> Iterator[Say]:
        self._console.print(f"{self._elapsed()}   {escape(title)} ...")

        def say(text: str) -> None:
            if text != details[0]:
                details[0] = text
                self._console.print(f"{self._elapsed()}   {escape(title)}: {escape(text)}")

        yield say

    def _end(self, sign: str, title: str, detail: str, began: float) -> None:
        took = f"{time.monotonic() - began:.1f} s"
        words = f"  [dim]{escape(detail)}[/]" if detail else ""
        self._console.print(f"{self._elapsed()} {sign} {escape(title)}  {took}{words}")

    def _elapsed(self) -> str:
        return f"[dim]{time.monotonic() - self._began:6.1f} s[/]"

    def _explain(self, problem: Exception) -> None:
        log = problem.log if isinstance(problem, SetUpFailed) else None
        foreseen = isinstance(problem, SetUpFailed | Stop | OSError)
        words = str(problem) if foreseen else f"{type(problem).__name__}: {problem}"
        self._console.print(f"[red]{escape(words)}[/]")
        if log and log.exists():
            self._console.print(f"[dim]the last lines of {escape(str(log))}:[/]")
            for line in last_lines(log, LOG_LINES_SHOWN):
                self._console.print(f"[dim]  {escape(line)}[/]")
        if not foreseen:
            self._crash_log.write_text("".join(traceback.format_exception(problem)))
            self._console.print(
                f"This was not foreseen; please report it with {escape(str(self._crash_log))}"
            )


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a text file, whatever bytes are in it."""
    with path.open(errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=count)]
