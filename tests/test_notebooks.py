"""The notebooks run from top to bottom in a real kernel, and are stored without outputs."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
FIRST_LOOK = FOLDER / "01_first_look.ipynb"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def executed(path: Path) -> NotebookNode:
    """Run every cell; a cell that raises, a failed assertion among them, raises here."""
    client = NotebookClient(
        read(path),
        kernel_name="python3",
        timeout=300,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    return client.execute()


def test_the_notebooks_are_there() -> None:
    assert [path.name for path in NOTEBOOKS] == [
        "01_first_look.ipynb",
        "02_rollout_and_flow.ipynb",
        "03_text_models.ipynb",
        "04_vision.ipynb",
        "05_linked_views.ipynb",
        "06_save_and_share.ipynb",
        "07_does_it_tell_the_truth.ipynb",
        "08_corpora.ipynb",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    for cell in code_cells(read(path)):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_the_first_look_shows_two_widgets_a_table_and_no_error() -> None:
    notebook = executed(FIRST_LOOK)
    assert len(notebook.cells) < 15
    shown = [set(output.get("data", ())) for output in outputs(notebook)]
    assert sum(WIDGET_VIEW in kinds for kinds in shown) == 2
    assert sum("text/html" in kinds and WIDGET_VIEW not in kinds for kinds in shown) == 1
    assert [output for output in outputs(notebook) if output.output_type == "error"] == []


def test_the_mathematics_by_hand_holds() -> None:
    notebook = executed(FOLDER / "02_rollout_and_flow.ipynb")
    assertions = sum(cell.source.count("assert ") for cell in code_cells(notebook))
    assert assertions >= 20
    assert all(cell.execution_count is not None for cell in code_cells(notebook))
    assert [output for output in outputs(notebook) if output.output_type == "error"] == []


def test_linked_views_open_with_a_picture_and_keep_their_promises() -> None:
    notebook = executed(FOLDER / "05_linked_views.ipynb")
    first = code_cells(notebook)[0]
    assert any(WIDGET_VIEW in output.get("data", ()) for output in first.outputs)
    shown = [output for output in outputs(notebook) if WIDGET_VIEW in output.get("data", ())]
    assert len(shown) == 4
    assert [output for output in outputs(notebook) if output.output_type == "error"] == []
    assert sum("Try this" in cell.source for cell in notebook.cells) == 4


def test_save_and_share_opens_with_a_picture_and_keeps_its_promises() -> None:
    notebook = executed(FOLDER / "06_save_and_share.ipynb")
    (shown,) = code_cells(notebook)[0].outputs
    assert {WIDGET_VIEW, "text/html"} <= set(shown.data)
    said = "".join(output.get("text", "") for output in outputs(notebook))
    assert "is there already" in said
    assert "‘it’ at layer 4 draws" in said
    assert [output for output in outputs(notebook) if output.output_type == "error"] == []
    assert sum("Try this" in cell.source for cell in notebook.cells) == 5


def test_text_models_are_trained_and_drawn() -> None:
    """Its own assertions check that training found something and that the picture shows it."""
    notebook = executed(FOLDER / "03_text_models.ipynb")
    shown = [set(output.get("data", ())) for output in outputs(notebook)]
    assert sum(WIDGET_VIEW in kinds for kinds in shown) == 3
    assert [output for output in outputs(notebook) if output.output_type == "error"] == []


def test_a_vision_model_is_trained_and_drawn() -> None:
    """Its own assertions check accuracy, that shares sum to 1, and flow against rollout."""
    notebook = executed(FOLDER / "04_vision.ipynb")
    shown = [set(output.get("data", ())) for output in outputs(notebook)]
    assert sum(WIDGET_VIEW in kinds for kinds in shown) == 2
    assert [output for output in outputs(notebook) if output.output_type == "error"] == []
    printed = "".join(output.text for output in outputs(notebook) if "text" in output)
    left = [int(found) for found in re.findall(r"accuracy +(\d+)%", printed)]
    # Blanking what rollout names last, at random, first: each hurts at least as much.
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0]


def test_the_papers_experiment_is_told_as_it_came_out() -> None:
    """Its own assertions hold what the prose says to the numbers of the full run."""
    notebook = executed(FOLDER / "07_does_it_tell_the_truth.ipynb")
    shown = [set(output.get("data", ())) for output in outputs(notebook)]
    assert sum(WIDGET_VIEW in kinds for kinds in shown) == 4
    assert [output for output in outputs(notebook) if output.output_type == "error"] == []


def test_corpora_are_mapped_browsed_and_resumed() -> None:
    notebook = executed(FOLDER / "08_corpora.ipynb")
    shown = [set(output.get("data", ())) for output in outputs(notebook)]
    assert sum(WIDGET_VIEW in kinds for kinds in shown) == 2
    assert sum("text/html" in kinds and WIDGET_VIEW not in kinds for kinds in shown) == 2
    assert [output for output in outputs(notebook) if output.output_type == "error"] == []
    said = "".join(output.text for output in outputs(notebook) if output.output_type == "stream")
    assert "resume=True" in said
    assert "residual=None and this call says 0.9" in said


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_shown_in_prose_is_python(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for snippet in re.findall(r"```python\n(.*?)```", cell.source, flags=re.DOTALL):
                compile(snippet, path.name, "exec")
