"""How many files and connections a process may have open at a time."""

from __future__ import annotations

import resource
from contextlib import suppress

# More than any process here needs. Many systems start with a low limit that a process may raise by itself.
WANTED = 8192
# A worker's thread has a connection to the broker and one to X or CCM. The rest is for Celery, logs and libraries.
_EACH_THREAD = 2
_BESIDE = 100


def too_few_files(worker_concurrency: int) -> str:
    """Raise this process's limit as far as it may. Return a sentence if that is too low, otherwise "".

    Processes that this one starts have the same limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    needed = _BESIDE + _EACH_THREAD * worker_concurrency
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return ""
    return (
        f"A process may have {soft} open files, and {needed} are needed for WORKER_CONCURRENCY {worker_concurrency}. "
        f"Raise the limit (`ulimit -n {max(WANTED, needed)}`, LimitNOFILE in systemd, ulimits in compose), or lower "
        "WORKER_CONCURRENCY."
    )


def connections(web_threads: int) -> int:
    """Return how many connections a web process may accept at a time: 1000, or fewer with a low limit of files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1000
    return max(web_threads + 1, min(1000, soft - _BESIDE - _EACH_THREAD * web_threads))
