"""Whether VAR_DIR can be used: free space on its disk."""

from __future__ import annotations

import os
from pathlib import Path

# The journal takes 64 MiB at most, and files of customers pass through VAR_DIR.
FREE_BYTES_MIN = 128 * 1024 * 1024
FREE_FILES_MIN = 1_000


def disk_space(var_dir: Path) -> tuple[str, str]:
    """Return how much space is free, in words, and what to do; the second is "" if there is enough."""
    try:
        disk = os.statvfs(var_dir)
    except OSError as error:
        return f"{var_dir} cannot be read ({error.strerror})", "Mount VAR_DIR, or name another folder."
    free = disk.f_bavail * disk.f_frsize
    words = f"{free // 1024**2} MiB free for {var_dir}"
    if free < FREE_BYTES_MIN:
        return words, f"Free disk space, {FREE_BYTES_MIN // 1024**2} MiB at least, or move VAR_DIR to a larger disk."
    if disk.f_files and disk.f_favail < FREE_FILES_MIN:
        return f"{disk.f_favail} more files can be created in {var_dir}", "Delete files on this disk: it has no inodes."
    return words, ""
