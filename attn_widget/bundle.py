"""The front end's files, never older than their sources.

In a source checkout `js/` lies beside the package. There the bundle carries a stamp, a hash of the
sources it was made from, and a bundle whose stamp does not match is made anew before it is served.
In an installed package there is no `js/`, and only the paths are returned.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
STATIC = PACKAGE / "static"
SOURCES = PACKAGE.parent / "js"
FILES = ("widget.js", "widget.css", "standalone.js")


class BundleError(RuntimeError):
    """The front end is missing or out of date and cannot be built here."""


def esm_path() -> Path:
    """Path of the widget's ES module, built if need be.

    Raises
    ------
    BundleError
        If the bundle does not match the sources and cannot be built.
    """
    refresh()
    return STATIC / "widget.js"


def css_path() -> Path:
    """Path of the widget's style sheet, built if need be; raises as `esm_path` does."""
    refresh()
    return STATIC / "widget.css"


def page_script_path() -> Path:
    """Path of the script of a saved page, built if need be; raises as `esm_path` does."""
    refresh()
    return STATIC / "standalone.js"


def refresh(*, release: bool = False) -> bool:
    """Build the bundle if it is missing or was made from other sources.

    Parameters
    ----------
    release : bool
        Whether a readable bundle from ``npm run watch`` must be replaced by the minified one.

    Returns
    -------
    bool
        Whether something was built.
    """
    if not (SOURCES / "build.mjs").is_file():
        if not _has_files():
            message = (
                f"attn_widget was installed without its front end (no widget.js in {STATIC}): "
                "install it again from a wheel or from the source distribution."
            )
            raise BundleError(message)
        return False
    wanted = fingerprint()
    made_from, mode = _stamp()
    if _has_files() and made_from == wanted and not (release and mode != "release"):
        return False
    _build(missing=not _has_files())
    return True


def fingerprint() -> str:
    """Hash of all that decides what the bundle holds; `js/build.mjs` computes the same one."""
    found = [path for path in (SOURCES / "src").rglob("*") if path.suffix in {".ts", ".css"}]
    names = sorted(
        [path.relative_to(SOURCES).as_posix() for path in found]
        + ["build.mjs", "package-lock.json", "tsconfig.json"]
    )
    digest = hashlib.sha256()
    for name in names:
        content = (SOURCES / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _has_files() -> bool:
    return all((STATIC / name).is_file() for name in FILES)


def _stamp() -> tuple[str, str]:
    path = STATIC / "widget.stamp"
    if not path.is_file():
        return "", ""
    made_from, _, mode = path.read_text(encoding="utf-8").strip().partition(" ")
    return made_from, mode


def _build(*, missing: bool) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        state = "has not been built yet" if missing else "is older than its sources in js/"
        message = (
            f"attn_widget's front end {state} and Node is not on PATH to build it: install "
            "Node 20 or newer, or install attn-widget from a wheel, which carries it built."
        )
        raise BundleError(message)
    if not _has_bundler():
        # The bundler alone: building needs none of the tools that the checks use.
        _npm([npm, "ci", "--omit=dev", "--loglevel=error"])
    _npm([npm, "run", "--silent", "build"])


def _has_bundler() -> bool:
    """Whether the esbuild in node_modules is the one that the lock file names."""
    installed = SOURCES / "node_modules" / "esbuild" / "package.json"
    if not installed.is_file():
        return False
    lock = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    version = json.loads(installed.read_text(encoding="utf-8"))["version"]
    return bool(version == lock["packages"]["node_modules/esbuild"]["version"])


def _npm(command: list[str]) -> None:
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()) or f"exit status {done.returncode}"
        message = f"attn_widget's front end could not be built; `npm {command[1]}` says:\n{said}"
        raise BundleError(message)


if __name__ == "__main__":
    state = "built" if refresh(release=True) else "up to date"
    size = (STATIC / "widget.js").stat().st_size + (STATIC / "widget.css").stat().st_size
    print(f"bundle: {state}, {size / 1000:.0f} kB")
