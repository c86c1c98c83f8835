"""Pictures that the browser draws and Python writes."""

from __future__ import annotations

import errno

import pytest

import attn_widget as aw
from attn_widget.saving import PictureSaver


@pytest.fixture
def sent():
    return []


@pytest.fixture
def saver(sent):
    return PictureSaver(sent.append)


def answer(request, **more):
    return {"type": "picture", "id": request["id"], "format": request["format"], **more}


def test_the_browser_is_asked_and_its_answer_written(saver, sent, tmp_path):
    path = tmp_path / "it.svg"
    picture = saver.ask(path, "svg", overwrite=False)
    assert sent == [{"type": "picture", "id": 1, "format": "svg"}]
    assert not path.exists()
    assert not picture.saved
    assert saver.on_answer(answer(sent[0]), [memoryview(b"<svg/>")]) == ""
    assert path.read_bytes() == b"<svg/>"
    assert picture.result() == path
    assert [entry.name for entry in tmp_path.iterdir()] == ["it.svg"]


def test_without_an_answer_the_result_says_what_to_do(saver, tmp_path):
    picture = saver.ask(tmp_path / "it.png", "png", overwrite=False)
    with pytest.raises(aw.AttentionError, match="no open view has answered"):
        picture.result()
    assert "as soon as the browser answers" in repr(picture)


def test_a_view_that_opens_later_is_asked_too(saver, sent, tmp_path):
    saver.ask(tmp_path / "one.svg", "svg", overwrite=False)
    saver.on_answer(answer(sent[0]), [b"1"])
    saver.ask(tmp_path / "two.png", "png", overwrite=False)
    saver.on_view()
    assert sent[2:] == [sent[1]]
    saver.on_answer(answer(sent[1]), [b"first"])
    # Two views answer the same question: the first one counts.
    assert saver.on_answer(answer(sent[1]), [b"second"]) == ""
    assert (tmp_path / "two.png").read_bytes() == b"first"


def test_a_file_is_replaced_only_where_that_was_asked_for(saver, sent, tmp_path):
    path = tmp_path / "it.svg"
    path.write_text("mine")
    with pytest.raises(aw.AttentionError, match="is there already: choose another name"):
        saver.ask(path, "svg", overwrite=False)
    assert sent == []
    saver.ask(path, "svg", overwrite=True)
    saver.on_answer(answer(sent[0]), [b"new"])
    assert path.read_text() == "new"


def test_a_file_that_came_in_between_is_kept(saver, sent, tmp_path):
    path = tmp_path / "it.svg"
    picture = saver.ask(path, "svg", overwrite=False)
    path.write_text("mine")
    assert "is there already" in saver.on_answer(answer(sent[0]), [b"new"])
    assert path.read_text() == "mine"
    with pytest.raises(aw.AttentionError, match="is there already"):
        picture.result()


@pytest.mark.parametrize(
    ("name", "message"),
    [("it.png", r"end it with \.svg"), ("it", r"end it with \.svg"), ("no/it.svg", "no folder")],
)
def test_a_name_that_cannot_be_is_refused_at_once(saver, sent, tmp_path, name, message):
    with pytest.raises(aw.AttentionError, match=message):
        saver.ask(tmp_path / name, "svg", overwrite=False)
    assert sent == []


@pytest.mark.parametrize("buffers", [None, []])
def test_what_the_browser_could_not_do_is_told(saver, sent, tmp_path, buffers):
    picture = saver.ask(tmp_path / "it.png", "png", overwrite=False)
    why = saver.on_answer(answer(sent[0], error="no 2D canvas"), buffers)
    assert "no 2D canvas" in why
    with pytest.raises(aw.AttentionError, match="no 2D canvas"):
        picture.result()
    assert list(tmp_path.iterdir()) == []


def listened():
    """A widget and the messages that it sends to its views."""
    widget = aw.AttentionWidget(aw.load_sample())
    asked = []
    widget._pictures = PictureSaver(asked.append)
    return widget, asked


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_widget_writes_what_its_view_sends(form, tmp_path):
    widget, asked = listened()
    path = tmp_path / f"it.{form}"
    picture = getattr(widget, f"save_{form}")(path)
    widget._handle_custom_msg(answer(asked[0]), [b"bytes"])
    assert picture.result().read_bytes() == b"bytes"
    assert widget.error == ""
    widget.close()


def test_a_mistake_shows_in_the_widget(tmp_path):
    widget, asked = listened()
    widget.save_svg(tmp_path / "it.svg")
    widget._handle_custom_msg({"type": "view"}, [])
    assert asked[1] == asked[0]
    widget._handle_custom_msg(answer(asked[0], error="out of memory"), [])
    assert "out of memory" in widget.error
    widget.close()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_no_half_picture(saver, sent, tmp_path, monkeypatch, overwrite):
    path = tmp_path / "it.svg"
    if overwrite:
        path.write_text("mine")
    picture = saver.ask(path, "svg", overwrite=overwrite)

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert "No space left" in saver.on_answer(answer(sent[0]), [b"<svg/>"])
    with pytest.raises(aw.AttentionError, match="cannot be written"):
        picture.result()
    assert [entry.name for entry in tmp_path.iterdir()] == (["it.svg"] if overwrite else [])
    assert not overwrite or path.read_text() == "mine"


def test_a_folder_in_the_place_of_a_file_is_refused(saver, sent, tmp_path):
    (tmp_path / "it.svg").mkdir()
    with pytest.raises(aw.AttentionError, match="is a folder"):
        saver.ask(tmp_path / "it.svg", "svg", overwrite=True)
    assert sent == []


def test_a_closed_widget_gives_numbers_and_says_what_it_cannot(tmp_path):
    widget = aw.AttentionWidget(aw.load_sample(), selected=[(6, 10)])
    before = widget.matrix
    widget.close()
    for form in ("svg", "png"):
        with pytest.raises(aw.AttentionError, match=f"save_{form} asks an open view .* closed"):
            getattr(widget, f"save_{form}")(tmp_path / f"it.{form}")
    for made in (aw.dashboard, aw.relevance_chart, aw.head_chart):
        with pytest.raises(aw.AttentionError, match="closed"):
            made(widget)
    # What needs no browser goes on.
    widget.heads = 3
    assert (widget.matrix != before).any()
    assert widget.relevance.shape == (16,)
    assert len(widget.to_frame()) == 256
    assert widget.to_xarray().sizes == {"query": 16, "key": 16}
    widget.show_pin(widget.pin("kept")["name"])
    assert "closed" in repr(widget)
    assert "<img" in widget.still_bundle()["text/html"]
    widget.close()
    assert list(tmp_path.iterdir()) == []
