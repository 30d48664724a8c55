"""Runs tasks side by side in spawned processes; one that dies takes no other with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from perceiver_rl.interrupt import StopRequest

from .tasks import Task
from .worker import Done, Failed, Message, work

WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Running:
    task: Task
    process: SpawnProcess


def run_tasks(
    tasks: Sequence[Task],
    workers: int,
    stop: StopRequest,
    listen: Callable[[Task, Message], None],
    target: Callable[[Task, Connection], None] = work,
) -> None:
    """Run all tasks, at most ``workers`` at once, until they are done or somebody asks to stop.

    At a request to stop, running tasks are asked to save and end, and waiting ones are not begun.

    Args:
        tasks: In the order in which they begin.
        workers: Processes at once.
        stop: Looked at several times per second.
        listen: Given every message; a task's last one is ``Done`` or ``Failed``.
        target: What a process does.
    """
    waiting = deque(tasks)
    running: dict[Connection, _Running] = {}
    asked = False
    try:
        while waiting or running:
            if stop.requested:
                waiting.clear()
                if not asked:
                    _ask_to_stop(running)
                asked = True
            while waiting and len(running) < workers:
                connection, begun = _start(waiting.popleft(), target)
                running[connection] = begun
            for ready in wait(list(running), WAIT_SECONDS):
                assert isinstance(ready, Connection)
                each = running[ready]
                message = _receive(ready, each, asked)
                if isinstance(message, Done | Failed):
                    each.process.join()
                    ready.close()
                    del running[ready]
                listen(each.task, message)
    finally:
        for left in running.values():
            left.process.kill()
            left.process.join()


def _start(task: Task, target: Callable[[Task, Connection], None]) -> tuple[Connection, _Running]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(task, theirs), name=task.name, daemon=True)
    with _children_ignore_interrupts():
        process.start()
    theirs.close()  # so that the end of the process ends the connection
    return ours, _Running(task, process)


@contextlib.contextmanager
def _children_ignore_interrupts() -> Iterator[None]:
    """Let processes that start here ignore Ctrl-C, which a terminal sends to all of them."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread: no handlers here
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _ask_to_stop(running: dict[Connection, _Running]) -> None:
    for each in running.values():
        each.process.terminate()


def _receive(connection: Connection, each: _Running, asked: bool) -> Message:
    """Return a message; a connection that ends without a last one is a failure, unless asked to."""
    try:
        message: Message = connection.recv()
    except (EOFError, OSError):
        each.process.join()
        if asked:  # before it had begun, so there was nothing to save
            return Done(False)
        return Failed(f"its process ended with status {each.process.exitcode}")
    return message
