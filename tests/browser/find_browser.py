"""Find a Chromium for the browser tests, or install one; print its path.

In this order: ``$CHROME``; a chromium or google-chrome on PATH; the usual macOS places; a
Playwright browser that is already there; on Debian and Ubuntu as root, apt; Playwright's own
download. If all of that fails there is one sentence on stderr and a non-zero exit: the browser
tests are part of the tests and are never skipped.

It needs nothing but the standard library, so `npm test` can call it before any environment exists.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


class NoBrowserError(RuntimeError):
    """No Chromium was found and none could be installed."""


def find() -> str:
    """Path of a Chromium that starts; installs one if the machine has none."""
    chosen = os.environ.get("CHROME")
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            message = (
                f"$CHROME is {chosen!r}, which cannot be run: set it to a Chromium or Chrome, "
                "or unset it to have one looked for."
            )
            raise NoBrowserError(message)
        return found
    tried = []
    for finder in (_on_path, _of_playwright, _from_apt, _download):
        found, why = finder()
        if found is not None:
            return found
        tried.append(why)
    message = (
        "No browser for the browser tests: "
        + "; ".join(tried)
        + ". Install Chromium or Chrome, or set CHROME to its path."
    )
    raise NoBrowserError(message)


def _on_path() -> tuple[str | None, str]:
    for name in (*NAMES, *MACOS):
        found = shutil.which(name)
        if found is not None:
            return found, ""
    return None, "neither chromium nor google-chrome is on PATH"


def _of_playwright() -> tuple[str | None, str]:
    """Playwright's Chromium, where an earlier `playwright install chromium` left one."""
    if importlib.util.find_spec("playwright") is None:
        return None, "Playwright is not installed for this Python"
    code = (
        "from playwright.sync_api import sync_playwright as s\n"
        "with s() as p: print(p.chromium.executable_path)"
    )
    done = _run([sys.executable, "-c", code])
    path = done.stdout.strip()
    if done.returncode == 0 and Path(path).is_file():
        return path, ""
    return None, "Playwright has no Chromium yet"


def _from_apt() -> tuple[str | None, str]:
    if shutil.which("apt-get") is None:
        return None, "there is no apt-get"
    if os.geteuid() != 0:
        return None, "apt-get needs root"
    print("browser: installing chromium with apt-get", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], environment)
    done = _run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], environment
    )
    # Ubuntu's `chromium` only points at a snap, which does not start in a container.
    found, _ = _on_path()
    if done.returncode == 0 and found is not None and _run([found, "--version"]).returncode == 0:
        return found, ""
    return None, f"apt-get could not install chromium ({_last_line(done)})"


def _download() -> tuple[str | None, str]:
    if importlib.util.find_spec("playwright") is None:
        return None, "so it could not download one"
    print("browser: downloading Playwright's Chromium", file=sys.stderr)
    done = _run([sys.executable, "-m", "playwright", "install", "chromium"])
    found, _ = _of_playwright()
    if done.returncode == 0 and found is not None:
        return found, ""
    return None, f"Playwright could not download one ({_last_line(done)})"


def _run(
    command: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1].strip() if lines else f"exit status {done.returncode}"


def main() -> int:
    """Print the path, or say in one sentence why there is none."""
    try:
        print(find())
    except NoBrowserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
