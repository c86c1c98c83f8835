"""Pins of a widget: a selection kept with its settings, to come back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checks import CheckedState
from .errors import AttentionError, brief
from .pins import KEPT, check_pins

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Pinning(CheckedState):
    """The part of a widget that keeps pins; `AttentionWidget` is the whole."""

    def _one_refresh(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    def pin(self, name: str = "") -> dict[str, Any]:
        """Keep the selection with its settings, to come back to or to compare.

        Parameters
        ----------
        name : str, optional
            By default made from what is particular to it: "‘it’ from ‘big’, head 8, flow".

        Returns
        -------
        dict
            The new last entry of `pins`.
        """
        kept = {"name": name} | {setting: getattr(self, setting) for setting in KEPT}
        checked = check_pins([kept], self.attention)
        self.pins = [*self.pins, *checked]
        return checked[0]

    def show_pin(self, which: int | str) -> None:
        """Take up the settings and the selection of a pin, given by its index or its name."""
        names = [pin["name"] for pin in self.pins]
        if which in names:
            which = names.index(which)
        if not isinstance(which, int) or not 0 <= which < len(names):
            message = f"there is no pin {brief(which)}: pins are {brief(names)}, numbered from 0."
            raise AttentionError(message)
        pin = self.pins[which]
        with self._one_refresh(), self.hold_trait_notifications():
            for setting in KEPT:
                setattr(self, setting, pin[setting])
