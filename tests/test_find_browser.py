"""Which browser the browser tests get, and what is said when there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Without the places where macOS keeps browsers: a Mac that runs this has one there.
RUN = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parent / "browser")!r})
import find_browser
find_browser.MACOS = ()
sys.exit(find_browser.main())
"""


def find(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the finder where PATH is one folder and no package is installed, Playwright included."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN],
        env={"PATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path) -> str:
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_chosen_browser_wins_over_path(tmp_path: Path) -> None:
    program(tmp_path / "chromium")
    chosen = program(tmp_path / "my-chrome")
    assert find(tmp_path, CHROME=chosen).stdout == f"{chosen}\n"


def test_a_chosen_browser_may_be_a_name_on_path(tmp_path: Path) -> None:
    chosen = program(tmp_path / "my-chrome")
    assert find(tmp_path, CHROME="my-chrome").stdout == f"{chosen}\n"


def test_a_chosen_browser_that_is_not_there_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "chromium")
    done = find(tmp_path, CHROME="/no/such/chrome")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("$CHROME is '/no/such/chrome', which cannot be run")


def test_a_browser_on_path_is_found_by_each_of_its_names(tmp_path: Path) -> None:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        folder = tmp_path / name
        folder.mkdir()
        wanted = program(folder / name)
        assert find(folder).stdout == f"{wanted}\n"


def test_no_browser_is_one_sentence_and_a_failure(tmp_path: Path) -> None:
    done = find(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("No browser for the browser tests: ")
    assert done.stderr.endswith("Install Chromium or Chrome, or set CHROME to its path.\n")
