"""What is shipped: a wheel built from the source distribution, where there is no Node."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import attn_widget
from attn_widget import bundle

ROOT = Path(__file__).resolve().parent.parent
STATIC = tuple(f"attn_widget/static/{name}" for name in bundle.FILES)


def run(command: list[str], *, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def without_node(empty: Path) -> dict[str, str]:
    """An environment whose PATH has nothing on it."""
    empty.mkdir()
    environment = {**os.environ, "PATH": str(empty)}
    assert shutil.which("node", path=environment["PATH"]) is None
    return environment


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution of this checkout, and the wheel built from it without Node."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    run([*build, "--sdist", str(ROOT)], cwd=folder)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = folder / sdist.name.removesuffix(".tar.gz")
    assert (source / "js" / "src" / "widget.ts").is_file()
    run([*build, "--wheel", str(source)], cwd=folder, env=without_node(folder / "empty"))
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def tracked(folder: str) -> set[str]:
    """What git has under a folder, and what it will have after the next commit."""
    listed = run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder], cwd=ROOT
    )
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


def test_the_wheel_holds_the_package_and_its_bundle_and_nothing_else(
    archives: tuple[Path, Path],
) -> None:
    with zipfile.ZipFile(archives[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == tracked("attn_widget") | {*STATIC, "attn_widget/static/widget.stamp"}
    assert "attn_widget/py.typed" in names


def test_the_source_distribution_holds_the_sources_and_the_bundle(
    archives: tuple[Path, Path],
) -> None:
    with tarfile.open(archives[0]) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames()}
    assert names >= tracked("js/src") | tracked("attn_widget") | set(STATIC)
    assert names >= {"LICENSE", "README.md", "js/build.mjs", "js/package-lock.json"}
    assert not [name for name in names if "node_modules" in name or name.startswith("tests/")]


def test_the_wheel_carries_the_bundle_of_this_checkout(archives: tuple[Path, Path]) -> None:
    bundle.refresh(release=True)
    with zipfile.ZipFile(archives[1]) as wheel:
        for name in STATIC:
            assert wheel.read(name) == (ROOT / name).read_bytes()


def test_an_installed_wheel_serves_its_bundle_without_node(
    archives: tuple[Path, Path], tmp_path: Path
) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = str(home / "bin" / "python")
    (site,) = home.glob("lib/python*/site-packages")
    # The dependencies are those of this environment; the package itself is the wheel's.
    with zipfile.ZipFile(archives[1]) as wheel:
        wheel.extractall(site)
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(shared), encoding="utf-8")
    code = (
        "import attn_widget, attn_widget.bundle as b\n"
        "assert b.esm_path().is_file() and b.css_path().is_file()\n"
        "print(attn_widget.__file__, attn_widget.__version__)"
    )
    said = run([python, "-I", "-c", code], cwd=tmp_path, env=without_node(tmp_path / "empty"))
    assert said.split() == [str(site / "attn_widget" / "__init__.py"), attn_widget.__version__]


def test_the_bundle_names_no_other_machine() -> None:
    for path in (bundle.esm_path(), bundle.css_path(), bundle.page_script_path()):
        text = path.read_text(encoding="utf-8")
        hosts = set(re.findall(r"(?:https?:)?//([\w-]+(?:\.[\w-]+)+)", text))
        # A name space of the W3C is a name, not an address that anybody asks.
        assert hosts <= {"www.w3.org"}


def test_the_lock_file_names_no_registry() -> None:
    lock = (ROOT / "js" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert '"integrity"' in lock


def test_the_lock_file_knows_every_platform() -> None:
    """`npm ci` refuses a lock file in which a tool's binary for another platform is missing."""
    packages = json.loads((ROOT / "js" / "package-lock.json").read_text(encoding="utf-8"))[
        "packages"
    ]
    wanted = {name for entry in packages.values() for name in entry.get("optionalDependencies", {})}
    assert wanted <= {name.removeprefix("node_modules/") for name in packages}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the bundle is made of, on which `attn_widget.bundle` works."""
    bundle.refresh(release=True)
    js = tmp_path / "js"
    shutil.copytree(ROOT / "js" / "src", js / "src")
    for name in ("build.mjs", "package.json", "package-lock.json", "tsconfig.json"):
        shutil.copy(ROOT / "js" / name, js / name)
    (js / "node_modules").symlink_to(ROOT / "js" / "node_modules")
    static = tmp_path / "attn_widget" / "static"
    shutil.copytree(ROOT / "attn_widget" / "static", static)
    monkeypatch.setattr(bundle, "SOURCES", js)
    monkeypatch.setattr(bundle, "STATIC", static)
    return tmp_path


def test_an_unchanged_bundle_is_served_as_it_is(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert bundle.refresh(release=True) is False
    assert bundle.esm_path() == checkout / "attn_widget" / "static" / "widget.js"


@pytest.mark.parametrize("name", ["src/widget.css", "src/added.css"])
def test_an_edit_is_never_served_stale(checkout: Path, name: str) -> None:
    sheet = checkout / "js" / name
    with sheet.open("a", encoding="utf-8") as out:
        out.write("\n.attn-widget .edited-a-moment-ago { color: red; }\n")
    entry = checkout / "js" / "src" / "widget.css"
    if sheet != entry:
        entry.write_text(f'@import "./{sheet.name}";\n{entry.read_text()}', encoding="utf-8")
    assert "edited-a-moment-ago" in bundle.css_path().read_text(encoding="utf-8")
    assert bundle.refresh() is False


def test_a_deleted_source_is_noticed(checkout: Path) -> None:
    before = bundle.fingerprint()
    (checkout / "js" / "src" / "widget.css").unlink()
    assert bundle.fingerprint() != before


def test_a_readable_bundle_does_not_ship(checkout: Path) -> None:
    stamp = checkout / "attn_widget" / "static" / "widget.stamp"
    stamp.write_text(f"{bundle.fingerprint()} watch\n", encoding="utf-8")
    assert bundle.refresh() is False
    assert bundle.refresh(release=True) is True


def test_an_edit_that_cannot_be_built_is_refused_in_a_sentence(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "js" / "src" / "widget.ts").write_text("export default {};", encoding="utf-8")
    monkeypatch.setenv("PATH", str(checkout))
    with pytest.raises(bundle.BundleError, match=r"older than its sources.*install Node 20"):
        bundle.esm_path()


def test_a_mistake_in_the_sources_is_shown_where_it_is(checkout: Path) -> None:
    (checkout / "js" / "src" / "widget.ts").write_text("export default {;", encoding="utf-8")
    with pytest.raises(bundle.BundleError, match=r"src/widget\.ts:1:16"):
        bundle.esm_path()


def test_an_installation_without_its_bundle_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "SOURCES", tmp_path / "js")
    monkeypatch.setattr(bundle, "STATIC", tmp_path / "static")
    with pytest.raises(bundle.BundleError, match="without its front end"):
        bundle.css_path()
