"""The word recognition networks beside the paper: names, stages, shapes, layers, checkpoints.

Expected values: Feather et al. 2023, Supplementary Modeling Note 2 and Table 4; the project's copy
of the authors' model list; formulas written out anew.
"""

from __future__ import annotations

import itertools
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

from bench.models.load import load_spec
from bench.models.weights import fill
from bench.plugins import Plugins
from bench.spec import AudioInput
from bench.synthesis.named import PROTOCOLS
from bench.synthesis.schedules import subset_at
from bench_plugins.kell2018.network import Conv2dSame, PadSame, average_pool, max_pool
from bench_plugins.spectemp import coarse_to_fine, tunings
from bench_plugins.spectemp.network import FilterBank, Power

FAMILIES = ("kell2018", "cochresnet50", "spectemp")
COCHCNN9 = {
    "input_after_preproc": ((1, 211, 390), 82290),
    "relu0": ((96, 71, 130), 886080),
    "relu1": ((256, 18, 33), 152064),
    "relu2": ((512, 9, 17), 78336),
    "relu3": ((1024, 9, 17), 156672),
    "relu4": ((512, 9, 17), 78336),
    "avgpool": ((512, 5, 9), 23040),
    "relufc": ((4096,), 4096),
    "final": ((794,), 794),
}
COCHRESNET50 = {
    "input_after_preproc": ((1, 211, 390), 82290),
    "conv1_relu1": ((64, 106, 195), 1322880),
    "layer1": ((256, 53, 98), 1329664),
    "layer2": ((512, 27, 49), 677376),
    "layer3": ((1024, 14, 25), 358400),
    "layer4": ((2048, 7, 13), 186368),
    "avgpool": ((2048, 1, 1), 2048),
    "final": ((794,), 794),
}
SPECTEMP = {  # 9 rates x 7 scales, and the other direction of those with both, on the cochleagram
    "input_after_preproc": ((1, 211, 390), 82290),
    "filtered_signal": ((9 * 7 + 8 * 6, 211, 390), 111 * 82290),
    "spectempfilter_power": ((111, 211, 390), 111 * 82290),
    "avgpool": ((111, 211, 1), 111 * 211),
    "final": ((794,), 794),
}


def plugins() -> Plugins:
    return Plugins([EntryPoint(name, f"bench_plugins.{name}", "bench") for name in FAMILIES])


def test_names_stages_accuracies_and_inputs_are_the_papers(published) -> None:
    sounds = {name: entry for name, entry in published.items() if entry["modality"] == "audio"}
    specs = {spec.id: spec for spec in plugins().models}
    assert specs.keys() == sounds.keys()
    measures = {"spearman_rho": "spearman", "pearson_r": "pearson", "dB_SNR": "snr_db"}
    for name, paper in sounds.items():
        spec = specs[name]
        assert list(spec.stages) == paper["stages"], name
        assert spec.accuracy == pytest.approx(paper["top1_accuracy_percent"] / 100), name
        assert spec.input == AudioInput(rate_hz=20_000, samples=40_000)
        assert spec.labels == "words"
        assert spec.match_measures == tuple(measures[m] for m in paper["success_measures"])
        kind = {"": "", "adversarial": "adversarial", "random": "random perturbation"}
        words = (
            kind[paper["perturbation_training"]],
            paper["perturbation_norm"].capitalize(),
            paper["perturbation_epsilon"],
            paper["perturbation_space"],
        )
        if any(words):
            assert spec.training == " ".join(words), name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("kell2018", COCHCNN9), ("cochresnet50", COCHRESNET50), ("spectemp_filters", SPECTEMP)],
)
def test_shapes_and_feature_counts_are_the_papers(
    name, expected, table, modified_relus, published
) -> None:
    spec = plugins().models.get(name)
    assert {stage: (shape, n) for stage, shape, n in table(spec)} == expected
    assert modified_relus(spec) == published[name]["stages_with_modified_relu"]


@pytest.mark.parametrize("size", [(5, 7), (6, 8), (211, 390), (9, 17)])
@pytest.mark.parametrize(
    ("kernel", "stride"), [((2, 5), (2, 2)), ((7, 14), (3, 3)), ((2, 5), (1, 1))]
)
def test_same_padding_is_tensorflows(size, kernel, stride) -> None:
    x = torch.ones(1, 1, *size)
    padded = PadSame(kernel, stride)(x)[0, 0].numpy()
    for axis in (0, 1):
        n, k, s = size[axis], kernel[axis], stride[axis]
        out = int(np.ceil(n / s))
        total = max((out - 1) * s + k - n, 0)
        row = np.concatenate([np.zeros(total // 2), np.ones(n), np.zeros(total - total // 2)])
        np.testing.assert_array_equal(padded.max(axis=1 - axis), row)


def test_pools_and_convolutions_at_the_borders() -> None:
    x = -torch.arange(1.0, 13).reshape(1, 1, 3, 4)  # rows -1..-4, -5..-8, -9..-12
    found = max_pool((2, 5), (2, 2))(x)[0, 0]
    # columns: windows of 5 from -1 (total 3: one before, two after), then from 1
    assert found.tolist() == [[-1, -2], [-9, -10]]
    found = average_pool((2, 5), (2, 2))(x)[0, 0]
    assert found[0].tolist() == pytest.approx([-36 / 10, -(2 + 3 + 4 + 6 + 7 + 8) / 10])
    assert found[1].tolist() == pytest.approx([-42 / 10, -33 / 10])  # zeros below count
    conv = Conv2dSame(1, 1, (2, 5), (1, 1))
    assert conv.bias is None
    weight = conv.weight.detach()[0, 0]
    # The last row sees one row of zeros below, the last column two of them to its right.
    by_hand = sum(weight[0, 2 + j] * x[0, 0, 2, 3 + j] for j in (-2, -1, 0))
    assert conv(x)[0, 0, 2, 3].item() == pytest.approx(by_hand.item(), rel=1e-5)


def layouts(own: dict[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """Return the authors' two layouts of a checkpoint: behind the front end, and without it."""
    normaliser = {"module.preproc.normalize.new_mean": torch.zeros(1)}
    ear = "full_rep.rep.Cochleagram.compute_subbands.coch_filters"
    behind = {"module.model.1." + name: value for name, value in own.items()}
    attacked = {"module.attacker.model.1." + name: -value for name, value in own.items()}
    alone = {"module.model." + name: value for name, value in own.items()}
    return {
        "waveform": {**attacked, **normaliser, f"module.model.0.{ear}": torch.zeros(3), **behind},
        "cochleagram": {
            "module.normalizer.new_std": torch.ones(1),
            f"module.preproc.{ear}": torch.zeros(3),
            **{name.replace("model.1.", "model."): value for name, value in attacked.items()},
            **alone,
        },
    }


@pytest.mark.parametrize("layout", ["waveform", "cochleagram"])
@pytest.mark.parametrize("name", ["kell2018", "cochresnet50"])
def test_both_layouts_of_checkpoints_load(name: str, layout: str) -> None:
    spec = plugins().models.get(name)
    torch.manual_seed(0)
    trained, net = spec.build(None), spec.build(None)
    state = layouts(trained.state_dict())[layout]
    fill(net, state, spec.weights["default"], name)
    for key, value in trained.state_dict().items():
        assert torch.equal(net.state_dict()[key], value), key


def test_a_checkpoint_of_spectemp_brings_its_readout_alone() -> None:
    spec = plugins().models.get("spectemp_filters")
    net = spec.build(None)
    weight, bias = torch.rand(794, 111 * 211), torch.rand(794)
    state = {
        "module.model.0.full_rep.rep.Cochleagram.downsampling.downsample_filter": torch.zeros(2),
        "module.model.1.spectempfilterbank.apply_filt.all_Hts": torch.zeros(4),
        "module.model.1.classification.weight": weight,
        "module.model.1.classification.bias": bias,
    }
    fill(net, state, spec.weights["default"], spec.id)
    assert torch.equal(net.classification.weight, weight)
    assert torch.equal(net.classification.bias, bias)


def authors_filter(hz: float, scale: float) -> np.ndarray:
    """Return a filter's whole transfer function ``(422, 1170)`` as the authors' code defines it."""
    n_t, n_f = 3 * 390, 2 * 211
    time, bands = np.zeros(n_t, complex), np.zeros(n_f)
    if hz == 0:
        time[0] = 1
    else:
        t = np.arange(390) / 200 * abs(hz)
        h = np.sin(2 * np.pi * t) * t**2 * np.exp(-3.5 * t)
        spectrum = np.fft.fft(np.concatenate([h - h.mean(), np.zeros(780)]))
        gain = np.abs(spectrum) / np.abs(spectrum).max()
        if abs(hz) == 64:
            positive, negative = np.argmax(gain[:586]), np.argmax(gain[586:]) + 586
            gain[positive:negative] = 1
        time = gain * np.exp(1j * np.angle(spectrum))
    if scale == 0:
        bands[0] = 1
    else:
        ratio = (6 * np.arange(212) / n_f / scale) ** 2
        half = ratio * np.exp(-ratio)
        half /= half.max()
        if scale == 2:
            half[np.argmax(half) :] = 1
        bands = np.concatenate([half, half[1:211][::-1]])
    product = np.outer(bands, time)
    if hz and scale:
        f_t, f_s = np.sign(np.fft.fftfreq(n_t)), np.sign(np.fft.fftfreq(n_f))
        f_t[585], f_s[211] = 0, 0  # Nyquist has no sign
        product[np.outer(f_s, f_t) == -np.sign(hz)] = 0
    return product


def test_filters_are_the_authors() -> None:
    x = np.random.default_rng(0).random((211, 390))
    found = FilterBank()(torch.from_numpy(x).float()[None, None])[0].numpy()
    padded = np.zeros((422, 1170))
    padded[:211, :390] = 100 * x
    spectrum = np.fft.fft2(padded)
    chosen = [0, 3, 9, 20, 8, 62, 63, 75, 110]
    for i in chosen:
        expected = np.fft.ifft2(spectrum * authors_filter(*tunings()[i]))[:211, :390]
        assert np.abs(expected.imag).max() < 1e-9 * np.abs(expected).max()
        np.testing.assert_allclose(found[i], expected.real, atol=1e-4 * np.abs(expected).max())


def test_tunings_are_the_papers_with_the_mean_of_all() -> None:
    both = [(abs(hz), s) for hz, s in tunings() if hz and s]
    assert len(both) == 96  # two directions of 8 rates x 6 scales
    assert len({hz for hz, s in tunings() if hz and not s}) == 8
    assert len({s for hz, s in tunings() if s and not hz}) == 6
    assert tunings().count((0, 0)) == 1
    assert len(tunings()) == 111


def test_filters_enter_from_coarse_to_fine() -> None:
    rates, scales = (0, 0.5, 1, 2, 4, 8, 16), (0, 0.0625, 0.125, 0.25, 0.5, 1, 2)
    sets = coarse_to_fine()
    for i, (rate, scale) in enumerate(zip(rates, scales, strict=True)):
        members = {k for k, (hz, s) in enumerate(tunings()) if abs(hz) <= rate or s <= scale}
        assert set(sets[i]) == members
    assert all(set(a) < set(b) for a, b in itertools.pairwise(sets))
    assert sets[-1] == list(range(111))
    spec = plugins().models.get("spectemp_filters")
    assert [n for n, s in spec.stages.items() if s.unit_sets] == [
        "filtered_signal",
        "spectempfilter_power",
    ]
    protocol = PROTOCOLS[spec.protocols["feather2023"]]
    in_force = [subset_at(protocol, step, len(sets)) for step in (0, 399, 400, 2399, 2400, 2999)]
    assert in_force == [0, 0, 1, 5, 6, 6]
    assert subset_at(protocol, 23_999, len(sets)) == 6


def test_power_has_a_floor() -> None:
    x = torch.tensor([0.0, 1e-5, -0.1, 3.0])
    assert Power()(x).tolist() == pytest.approx([1e-8, 1e-8, 0.01, 9.0])


def test_gradients_reach_the_noise_where_synthesis_starts() -> None:
    model = load_spec(plugins().models.get("kell2018"), None, "cpu")
    x = 1e-7 * torch.randn(1, 40_000, generator=torch.Generator().manual_seed(0))
    x.requires_grad_(True)
    value = model.at_stage(x, "relu4", modified_relu=True)
    (gradient,) = torch.autograd.grad(value.square().sum(), x)
    assert gradient.isfinite().all()
    assert gradient.any()
