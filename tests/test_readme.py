"""What the README claims: its code runs, its pictures are there, its figures are measured."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import attn_widget as aw
from attn_widget.experiments.report import load_report

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use, own_model, images, send, check = re.findall(
        r"```python\n(.*?)```", README, flags=re.DOTALL
    )
    names: dict[str, object] = {}
    exec(compile(use, "README.md", "exec"), names)
    assert names["pair"].binding == "interior"
    assert names["widget"].relevance.shape == (16,)
    compile(own_model, "README.md", "exec")
    compile(images, "README.md", "exec")
    compile(check, "README.md", "exec")
    monkeypatch.chdir(tmp_path)
    exec(compile(send, "README.md", "exec"), names)
    assert 0.25e6 < (tmp_path / "trophy.html").stat().st_size < 0.35e6


def test_its_pictures_are_there() -> None:
    named = re.findall(r'(?:src|srcset)="([^"]+)"', README)
    assert len(named) == 12
    assert all((ROOT / name).is_file() for name in named)


def saturated(stop: int, **settings: object) -> float:
    """Share of pairs whose flow is the trivial bound min(out, in), in per cent."""
    sample = aw.load_sample("curie")
    flow = aw.attention_flow(sample, levels=(0, stop), **settings)
    bottom = aw.layer_maps(sample, levels=(0, stop), **settings)[0]
    return 100 * float((flow >= np.minimum(1, bottom.sum(axis=0)) - 1e-9).mean())


@pytest.mark.parametrize(
    ("residual", "wanted"), [(0.5, [1, 4, 33, 93]), (0.7, [0, 1, 3, 16]), (0.9, [0, 1, 1, 2])]
)
def test_it_says_how_often_flow_is_trivial(residual: float, wanted: list[int]) -> None:
    measured = [round(saturated(stop, residual=residual)) for stop in (3, 4, 5, 6)]
    assert measured == wanted
    row = " | ".join(f"{share} %" for share in wanted)
    assert f"residual {residual} | {row} |" in README.replace("**", "")


def test_it_says_what_the_full_experiment_found() -> None:
    report = load_report()
    table = report.table[(report.table["tokens"] == "text") & (report.table["stop"] == 6)]
    means = table.groupby(["reference", "method"])[["mean", "saturated"]].mean()
    real = report.minilm[(report.minilm["tokens"] == "text") & (report.minilm["stop"] == 6)]
    real = real[real["reference"] == "gradients"].set_index(["method", "residual"])["mean"]

    def short(value: float) -> str:
        return f"{value:.2f}".removeprefix("0")

    def ours(method: str, reference: str = "blank_out") -> str:
        return short(means["mean"][reference, method])

    words = " ".join(README.split())
    for said in (
        f"({ours('rollout')} at level 6, the paper .71)",
        f"gradients ({ours('rollout', 'gradients')}, the paper .54)",
        f"({ours('flow')}, the paper .70)",
        (
            f"lowest map alone ({ours('bound')}), with "
            f"{100 * means['saturated']['blank_out', 'flow']:.0f} % of its pairs"
        ),
        (
            f"at {short(real['attention', 0.5])}, flow at {short(real['flow', 0.5])}, rollout at "
            f"{short(real['rollout', 0.5])}"
        ),
        f"at residual 0.7 it agrees at {short(real['flow', 0.7])}",
    ):
        assert said in words


def test_it_says_how_far_causal_rollout_piles_up() -> None:
    uniform = np.tril(np.ones((64, 64)))
    uniform /= uniform.sum(axis=1, keepdims=True)
    piled = aw.rollout(np.broadcast_to(uniform, (32, 1, 64, 64)))[-1, 0]
    assert f"{100 * piled:.1f} %" in README
