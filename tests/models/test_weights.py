"""Weights: fetched from servers that misbehave, read without unpickling, put under their names."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import shlex
import subprocess
import sys
import threading
import zipfile
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.io import savemat
from torch import nn

from bench import config
from bench.errors import BenchError
from bench.models.download import download
from bench.models.reading import conversion_command, read_state, torchscript_command
from bench.models.weights import fill, locate
from bench.spec import Weights

BODY = bytes(range(256)) * 400
SHA256 = hashlib.sha256(BODY).hexdigest()
PAGE = b"  <!DOCTYPE html><html><body>Too large to scan for viruses</body></html>"


@dataclass
class Site:
    """A server on this machine: what it was asked for, and how it misbehaves."""

    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    cut_at: int = len(BODY)


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append((self.path, wanted))
            getattr(self, "_" + self.path.strip("/").split(".")[0].split("?")[0])(wanted)

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def _ranges(self, wanted: str | None) -> None:
            start = int(re.findall(r"\d+", wanted or "0")[0])
            if start >= len(BODY):
                self._answer(416, b"", Content_Range=f"bytes */{len(BODY)}")
                return
            self._answer(
                206 if wanted else 200,
                BODY[start : start + site.cut_at],
                Content_Length=str(len(BODY) - start),
                Content_Range=f"bytes {start}-{len(BODY) - 1}/{len(BODY)}",
            )

        def _no_ranges(self, wanted: str | None) -> None:
            self._answer(200, BODY, Content_Length=str(len(BODY)))

        def _always_cut(self, wanted: str | None) -> None:
            self._answer(200, BODY[:1000], Content_Length=str(len(BODY)))

        def _page(self, wanted: str | None) -> None:
            self._answer(200, PAGE, Content_Type="text/html; charset=utf-8")

        def _disguised(self, wanted: str | None) -> None:
            self._answer(200, PAGE, Content_Type="application/octet-stream")

        def _gone(self, wanted: str | None) -> None:
            self._answer(404, b"")

        def _other(self, wanted: str | None) -> None:
            self._answer(200, BODY[::-1], Content_Length=str(len(BODY)))

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(site)) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def fetch(site: Site, folder: Path, *paths: str, sha256: str | None = SHA256) -> Path:
    return download([f"{site.url}/{path}" for path in paths], folder, "model m", sha256)


@pytest.mark.parametrize("path", ["ranges.pt", "no_ranges.pt", "ranges.pt?dl=1"])
def test_a_file_arrives_whole_and_is_fetched_once(site: Site, tmp_path: Path, path: str) -> None:
    first = fetch(site, tmp_path, path)
    assert first.read_bytes() == BODY
    assert first.suffix == ".pt"
    assert fetch(site, tmp_path, path) == first
    assert len(site.asked) == 1


def test_a_broken_off_file_is_resumed_from_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.cut_at = 30_000
    assert fetch(site, tmp_path, "ranges.pt").read_bytes() == BODY
    assert [wanted for _, wanted in site.asked] == [
        None,
        "bytes=30000-",
        "bytes=60000-",
        "bytes=90000-",
    ]


def test_a_later_call_resumes(site: Site, tmp_path: Path) -> None:
    site.cut_at = 1_000
    with pytest.raises(BenchError, match="broke off"):
        fetch(site, tmp_path, "ranges.pt")
    site.cut_at, site.asked = len(BODY), []
    assert fetch(site, tmp_path, "ranges.pt").read_bytes() == BODY
    assert site.asked == [("/ranges.pt", "bytes=5000-")]


@pytest.mark.parametrize(
    ("left", "asked"),
    [(BODY, ["bytes=102400-"]), (BODY + b"more", ["bytes=102404-", None])],
    ids=["complete", "too long"],
)
def test_a_left_over_part_is_used_or_forgotten(
    site: Site, tmp_path: Path, left: bytes, asked: list[str | None]
) -> None:
    name = fetch(site, tmp_path, "ranges.pt").name
    (tmp_path / name).unlink()
    (tmp_path / f"{name}.part").write_bytes(left)
    site.asked = []
    assert fetch(site, tmp_path, "ranges.pt").read_bytes() == BODY
    assert [wanted for _, wanted in site.asked] == asked


def test_a_server_that_ignores_ranges_is_not_appended_to(site: Site, tmp_path: Path) -> None:
    name = fetch(site, tmp_path, "no_ranges.pt").name
    (tmp_path / name).rename(tmp_path / f"{name}.part")
    (tmp_path / f"{name}.part").write_bytes(BODY[:500])
    assert fetch(site, tmp_path, "no_ranges.pt").read_bytes() == BODY


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("page.pt", "web page"),
        ("disguised.pt", "web page"),
        ("gone.pt", "404"),
        ("other.pt", "not the published file"),
        ("always_cut.pt", f"broke off {len(BODY) - 1000} bytes"),
    ],
)
def test_what_is_not_the_file_is_refused_and_the_mirror_asked(
    site: Site, tmp_path: Path, bad: str, reason: str
) -> None:
    with pytest.raises(BenchError, match=reason) as raised:
        fetch(site, tmp_path, bad)
    assert "model m" in str(raised.value)
    assert str(tmp_path) in raised.value.fix
    assert not list(tmp_path.glob("*.pt"))
    assert fetch(site, tmp_path, bad, "ranges.pt").read_bytes() == BODY


def test_without_a_hash_a_page_is_refused_all_the_same(site: Site, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="web page"):
        fetch(site, tmp_path, "disguised.pt", sha256=None)


def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="could not be fetched"):
        download(["http://127.0.0.1:9/x.pt"], tmp_path, "model m")


def test_two_threads_fetch_one_file_once(site: Site, tmp_path: Path) -> None:
    threads = [threading.Thread(target=fetch, args=(site, tmp_path, "ranges.pt")) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(site.asked) == 1


def test_weights_are_kept_in_the_cache_under_their_hash(site: Site) -> None:
    weights = Weights(url=f"{site.url}/ranges.pt", sha256=SHA256[:10])
    path = locate(weights, "m")
    assert path.parent == config.cache_dir() / "weights"
    path.write_bytes(BODY[:-1])
    with pytest.raises(BenchError, match=r"model m: .* is not the published one"):
        locate(weights, "m")


def test_a_file_inside_an_archive_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAMER_BENCH_CACHE", str(tmp_path))
    weights = Weights(archive="https://example.org/all.tar", member="net.pt")
    with pytest.raises(BenchError, match="inside an archive") as raised:
        locate(weights, "m")
    place = tmp_path / "weights" / "net.pt"
    assert "https://example.org/all.tar" in str(raised.value)
    assert str(place) in str(raised.value)
    place.parent.mkdir()
    place.write_bytes(b"here")
    assert locate(weights, "m") == place


@pytest.mark.parametrize(
    "fields",
    [{}, {"url": "a", "file": Path("b")}, {"archive": "a"}, {"url": "a", "sha256": "ABCDEF12"}],
)
def test_weights_without_one_source_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(BenchError):
        Weights(**fields)  # type: ignore[arg-type]


# Reading


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"weight": torch.randn(2, 3, generator=generator), "bias": torch.arange(2.0)}


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", None])
@pytest.mark.parametrize("zipped", [True, False])
def test_pytorch_files_are_read(
    state: dict[str, torch.Tensor], tmp_path: Path, key: str | None, zipped: bool
) -> None:
    content = {key: state, "epoch": 3, "best": 0.5} if key else state
    path = tmp_path / "net.pth.tar"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert_equal(read_state(path), state)


def test_safetensors_are_read(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(state, tmp_path / "net.safetensors")
    assert_equal(read_state(tmp_path / "net.safetensors"), state)


def test_matlab_arrays_and_cells_are_read(tmp_path: Path) -> None:
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = np.eye(2), np.arange(3.0)[None]
    savemat(tmp_path / "p.mat", {"patches": cells, "sizes": np.array([[1, 2]], np.uint8)})
    found = read_state(tmp_path / "p.mat")
    assert set(found) == {"patches.0", "patches.1", "sizes"}
    assert found["patches.0"].tolist() == [[1, 0], [0, 1]]
    assert found["sizes"].tolist() == [[1, 2]]


class Touch:
    """Unpickled, it leaves a trace."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_pickled_objects_are_never_run(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "extra": Touch(tmp_path / "trace")}, tmp_path / "bad.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Touch(tmp_path / "trace")))
    for name in ("bad.pt", "plain.pt"):
        with pytest.raises(BenchError):
            read_state(tmp_path / name)
    assert not (tmp_path / "trace").exists()


def in_a_shell(command: str) -> None:
    """Run a command as a person does who pastes it."""
    words = command.replace("python", shlex.quote(sys.executable), 1)
    subprocess.run(["sh", "-c", words], check=True, timeout=120)


@pytest.mark.parametrize("zipped", [True, False])
def test_the_error_names_the_class_and_its_command_converts(
    state: dict[str, torch.Tensor], tmp_path: Path, zipped: bool
) -> None:
    path = tmp_path / "old `touch ran` $(touch ran) 'a'.pt"
    content = {"model": state, "args": Namespace(lr=1)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(BenchError, match=r"argparse\.Namespace") as raised:
        read_state(path)
    command = conversion_command(path)
    assert command in raised.value.fix
    in_a_shell(command)
    assert_equal(load_file(path.with_suffix(".safetensors")), state)
    assert not Path("ran").exists()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_torchscript_program_is_named_and_its_command_converts(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    """As OpenAI publishes CLIP: a zip file as well, but not of a state dict."""
    module = nn.Linear(3, 2).half()
    module.load_state_dict(state)
    path = tmp_path / "RN50.pt"
    torch.jit.save(torch.jit.trace(module, torch.zeros(1, 3).half()), path)
    with pytest.raises(BenchError, match=r"RN50\.pt is a TorchScript program") as raised:
        read_state(path)
    command = torchscript_command(path)
    assert command in raised.value.fix
    in_a_shell(command)
    expected = {name: value.half() for name, value in state.items()}
    assert_equal(read_state(tmp_path / "RN50.safetensors"), expected)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.pt", PAGE),
        ("noise.pt", b"\x93noise" * 50),
        ("empty.pt", b""),
        ("torn.pt", b"PK\3\4" + BODY[:500] + b"PK\5\6" + bytes(10) + b"\xff" * 6 + bytes(2)),
        ("torn2.pt", b"PK" + BODY[:500] + b"PK\5\6" + bytes(10) + b"\xff" * 6 + bytes(2)),
        ("empty.safetensors", b""),
        ("noise.safetensors", BODY[:500]),
        ("noise.mat", BODY[:500]),
        ("page.mat", PAGE),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchError, match=name):
        read_state(tmp_path / name)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_later_pickle_protocols_are_named_and_the_command_converts(
    state: dict[str, torch.Tensor], tmp_path: Path, zipped: bool, protocol: int
) -> None:
    path = tmp_path / "late.pt"
    torch.save(
        {"model": state, "args": Namespace(lr=1)},
        path,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(
        BenchError, match=r"late\.pt (is pickled by protocol|holds pickled obj)"
    ) as e:
        read_state(path)
    assert conversion_command(path) in e.value.fix
    if protocol == 4:
        in_a_shell(conversion_command(path))
        assert_equal(load_file(path.with_suffix(".safetensors")), state)


@pytest.mark.parametrize("name", ["net.bin", "net", "net.pth", "net.mat.safetensors"])
def test_safetensors_are_known_by_their_content(
    state: dict[str, torch.Tensor], tmp_path: Path, name: str
) -> None:
    save_file(state, tmp_path / name)
    assert_equal(read_state(tmp_path / name), state)


def test_a_checkpoint_called_safetensors_is_read(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save(state, tmp_path / "net.safetensors")
    assert_equal(read_state(tmp_path / "net.safetensors"), state)


def test_parameters_two_levels_down_are_found(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save({"model": {"state_dict": state}, "epoch": torch.ones(1)}, tmp_path / "net.pt")
    assert_equal(read_state(tmp_path / "net.pt"), state)


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/hello.txt", "x")


def write_strings(path: Path) -> None:
    savemat(path, {"names": np.array(["a", "b"], dtype=object), "wave": np.ones(2) * 1j})


OTHER_KINDS = {
    "net.zip": (write_zip, "is a zip file, but no checkpoint: it holds weights/hello.txt"),
    "net.npz": (lambda path: np.savez(path, a=np.ones(2)), "it holds a.npy"),
    "net.pkl": (lambda path: path.write_bytes(pickle.dumps({"a": [1]})), "is a bare pickle"),
    "net.h5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "is HDF5"),
    "net.mat": (lambda path: path.write_bytes(b"MATLAB 7.3 MAT-file" + bytes(999)), "with -v7"),
    "text.mat": (write_strings, "holds no arrays of real numbers: it has: names.0, names.1, wave"),
    "list.pt": (lambda path: torch.save([torch.ones(1)], path), "it has: a list"),
    "numbers.pt": (lambda path: torch.save({1: torch.ones(1)}, path), "no state dict: it has: 1"),
    "other.pt": (lambda path: torch.save({"net": {}, "epoch": 1}, path), "it has: net, epoch"),
    "folder": (lambda path: path.mkdir(), "Is a directory"),
}


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_what_is_intact_but_no_checkpoint_is_called_so(tmp_path: Path, name: str) -> None:
    write, said = OTHER_KINDS[name]
    write(tmp_path / name)
    with pytest.raises(BenchError) as caught:
        read_state(tmp_path / name)
    assert said in str(caught.value)
    assert name in str(caught.value)
    assert ("fetch it again" in str(caught.value)) == (name == "folder")


def test_damage_anywhere_is_one_line(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Bytes changed at random; zip files' checks of their parts are mended half of the time."""
    rng = np.random.default_rng(0)
    torch.save(state, tmp_path / "zip.pt")
    torch.save(state, tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "net.safetensors")
    refused = 0
    for source in ("zip.pt", "legacy.pt", "net.safetensors"):
        whole = (tmp_path / source).read_bytes()
        path = tmp_path / f"changed{Path(source).suffix}"
        for turn in range(120):
            content = bytearray(whole)
            for place in rng.integers(0, len(content), size=rng.integers(1, 4)):
                content[place] = rng.integers(0, 256)
            path.write_bytes(content)
            if source == "zip.pt" and turn % 2:
                path.write_bytes(with_changed_pickle(whole, rng))
            said = refusal(path)
            assert "\n" not in said
            refused += bool(said)
    assert 60 < refused < 360


def refusal(path: Path) -> str:
    """Return why a file was refused; nothing where it was read."""
    try:
        read_state(path)
    except BenchError as error:
        return str(error)
    return ""


def with_changed_pickle(whole: bytes, rng: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = bytearray(old.read(name))
            if name.endswith("data.pkl"):
                data[rng.integers(0, len(data))] = rng.integers(0, 256)
            new.writestr(name, bytes(data))
    return buffer.getvalue()


def test_damaged_matlab_files_are_one_line(tmp_path: Path) -> None:
    """SciPy raises TypeErrors where the tags of a file's parts are wrong."""
    savemat(tmp_path / "whole.mat", {"a": np.ones((2, 2))})
    content = bytearray((tmp_path / "whole.mat").read_bytes())
    refused = 0
    for place in range(128, 136):  # the tag of the first variable
        changed = bytearray(content)
        changed[place] ^= 0xFF
        (tmp_path / "changed.mat").write_bytes(changed)
        said = refusal(tmp_path / "changed.mat")
        assert "\n" not in said
        refused += "changed.mat" in said
    assert refused > 2


def test_a_cut_checkpoint_is_named(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "net.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "net.pt").read_bytes()[:-200])
    with pytest.raises(BenchError, match=r"cut\.pt cannot be read"):
        read_state(tmp_path / "cut.pt")


def test_a_missing_file_and_one_without_tensors_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="nowhere"):
        read_state(tmp_path / "nowhere.pt")
    torch.save({"epoch": 1}, tmp_path / "bare.pt")
    with pytest.raises(BenchError, match="no state dict"):
        read_state(tmp_path / "bare.pt")


# Filling


def test_prefixes_of_the_robustness_library(state: dict[str, torch.Tensor]) -> None:
    published = {f"module.model.{k}": v for k, v in state.items()}
    published |= {f"module.attacker.model.{k}": v * 0 for k, v in state.items()}
    published["module.normalizer.new_mean"] = torch.zeros(3)
    rules = Weights(url="u", prefix=("module.model.", "module."))
    module = nn.Linear(3, 2)
    fill(module, published, rules, "m")
    assert_equal(dict(module.state_dict()), state)


@pytest.mark.parametrize("prefix", ["", "module.", "module.model."])
def test_the_prefix_that_occurs_is_dropped(state: dict[str, torch.Tensor], prefix: str) -> None:
    rules = Weights(url="u", prefix=("module.model.", "module."))
    module = nn.Linear(3, 2)
    fill(module, {prefix + k: v for k, v in state.items()}, rules, "m")
    assert_equal(dict(module.state_dict()), state)


@pytest.mark.parametrize(
    "prefix",
    ["module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module.", "net.encoder."],
)
def test_what_wrappers_put_before_every_name_is_dropped(
    state: dict[str, torch.Tensor], prefix: str
) -> None:
    module = nn.Linear(3, 2)
    published = {prefix + k: v for k, v in state.items()}
    fill(module, published, Weights(url="u"), "m")
    assert_equal(dict(module.state_dict()), state)
    if prefix in ("module.", "model."):  # torch's average of a model keeps a count beside it
        module = nn.Linear(3, 2)
        fill(module, {**published, "n_averaged": torch.ones(())}, Weights(url="u"), "m")
        assert_equal(dict(module.state_dict()), state)


def test_a_prefix_of_names_that_do_not_fit_is_named(state: dict[str, torch.Tensor]) -> None:
    published = {f"student.head.{k}": v for k, v in state.items()}
    with pytest.raises(BenchError, match=r"every name in the file begins with 'student\.head\.'"):
        fill(nn.Linear(4, 2), published, Weights(url="u"), "m")


@pytest.mark.parametrize("prefix", ["", "model.", "module.", "module.model."])
def test_a_part_of_the_network_may_be_called_as_a_prefix(prefix: str) -> None:
    rules = Weights(url="u", prefix=("module.model.", "module.", "model."))
    values = torch.arange(9.0)
    own = {"front.weight": values[None, :3], "model.0.weight": values[3:, None]}
    module = nn.ModuleDict(
        {"front": nn.Linear(3, 1, bias=False), "model": nn.Sequential(nn.Linear(1, 6, bias=False))}
    )
    fill(module, {prefix + k: v for k, v in own.items()}, rules, "m")
    assert_equal(dict(module.state_dict()), own)


def test_of_prefixes_that_fit_alike_the_first_listed_wins(state: dict[str, torch.Tensor]) -> None:
    published = {f"online.{k}": v for k, v in state.items()}
    published |= {f"average.{k}": v + 1 for k, v in state.items()}
    module = nn.Linear(3, 2)
    fill(module, published, Weights(url="u", prefix=("average.", "online.")), "m")
    assert_equal(dict(module.state_dict()), {k: v + 1 for k, v in state.items()})


def test_a_prefix_is_dropped_before_names_are_adapted(state: dict[str, torch.Tensor]) -> None:
    published = {f"module.old_{k}": v for k, v in state.items()} | {"epoch": torch.ones(1)}

    def adapt(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {k.removeprefix("old_"): v for k, v in found.items()}

    module = nn.Linear(3, 2)
    fill(module, published, Weights(url="u", prefix=("model.", "module."), adapt=adapt), "m")
    assert_equal(dict(module.state_dict()), state)


def test_a_part_completes_the_network(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file({"head.bias": state["bias"]}, tmp_path / "head.safetensors")
    part = Weights(file=tmp_path / "head.safetensors", prefix=("head.",))
    module = nn.Linear(3, 2)
    fill(module, {"weight": state["weight"]}, Weights(url="u", parts=(part,)), "m")
    assert_equal(dict(module.state_dict()), state)
    absent = Weights(file=tmp_path / "absent.safetensors")
    fill(module, state, Weights(url="u", parts=(absent,)), "m")  # complete: the part is not asked
    with pytest.raises(BenchError, match="absent"):
        fill(module, {}, Weights(url="u", parts=(absent,)), "m")


def test_what_does_not_fit_is_named(state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(BenchError, match=r"model m: .*bias"):
        fill(nn.Linear(3, 2), {"weight": state["weight"]}, Weights(url="u"), "m")
    with pytest.raises(BenchError, match=r"size mismatch for weight"):
        fill(nn.Linear(4, 2), state, Weights(url="u"), "m")


def assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
