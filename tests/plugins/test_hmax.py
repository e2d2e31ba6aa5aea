"""HMAX: every layer beside explicit loops, published files, and one pass at full size."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torch.nn.functional import conv2d, pad

from bench.models.checks import stage_facts
from bench.models.door import door_for
from bench.models.load import load_spec
from bench.models.weights import fill
from bench.plugins import Plugins
from bench.spec import ModelSpec
from bench.stimuli.images import METAMER, ImageFiles, inspect
from bench_plugins.hmax.network import C1, C2, S1, PatchDistances, by_spectrum, directly

SIZES = range(2, 17, 2)
# Single precision answered up to 22 on these.
PHOTOGRAPHS_WITH_BLACK = ("n02096051_Airedale.JPEG", "n01817953_African_grey.JPEG")
C1_SIDES = (63, 51, 42, 36, 32, 28, 26, 23)


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    torch.set_num_threads(1)
    found = Plugins(found=[EntryPoint("hmax", "bench_plugins.hmax", "bench")])
    return found.models.get("hmax_standard")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, size=(44, 44))


def plain_gabor(size: int, wavelength: float, orientation: float) -> np.ndarray:
    lam = size * 2 / wavelength
    theta = np.deg2rad(orientation + 90)
    filt = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            x, y = row - size // 2, column - size // 2
            if np.sqrt(x**2 + y**2) > size / 2:
                continue
            rx = x * np.cos(theta) + y * np.sin(theta)
            ry = -x * np.sin(theta) + y * np.cos(theta)
            envelope = np.exp(-(rx**2 + 0.3**2 * ry**2) / (2 * (0.8 * lam) ** 2))
            filt[row, column] = envelope * np.cos(2 * np.pi * rx / lam)
    filt -= filt.mean()
    return filt / np.sqrt((filt**2).sum())


def plain_s1(image: np.ndarray) -> np.ndarray:
    side = len(image)
    maps = np.zeros((64, side, side))
    for k in range(16):
        size, wavelength = 7 + 2 * k, 4 - 0.05 * k
        for o, orientation in enumerate((90, -45, 0, 45)):
            filt = plain_gabor(size, wavelength, orientation)
            for i in range(side - size + 1):
                for j in range(side - size + 1):
                    seen = image[i : i + size, j : j + size]
                    response = abs((seen * filt).sum()) / np.sqrt((seen**2).sum() + 1e-10)
                    maps[4 * k + o, i + size // 2, j + size // 2] = response
    return maps


def test_s1_is_a_normalised_gabor_response_without_borders(image: np.ndarray) -> None:
    found = S1()(torch.tensor(image, dtype=torch.float32)[None, None])[0]
    np.testing.assert_allclose(found.numpy(), plain_s1(image), atol=2e-5)


def direct_s1(image: torch.Tensor) -> torch.Tensor:
    """The same maps in double precision by convolution, with their gradient."""
    maps = []
    for k in range(16):
        size, wavelength = 7 + 2 * k, 4 - 0.05 * k
        bank = np.stack([plain_gabor(size, wavelength, deg) for deg in (90, -45, 0, 45)])
        response = conv2d(image, torch.tensor(bank.astype(np.float32)).double()[:, None]).abs()
        energy = conv2d(image**2, torch.ones(1, 1, size, size, dtype=torch.float64))
        maps.append(pad(response / torch.sqrt(energy + 1e-10), [size // 2] * 4))
    return torch.cat(maps, dim=1)


@pytest.mark.parametrize(("side", "bar"), [(44, 12), (250, 60)])
def test_s1_keeps_its_bound_and_gradient_beside_black(side: int, bar: int) -> None:
    """All black windows answer 0; no window answers more than 1 (Cauchy and Schwarz)."""
    generator = torch.Generator().manual_seed(4)
    image = 255 * torch.rand(1, 1, side, side, generator=generator)
    image[..., :bar, :] = 0
    weights = torch.rand(1, 64, side, side, generator=generator)
    single = image.clone().requires_grad_()
    double = image.double().requires_grad_()
    found, expected = S1()(single), direct_s1(double)
    assert found.max() <= 1 + 1e-6
    assert not found[:, :4, : bar - 3].any()  # 7 px: nothing but black up to 3 px from the bar
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-6)
    (own,) = torch.autograd.grad((weights * found).sum(), single)
    (true,) = torch.autograd.grad((weights.double() * expected).sum(), double)
    scale = true.abs().max().item()
    assert scale < 1e3
    torch.testing.assert_close(own.double(), true, rtol=0, atol=1e-5 * scale)


def test_s1_filters_alike_where_there_is_no_double_precision() -> None:
    image = 255 * torch.rand(1, 1, 44, 44, generator=torch.Generator().manual_seed(5))
    image[..., :12, :] = 0
    bank = torch.tensor(np.stack([plain_gabor(9, 3.95, deg) for deg in (90, 0)])).float()
    found = directly(image)(bank)
    assert found.shape == (1, 2, 36, 36)
    assert not found[..., :4, :].any()
    torch.testing.assert_close(found, by_spectrum(image)(bank), rtol=0, atol=1e-3)


def test_s1_keeps_its_bound_on_photographs(spec: ModelSpec, shared: Path) -> None:
    sample = shared / "data/imagenet-sample"
    if not sample.is_dir():
        pytest.skip(f"needs photographs in {sample}")
    door = door_for(spec.input)
    for name in PHOTOGRAPHS_WITH_BLACK:
        (path,) = sample.glob(f"*/{name}")
        photograph = ImageFiles([inspect(path, name)], METAMER)[:]
        assert S1()(door(torch.from_numpy(photograph))).max() <= 1 + 1e-6


def test_stimuli_are_enlarged_as_torchvision_does_by_default(spec: ModelSpec) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    resize = transforms.Compose([transforms.Resize(250), transforms.CenterCrop(250)])
    pixels = np.random.default_rng(6).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    expected = np.asarray(resize(Image.fromarray(pixels)), np.float64) @ (0.299, 0.587, 0.114)
    stimulus = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    found = door_for(spec.input)(stimulus)[0, 0].double().numpy()
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.5  # the rounding to 8 bits between


def test_c1_is_the_maximum_over_scales_and_windows() -> None:
    s1 = np.random.default_rng(1).uniform(size=(64, 50, 50))
    found = C1()(torch.tensor(s1, dtype=torch.float32)[None])
    assert len(found) == 8
    for band, k in enumerate(range(8, 23, 2)):
        stride, border = k // 2, k // 2
        side = (50 + 2 * border - k) // stride + 1
        for o in range(4):
            both = np.maximum(s1[8 * band + o], s1[8 * band + 4 + o])
            for i in range(side):
                for j in range(side):
                    top, left = max(0, stride * i - border), max(0, stride * j - border)
                    seen = both[top : stride * i - border + k, left : stride * j - border + k]
                    assert found[band][0, o, i, j].item() == pytest.approx(seen.max())
        assert found[band].shape == (1, 4, side, side)


def plain_s2(c1: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """One patch (4, s, s) at every position of one band (4, n, n), zeros beyond its borders."""
    s, n = patch.shape[1], c1.shape[1]
    padded = np.pad(c1, ((0, 0), (s // 2, s // 2), (s // 2, s // 2)))
    side = n + 2 * (s // 2) - s + 1
    out = np.empty((side, side))
    for i in range(side):
        for j in range(side):
            out[i, j] = np.exp(-((padded[:, i : i + s, j : j + s] - patch) ** 2).sum() / 2)
    return out


def test_s2_and_c2_are_tuned_responses_and_their_maxima() -> None:
    rng = np.random.default_rng(2)
    bands = [rng.uniform(size=(4, n, n)) for n in (9, 6)]
    sets = [rng.uniform(size=(3, 4, s, s)) for s in (2, 4)]
    distances = PatchDistances(
        tuple(torch.tensor(b, dtype=torch.float32)[None] for b in bands),
        [torch.tensor(p, dtype=torch.float32) for p in sets],
    )
    maps = [[[plain_s2(b, p) for p in patches] for b in bands] for patches in sets]
    flat = np.concatenate([np.ravel(m) for size in maps for band in size for m in band])
    np.testing.assert_allclose(distances.responses()[0].numpy(), flat, rtol=1e-4, atol=1e-7)
    best = [[max(band[p].max() for band in size) for p in range(3)] for size in maps]
    np.testing.assert_allclose(C2()(distances)[0].numpy(), best, rtol=1e-4)
    torch.testing.assert_close(distances.responses().max(), C2()(distances).max())


@pytest.fixture(scope="module")
def patches() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.uniform(0, 0.3, size=(400, 4, s, s)).astype(np.float32) for s in SIZES]


@pytest.fixture(scope="module")
def patch_file(patches: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches in the published layout: entry[(o, x, y), n] holds patch n at row y, column x."""
    cells = np.empty((1, 8), dtype=object)
    for i, p in enumerate(patches):
        s = p.shape[-1]
        entry = np.empty((4, s, s, 400))
        for o in range(4):
            for row in range(s):
                for column in range(s):
                    entry[o, column, row] = p[:, o, row, column]
        cells[0, i] = entry.reshape(4 * s * s, 400)
    sizes = np.array([[s, s, 4, 400] for s in SIZES], dtype=np.uint16).T
    path = tmp_path_factory.mktemp("patches") / "universal_patch_set.mat"
    savemat(path, {"patches": cells, "patchSizes": sizes})
    return path


def test_a_published_patch_set_is_read(
    spec: ModelSpec, patches: list[np.ndarray], patch_file: Path
) -> None:
    model = load_spec(spec, patch_file, "cpu")
    for own, published in zip(model.module.s2.patches, patches, strict=True):
        np.testing.assert_allclose(own.numpy(), published, rtol=1e-6)
    assert not model.module.fc.weight.any()


def test_the_papers_checkpoint_is_read(spec: ModelSpec, patches: list[np.ndarray]) -> None:
    """Its S2 filters each orientation apart: (4 x 400, 1, s, s), orientations outermost."""
    state = {"module.normalizer.new_mean": torch.zeros(1)}
    for i, p in enumerate(patches):
        apart = p.transpose(1, 0, 2, 3).reshape(1600, 1, *p.shape[2:])
        state[f"module.model.s2_units.{i}.conv.weight"] = torch.from_numpy(apart.copy())
        state[f"module.model.s2_units.{i}.uniform.weight"] = torch.ones(1, 1, 2, 2)
        state[f"module.model.s2_units.{i}.patches_sum_sq"] = torch.zeros(400)
        state[f"module.model.s1_units.{i}.gabor.weight"] = torch.zeros(4, 1, 7, 7)
    readout = torch.randn(1000, 3200, generator=torch.Generator().manual_seed(0))
    state |= {"module.model.fc.weight": readout, "module.model.fc.bias": torch.arange(1000.0)}
    net = spec.build(None)
    fill(net, state, spec.weights["default"], spec.id)
    for own, published in zip(net.s2.patches, patches, strict=True):
        np.testing.assert_array_equal(own.numpy(), published)
    torch.testing.assert_close(net.fc.weight.detach(), readout)


def test_at_full_size(spec: ModelSpec) -> None:
    """Shapes, groups of units, gradients: all that needs the whole network, in few passes."""
    model = load_spec(spec, None, "cpu")
    x = torch.rand(1, 3, 250, 250, generator=torch.Generator().manual_seed(0))
    shapes = {fact.name: fact.shape for fact in stage_facts(model, x)}
    assert shapes == {
        "s1_out": (64, 250, 250),
        "c1_out_no_reshape": (50_572,),
        "s2_out_reshape_to_list": (42_409_600,),
        "c2_out": (8, 400),
        "final": (1000,),
    }
    with torch.no_grad():
        bands = model.module.c1(model.module.s1(model.door(x)))
    assert [tuple(band.shape[1:]) for band in bands] == [(4, n, n) for n in C1_SIDES]
    x.requires_grad_(True)
    (gradient,) = torch.autograd.grad(model.at_stage(x, "c2_out").sum(), x)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


@pytest.mark.parametrize(
    ("stage", "sizes", "units"),
    [
        ("s1_out", [1] * 64, 64),  # channels
        ("c1_out_no_reshape", [4 * n * n for n in C1_SIDES], 50_572),
        ("s2_out_reshape_to_list", [5_301_200] * 8, 42_409_600),
        ("c2_out", [1] * 8, 8),  # patch sizes
    ],
)
def test_groups_of_units_cut_a_stage_into_its_channels_scales_and_sizes(
    spec: ModelSpec, stage: str, sizes: list[int], units: int
) -> None:
    groups = spec.stage(stage).unit_sets
    assert [g.stop - g.start for g in groups] == sizes
    assert [g.start for g in groups] == [0, *np.cumsum(sizes)[:-1]]
    assert groups[-1].stop == units


def test_a_group_is_what_its_stage_computed_from_one_band_or_size(spec: ModelSpec) -> None:
    model = load_spec(spec, None, "cpu")
    x = torch.rand(1, 1, 250, 250)
    flat = model.activations(x, ["c1_out_no_reshape"])["c1_out_no_reshape"]
    with torch.no_grad():
        bands = model.module.c1(model.module.s1(model.door(x)))
        alone = PatchDistances(bands, [model.module.s2.patches[7]]).responses()
    band = spec.stage("c1_out_no_reshape").unit_sets[5]
    torch.testing.assert_close(flat[:, band], bands[5].flatten(1), rtol=0, atol=0)
    last = spec.stage("s2_out_reshape_to_list").unit_sets[7]
    assert alone.shape[1] == last.stop - last.start


def test_all_units_and_the_readout_have_no_groups(spec: ModelSpec) -> None:
    assert spec.stage("final").unit_sets == ()
    assert spec.match_measures == ("snr_db",)
