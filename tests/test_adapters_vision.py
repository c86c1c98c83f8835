"""Vision models: which tokens are patches, where they lie, and the image behind them."""

from __future__ import annotations

import direct
import numpy as np
import pytest
import tiny_models as tiny
import torch

import attn_widget as aw


def fake(n: int, batch: int = 1) -> tuple[torch.Tensor, ...]:
    return tuple(torch.softmax(torch.randn(batch, 2, n, n), -1) for _ in range(2))


@pytest.mark.parametrize("name", tiny.named("vision"))
def test_rollout_and_flow_of_a_vision_model(name):
    image = tiny.pixels()
    outputs = tiny.tiny(name)(pixel_values=image, output_attentions=True)
    attention = aw.from_vision(outputs, image=image, batch=1)
    extra = tiny.TABLE[name].extra
    assert attention.special == tuple(range(extra))
    assert attention.tokens == (
        *("[CLS]", "[DIST]")[:extra],
        "0,0",
        "0,1",
        "0,2",
        "1,0",
        "1,1",
        "1,2",
        "2,0",
        "2,1",
        "2,2",
    )
    assert (attention.picture.grid, attention.picture.first) == ((3, 3), extra)
    maps = direct.fused(outputs.attentions, 1)
    np.testing.assert_allclose(aw.rollout(attention), direct.rollout(maps), atol=1e-6)
    found = aw.attention_flow(attention, sources=[0], sinks=[extra, extra + 8])
    for column, sink in enumerate((extra, extra + 8)):
        assert found[0, column] == pytest.approx(direct.flow(maps, 0, sink), abs=1e-6)


def test_a_patch_knows_its_cell_and_a_cell_its_token():
    attention = aw.from_vision(fake(2 + 6), grid=(2, 3))
    picture = attention.picture
    assert [picture.cell(token) for token in (0, 1, 2, 4, 5, 7)] == [
        None,
        None,
        (0, 0),
        (0, 2),
        (1, 0),
        (1, 2),
    ]
    assert all(picture.token(*picture.cell(t)) == t for t in range(2, 8))
    np.testing.assert_array_equal(picture.heat(np.arange(8)), [[2, 3, 4], [5, 6, 7]])


@pytest.mark.parametrize(
    ("n", "settings", "grid", "first", "names"),
    [
        (16, {}, (4, 4), 0, ()),
        (17, {}, (4, 4), 1, ("[CLS]",)),
        (18, {}, (4, 4), 2, ("[CLS]", "[DIST]")),
        (21, {}, (4, 4), 5, ("[CLS]", "[REG 1]", "[REG 2]", "[REG 3]", "[REG 4]")),
        (9, {"image": np.zeros((16, 32, 3))}, (2, 4), 1, ("[CLS]",)),
        (9, {"image": np.zeros((32, 16))}, (4, 2), 1, ("[CLS]",)),
        (17, {"image": np.zeros((480, 640, 3))}, (4, 4), 1, ("[CLS]",)),  # squeezed to a square
        (14, {"grid": (3, 4), "before": 1}, (3, 4), 1, ("[CLS]", "[DIST]")),
        (14, {"grid": (3, 4), "before": 0, "names": ("a", "b")}, (3, 4), 0, ("a", "b")),
    ],
)
def test_the_grid_and_the_other_tokens(n, settings, grid, first, names):
    attention = aw.from_vision(fake(n), **settings)
    assert attention.picture.grid == grid
    assert attention.picture.first == first
    assert tuple(attention.tokens[i] for i in attention.special) == names
    assert attention.tokens[first] == "0,0"


def test_from_huggingface_takes_images_too():
    image = np.zeros((24, 24, 3), np.uint8)
    outputs = tiny.tiny("deit")(pixel_values=tiny.pixels(), output_attentions=True)
    attention = aw.from_huggingface(outputs, image=image, batch=0)
    assert attention.picture.grid == (3, 3)
    assert attention.picture.image is not None
    np.testing.assert_array_equal(attention.picture.image, image)


@pytest.mark.parametrize(
    ("image", "shape", "dtype"),
    [
        (np.full((8, 8, 3), 7, np.uint8), (8, 8, 3), np.uint8),
        (torch.zeros(3, 8, 8), (8, 8, 3), np.float32),
        (torch.zeros(2, 3, 8, 8), (8, 8, 3), np.float32),
        (np.zeros((8, 8, 4)), (8, 8, 3), np.float32),
        (np.zeros((1, 8, 8)), (8, 8), np.float32),
        (np.arange(64).reshape(8, 8), (8, 8), np.uint8),
        (torch.randn(3, 8, 8, dtype=torch.bfloat16), (8, 8, 3), np.float32),
    ],
)
def test_images_of_any_layout(image, shape, dtype):
    found = aw.from_vision(fake(5), image=image).picture.image
    assert (found.shape, found.dtype) == (shape, dtype)
    assert found.min() >= 0
    assert dtype == np.uint8 or found.max() <= 1


def test_what_a_processor_returned_is_an_image_too():
    pixels = tiny.pixels()
    found = aw.from_vision(fake(10), image=tiny.hf.BatchFeature({"pixel_values": pixels[:1]}))
    same = aw.from_vision(fake(10), image=pixels[0])
    np.testing.assert_array_equal(found.picture.image, same.picture.image)


@pytest.mark.parametrize(
    ("grid", "size"),
    [
        ((3, 4), (24, 32)),
        ((3, 4), (29, 39)),  # an edge narrower than a patch is left over
        ((12, 101), (128, 1024)),  # patches that overlap, as of a spectrogram
        ((4, 4), (480, 640)),  # squeezed to a square
    ],
)
def test_an_image_that_the_grid_cuts_into_patches(grid, size):
    rows, columns = grid
    one = (np.full((1, 1, rows * columns, rows * columns), 1 / (rows * columns), np.float16),)
    assert aw.from_vision(one, image=np.zeros(size), grid=grid).picture.grid == grid


def test_the_grid_of_a_capture_is_what_the_model_saw():
    """Four other tokens and 3 x 4 patches: 16 tokens, which might be a square."""
    hf = tiny.hf
    config = hf.YolosConfig(**{**tiny._IMAGE, "image_size": [24, 32]}, num_detection_tokens=3)
    model = hf.YolosModel(config).eval()
    pixels = torch.zeros(1, 3, 24, 32)
    with torch.no_grad(), aw.capture(model) as captured:
        model(pixel_values=pixels)
    found = captured.attention(before=1)
    assert (found.picture.grid, found.picture.first) == ((3, 4), 1)
    assert aw.from_vision(captured, image=pixels).picture.grid == (3, 4)


def test_a_head_that_pools_is_no_layer():
    hf = tiny.hf
    model = hf.SiglipVisionModel(hf.SiglipVisionConfig(**tiny._IMAGE)).eval()
    with torch.no_grad(), aw.capture(model) as captured:
        model(pixel_values=tiny.pixels())
    found = captured.attention(batch=0)
    assert (found.n_layers, found.picture.grid, found.special) == (3, (3, 3), ())


def test_models_whose_maps_are_not_of_all_patches_are_refused():
    hf = tiny.hf
    masked = hf.ViTMAEModel(hf.ViTMAEConfig(**tiny._IMAGE, decoder_num_hidden_layers=1)).eval()
    with torch.no_grad(), aw.capture(masked) as captured:
        masked(pixel_values=tiny.pixels())
    with pytest.raises(aw.AttentionError, match="saw 3 x 3 patches and the attention covers 3"):
        captured.attention(batch=0)
    windows = hf.SwinModel(
        hf.SwinConfig(
            image_size=16, patch_size=2, embed_dim=8, depths=[1], num_heads=[1], window_size=4
        )
    ).eval()
    with torch.no_grad(), aw.capture(windows) as captured:
        windows(pixel_values=torch.zeros(1, 3, 16, 16))
    with pytest.raises(aw.AttentionError, match="saw 1 image and each layer holds 4 maps"):
        captured.attention(batch=0)


def test_a_batch_of_images_holds_the_one_wanted():
    with pytest.raises(aw.AttentionError, match="image 3 is out of range"):
        aw.from_vision(fake(10, batch=4), image=torch.zeros(2, 3, 24, 24), batch=3)


def test_a_pil_image():
    class Image:
        """As much of a PIL image as is asked of it."""

        size = (8, 8)

        def convert(self, mode):
            assert mode == "RGB"
            return np.full((8, 8, 3), 9, np.uint8)

    assert (aw.from_vision(fake(5), image=Image()).picture.image == 9).all()


@pytest.mark.parametrize(
    ("n", "settings", "message"),
    [
        (8, {"grid": (3, 3)}, "3 x 3 patches needs 9 tokens and the attention covers 8"),
        (8, {"grid": 3}, "grid must be"),
        (8, {"grid": (0, 3)}, "grid must be"),
        (8, {"grid": (2.5, 3)}, "grid must be"),
        (10, {"before": "1"}, "before must be"),
        (10, {"image": np.zeros((24, 24)), "grid": (1, 9)}, "24 x 24 pixels.*not square"),
        (10, {"image": np.zeros((24, 25, 3)), "grid": (2, 4)}, "24 x 25 pixels.*not square"),
        (10, {"image": np.full((8, 8), np.nan)}, "NaN"),
        (10, {"image": "cat.png"}, "image is a str, which holds no pixels"),
        (13, {"grid": (3, 4), "before": 2}, "before=2 and a grid of 3 x 4"),
        (13, {"grid": (3, 4), "names": ("a", "b")}, "names has 2 entries for the 1 tokens"),
        (15, {"before": 1}, "No square grid fits 15 tokens"),
        (15, {"image": np.zeros((16, 112, 3)), "before": 1}, "nor one .* 16 x 112 image fits 15"),
        (5, {"image": np.zeros((8, 8, 5))}, r"shape \(8, 8, 5\)"),
        (5, {"image": np.zeros(8)}, "image has shape"),
    ],
)
def test_what_does_not_fit_is_named(n, settings, message):
    with pytest.raises(aw.AttentionError, match=message):
        aw.from_vision(fake(n), **settings)


def test_both_sides_of_clip_are_too_many():
    outputs = tiny.hf.models.clip.modeling_clip.CLIPOutput(vision_model_output=object())
    with pytest.raises(aw.AttentionError, match="vision_model_output or outputs"):
        aw.from_vision(outputs)
