"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import AttentionError, FileError, brief

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO


def as_path(given: Any) -> Path:
    """Take a path as people write it, with ~ for their own folder.

    Raises
    ------
    AttentionError
        For what no file can be called.
    """
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        message = f"A file's path is wanted, such as 'it.attn', not {brief(given)}."
        raise AttentionError(message)
    if "\0" in os.fsdecode(given):
        raise FileError(f"{brief(given)} is no path: it holds a zero character.")
    try:
        return Path(os.fsdecode(given)).expanduser()
    except RuntimeError:
        raise FileError(f"{brief(given)} is no path: nobody of that name has a folder.") from None


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse what cannot become a file, before anything is computed for it."""
    try:
        folder, there = path.is_dir(), path.exists()
    except OSError as error:
        raise _unwritable(path, error) from error
    if folder:
        raise FileError(f"{path} is a folder: give the name of a file in it.")
    if there and not overwrite:
        raise _exists(path)


def write_whole(path: Path, fill: Callable[[BinaryIO], object], *, overwrite: bool) -> Path:
    """Write a file under another name beside its place, then move it there.

    Parameters
    ----------
    path : where to
    fill : writes the content to the open file that it is given
    overwrite : whether a file of this name may be replaced

    Raises
    ------
    FileError
        A file that is there already, or one that cannot be written; nothing is left behind.
    """
    check_target(path, overwrite=overwrite)
    try:
        _write_beside(path, fill, overwrite=overwrite)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def _unwritable(path: Path, error: OSError) -> FileError:
    reason = error.strerror or str(error)
    return FileError(f"{path} cannot be written: {reason}. Nothing was left there.")


def _exists(path: Path) -> FileError:
    return FileError(f"{path} is there already: choose another name, or say overwrite=True.")


def _write_beside(path: Path, fill: Callable[[BinaryIO], object], *, overwrite: bool) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".attn-widget-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that nobody else may read.
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        if overwrite:
            Path(name).replace(path)
        else:
            os.link(name, path)  # unlike a rename, refuses a file that has come up meanwhile
    finally:
        Path(name).unlink(missing_ok=True)
