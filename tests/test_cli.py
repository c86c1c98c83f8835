"""The command line in processes of its own: what it prints, and how it ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest

import attn_widget as aw
from attn_widget import cli


@pytest.fixture
def saved(tmp_path):
    return aw.save(aw.load_sample(), tmp_path / "trophy.attn")


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "attn_widget", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_info_says_what_is_in_a_file(saved):
    done = command("info", saved)
    assert (done.returncode, done.stderr) == (0, "")
    facts = dict(re.split(r"\s+", line, maxsplit=1) for line in done.stdout.splitlines())
    assert facts["layers"] == "6"
    assert facts["heads"] == "12 a layer"
    assert facts["tokens"] == "16"
    assert facts["type"] == "float16"
    assert "trophy" in facts["text"]


def test_info_reads_arrays(tmp_path, capsys):
    np.save(tmp_path / "a.npy", aw.load_sample().weights)
    assert cli.main(["info", str(tmp_path / "a.npy")]) == 0
    assert "12 a layer" in capsys.readouterr().out


def test_half_a_character_is_printed_all_the_same(tmp_path):
    given = aw.Attention(np.eye(2)[None, None], ["\ud83d", "\u4e2d"])
    done = command("info", aw.save(given, tmp_path / "half.attn"))
    assert done.returncode == 0
    assert r"\ud83d" in done.stdout


@pytest.mark.parametrize("name", ["info", "view"])
@pytest.mark.parametrize("content", [None, b"", b"nothing of the kind"])
def test_a_mistake_is_one_line_and_exit_code_1(tmp_path, capsys, name, content):
    path = tmp_path / "x.attn"
    if content is not None:
        path.write_bytes(content)
    assert cli.main([name, str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("attn_widget: ")
    assert len(err.splitlines()) == 1
    assert str(path) in err


@pytest.mark.parametrize(
    "arguments", [[], ["html", "a.attn"], ["info"], ["view", "a", "--port", "x"]]
)
def test_a_wrong_command_is_exit_code_2(arguments):
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("attn_widget: ")
    assert done.stderr.count("\n") == 1
    assert "--help" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["html", "a", "b.html", "--levels", "a,b"], "--levels: 'a,b' is no list of whole numbers"),
        (["html", "a", "b.html", "--heads", "1,x"], "--heads: '1,x' is no list of whole numbers"),
        (["view", "a", "--port", "99999"], "--port: '99999' is no port"),
        (["view", "a", "--port", "-5"], "--port: '-5' is no port"),
    ],
)
def test_a_wrong_option_says_what_is_wanted(capsys, options, said):
    with pytest.raises(SystemExit) as ended:
        cli.main(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_ctrl_c_is_no_traceback(saved, capsys, monkeypatch):
    def stopped(_path):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load", stopped)
    assert cli.main(["info", str(saved)]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_view_without_jupyterlab_says_what_to_install(saved, capsys, monkeypatch):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda _name: None)
    assert cli.main(["view", str(saved)]) == 1
    assert "pip install jupyterlab bqplot" in capsys.readouterr().err


def test_view_serves_a_notebook_until_it_is_stopped(saved):
    viewer = subprocess.Popen(
        [sys.executable, "-m", "attn_widget", "view", str(saved), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = viewer.stdout.readline().strip()
        base, token = re.fullmatch(
            r"(http://127.0.0.1:\d+)/lab/tree/\S+\?token=(\w+)", address
        ).groups()
        url = f"{base}/api/contents/explore.ipynb?token={token}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert str(saved) in answer.read().decode()
    finally:
        viewer.send_signal(signal.SIGINT)
        _, errors = viewer.communicate(timeout=60)
    assert (viewer.returncode, errors) == (0, "")


def test_view_shows_a_notebook_that_runs(saved):
    (source,) = [c["source"] for c in cli._notebook(saved)["cells"] if c["cell_type"] == "code"]
    space = {}
    exec(source.removesuffix("board"), space)
    assert space["board"].widget.tokens == list(aw.load_sample().tokens)
    space["board"].close()
