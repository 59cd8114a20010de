"""The page about processes, broker, disk, version and settings."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Blueprint, render_template

from twitter_connector.model.timestamps import iso, moment
from twitter_connector.queue.wakeups import QUEUES, UPKEEP_QUEUE
from twitter_connector.var_dir import disk_space
from twitter_connector.web.context import services

from .answers import prepare
from .sessions import page

bp = Blueprint("console_system", __name__, url_prefix="/console")
prepare(bp)


@bp.get("/system")
@page
def system() -> str:
    """Show processes, broker, disk, version and settings, in a form to copy for support."""
    svc = services()
    snapshot = svc.status.snapshot((), [*QUEUES.values(), UPKEEP_QUEUE])
    info: Mapping[str, Any] = svc.redis.info()
    facts = {
        "Version": version("twitter-connector"),
        "Python": platform.python_version(),
        "Time of the broker": iso(moment(snapshot.server_ms)),
        "Web processes here": f"{svc.settings.web_workers}, {svc.settings.web_threads} threads each",
        "Workers": ", ".join(snapshot.workers) or "none",
        "Queues that nobody serves": ", ".join(snapshot.unserved) or "none",
        "Dead letters": str(snapshot.dead_letters),
        "Broker": f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info.get('redis_version')}",
        "Broker's memory": f"{int(info.get('used_memory', 0)) // 1024**2} MiB",
        "Append-only file": "on" if info.get("aof_enabled") else "off",
        "Journal": f"{_size(svc.settings.var_dir / 'journal')} bytes",
        "Disk": disk_space(svc.settings.var_dir)[0],
    }
    settings = {f.name: getattr(svc.settings, f.name) for f in fields(svc.settings) if f.repr}
    return render_template("system.html", facts=facts, settings=settings)


def _size(directory: Path) -> int:
    try:
        return sum(path.stat().st_size for path in directory.iterdir())
    except OSError:
        return 0
