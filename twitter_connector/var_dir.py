"""Whether VAR_DIR can be used: by this user, and with free space on its disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# The journal takes 64 MiB at most, and files of customers pass through VAR_DIR.
FREE_BYTES_MIN = 128 * 1024 * 1024
FREE_FILES_MIN = 1_000

# What the service writes to. Other entries, such as lost+found of a volume, are not its own.
_OWN = ("up.lock", "broker-seen.json", "broker", "journal", "metrics", "spool", "workers", "sandbox")
# May be a mounted file that nobody can write.
_READ = ("credentials.key",)
_ENTRIES_MAX = 10_000


def unusable(var_dir: Path, user: int | None = None) -> str:
    """Return a sentence that names the first entry of VAR_DIR that a user cannot use; "" if there is none.

    user: a user id; None: the user of this process. A missing VAR_DIR is created by the start.
    """
    uid = os.getuid() if user is None else user
    for path, access in _entries(var_dir):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # deleted a moment ago
        except OSError as error:
            return f"VAR_DIR: {path} cannot be read ({error.strerror}). Correct its access rights, or name another."
        if (user is None and os.access(path, access)) or (user is not None and _may(status, user, access)):
            continue
        if not path.exists():
            continue  # deleted since then
        doing = "written" if access & os.W_OK else "read"
        mode = stat.S_IMODE(status.st_mode)
        return (
            f"VAR_DIR: {path} cannot be {doing} by user {uid}: it belongs to user {status.st_uid} (mode {mode:o}). Run "
            f"`chown -R {uid} {var_dir}` as root, or name another folder."
        )
    return ""


def service_user(var_dir: Path) -> int | None:
    """Return the id of the user as whom workers ran here last, or None if none did."""
    with suppress(OSError):
        locks = [path.stat() for path in (var_dir / "workers").glob("*.lock")]
        if locks:
            return max(locks, key=lambda lock: lock.st_mtime).st_uid
    return None


def give_to_owner(file: int, folder: Path) -> None:
    """Give an open file that root has created to the owner of its folder. The service may run as that user."""
    if os.geteuid() == 0:
        owner = folder.stat()
        with suppress(OSError):  # root may have lost this right, and then the right to use others' files too
            os.fchown(file, owner.st_uid, owner.st_gid)


def _entries(var_dir: Path) -> Iterator[tuple[Path, int]]:
    """Yield each entry that the service needs, with what it must be able to do with it."""
    whole = os.R_OK | os.W_OK | os.X_OK
    yield var_dir, whole
    yield from ((var_dir / name, os.R_OK) for name in _READ)
    count = 0
    for name in _OWN:
        path = var_dir / name
        yield path, whole if path.is_dir() else os.R_OK | os.W_OK
        for folder, folders, files in os.walk(path):
            for entry in (*folders, *files):
                count += 1
                if count > _ENTRIES_MAX:
                    return
                yield Path(folder, entry), whole if entry in folders else os.R_OK | os.W_OK


def _may(status: os.stat_result, user: int, access: int) -> bool:
    """Return whether a user may do this by owner and mode. Groups are not known here."""
    if user == 0:
        return True
    shift = 6 if status.st_uid == user else 0
    return (status.st_mode >> shift) & access == access


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
