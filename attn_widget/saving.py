"""Pictures that the browser draws and Python writes: asked for now, written when they arrive.

A kernel that is busy with a cell hears nothing from the browser, so nothing here waits: the answer
comes after the cell, and `SavedPicture` tells what has become of it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from .errors import AttentionError
from .writing import as_path, check_target, write_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

FORMATS = ("svg", "png")


class SavedPicture:
    """A picture that was asked of the browser.

    Attributes
    ----------
    path : pathlib.Path
        Where it is written as soon as it arrives.
    """

    def __init__(self, path: Path, form: str, *, overwrite: bool) -> None:
        self.path = path
        self._form = form
        self._overwrite = overwrite
        self._size: int | None = None
        self._failure = ""

    @property
    def saved(self) -> bool:
        """Whether the file is written."""
        return self._size is not None

    def result(self) -> Path:
        """Return the path of the written file; ask in a later cell, since nothing is waited for.

        Raises
        ------
        AttentionError
            No view has answered, or the file could not be written.
        """
        if self._failure:
            raise AttentionError(self._failure)
        if not self.saved:
            message = (
                f"{self.path} is not written yet: no open view has answered. Display the widget, "
                "save in a cell of its own and ask for the result in a later one."
            )
            raise AttentionError(message)
        return self.path

    @property
    def form(self) -> str:
        """The format: "svg" or "png"."""
        return self._form

    def write(self, data: bytes) -> None:
        """Write the bytes that have arrived, whole or not at all."""
        try:
            write_whole(self.path, lambda file: file.write(data), overwrite=self._overwrite)
        except AttentionError as error:
            self.fail(str(error))
            return
        self._size = len(data)

    def fail(self, why: str) -> None:
        """Keep in one sentence why there is no file."""
        self._failure = why

    @property
    def failure(self) -> str:
        """Why the file could not be written, or ""."""
        return self._failure

    def __repr__(self) -> str:
        """Tell what has become of it."""
        if self._failure:
            return f"<SavedPicture: {self._failure}>"
        if self._size is None:
            return f"<SavedPicture {self.path}: written as soon as the browser answers>"
        return f"<SavedPicture {self.path}: {self._size / 1000:.0f} kB>"


class PictureSaver:
    """Asks views for pictures and writes the answers; the first view that answers is taken.

    Parameters
    ----------
    send : function of a message
        Sends it to every open view.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._waiting: dict[int, SavedPicture] = {}

    def ask(self, path: str | os.PathLike[str], form: str, *, overwrite: bool) -> SavedPicture:
        """Ask for a picture; the file is checked now, before the browser draws anything."""
        target = as_path(path).resolve()
        if target.suffix.lower() != f".{form}":
            message = f"{target.name!r} is no name for this picture: end it with .{form}."
            raise AttentionError(message)
        if not target.parent.is_dir():
            message = f"there is no folder {target.parent}: create it first."
            raise AttentionError(message)
        check_target(target, overwrite=overwrite)
        picture = SavedPicture(target, form, overwrite=overwrite)
        number = next(self._numbers)
        self._waiting[number] = picture
        self._send({"type": "picture", "id": number, "format": form})
        return picture

    def on_view(self) -> None:
        """Ask again what nobody has answered: a view has opened that did not hear it."""
        for number, picture in self._waiting.items():
            self._send({"type": "picture", "id": number, "format": picture.form})

    def on_answer(self, content: dict[str, Any], buffers: Sequence[Any] | None) -> str:
        """Write the picture that a view has sent; return what went wrong, or ""."""
        picture = self._waiting.pop(content.get("id", 0), None)
        if picture is None:
            return ""  # another view was quicker
        why = content.get("error")
        if why or not buffers:
            picture.fail(f"{picture.path} is not written: the browser says {why or 'nothing'!r}.")
        else:
            picture.write(bytes(buffers[0]))
        return picture.failure
