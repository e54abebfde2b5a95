import gzip
import os
from pathlib import Path

import jax
import numpy as np
import pytest

from coulomb_jax.nets import weights
from coulomb_jax.nets.features import KINDS, load, shapes

DATA = Path(os.environ.get("COULOMB_DATA", "/nowhere"))
FILES = {
    "lenet": "lenet5_mnist.npz",
    "resnet20": "resnet20-12fca82f_cifar10.npz",
    "resnet56": "resnet56-4bfd9763_cifar10.npz",
}
needs_data = pytest.mark.skipif(not (DATA / "weights").is_dir(), reason="COULOMB_DATA has no weights")


def random_file(folder, kind, seed=0):
    """Weights of a net in the names of its file, batch norms where it has them."""
    random, arrays, net = np.random.default_rng(seed), {}, KINDS[kind]
    for path, of_layer in shapes(net).items():
        name, norm = net.layer(path)
        kernel = of_layer["kernel"].shape
        arrays[f"{name}.weight"] = random.normal(
            0, np.prod(kernel[:-1]) ** -0.5, (kernel[-1], kernel[-2], *kernel[:-2])
        )
        if norm is None:
            arrays[f"{name}.bias"] = random.normal(0, 0.1, kernel[-1])
        else:
            for part in ("weight", "running_var"):
                arrays[f"{norm}.{part}"] = random.uniform(0.5, 1.5, kernel[-1])
            for part in ("bias", "running_mean"):
                arrays[f"{norm}.{part}"] = random.normal(0, 0.1, kernel[-1])
    path = folder / f"{kind}.npz"
    np.savez(path, **{name: array.astype(np.float32) for name, array in arrays.items()})
    return path


def pictures(n, side, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), np.uint8)


def read_idx(name, skip):
    return np.frombuffer(gzip.decompress((DATA / "mnist" / name).read_bytes()), np.uint8)[skip:]


@needs_data
@pytest.mark.slow
def test_lenet_has_its_documented_accuracy():
    features = load("lenet", DATA / "weights" / FILES["lenet"], block=125)
    images = read_idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)
    labels = read_idx("t10k-labels-idx1-ubyte.gz", 8)
    assert np.mean(features.classify(images) == labels) == pytest.approx(0.988, abs=5e-4)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    assert np.mean(features.classify(padded) == labels) == pytest.approx(0.982, abs=5e-4)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "documented"), [("resnet20", 0.915), ("resnet56", 0.926)])
def test_residual_nets_have_their_documented_accuracy(kind, documented):
    features = load(kind, DATA / "weights" / FILES[kind], block=125)
    records = gzip.decompress((DATA / "cifar10" / "test_batch_first1000.bin.gz").read_bytes())
    records = np.frombuffer(records, np.uint8).reshape(-1, 3073)
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.mean(features.classify(images) == records[:, 0]) == documented


# n blocks a stage; the files hold four numbers of batch norm a channel where a folded bias stays.
def by_hand_resnet(n):
    first = 3 * 16 * 9 + 16 + 2 * n * (16 * 16 * 9 + 16)
    second = 16 * 32 * 9 + 32 + (2 * n - 1) * (32 * 32 * 9 + 32)
    third = 32 * 64 * 9 + 64 + (2 * n - 1) * (64 * 64 * 9 + 64)
    return first + second + third + 64 * 10 + 10


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("lenet", 156 + 2_416 + 48_120 + 10_164 + 850),
        ("resnet20", by_hand_resnet(3)),
        ("resnet56", by_hand_resnet(9)),
    ],
)
def test_parameters_by_hand(kind, expected):
    assert sum(np.prod(a.shape) for a in jax.tree.leaves(shapes(KINDS[kind]))) == expected


def test_totals_as_published():
    # LeNet-5's file has 61,706 values; the authors of the residual nets count 0.27 and 0.85 million.
    assert 156 + 2_416 + 48_120 + 10_164 + 850 == 61_706
    channels = [16 + 2 * n * (16 + 32 + 64) for n in (3, 9)]
    assert by_hand_resnet(3) + 3 * channels[0] == 271_098
    assert by_hand_resnet(9) + 3 * channels[1] == 857_082


@pytest.mark.parametrize("kind", ["lenet", "resnet20", "resnet56"])
def test_features_are_those_of_torch(tmp_path, kind):
    """The nets once more in torch's functions, in float64."""
    torch = pytest.importorskip("torch")
    from torch.nn import functional as F

    path = random_file(tmp_path, kind)
    state = {n: torch.tensor(a).double() for n, a in weights.read(path).arrays.items()}
    images = pictures(3, 32, KINDS[kind].channels)
    x = torch.tensor(images.transpose(0, 3, 1, 2)).double() / 255

    def normed(x, conv, bn, stride):
        x = F.conv2d(x, state[f"{conv}.weight"], None, stride, 1)
        parts = [state[f"{bn}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *parts, eps=1e-5)

    if kind == "lenet":
        for name in ("c1", "c3", "c5"):
            x = torch.tanh(F.conv2d(x, state[f"convnet.{name}.weight"], state[f"convnet.{name}.bias"]))
            x = x if name == "c5" else F.max_pool2d(x, 2)
        expected = torch.tanh(F.linear(x.flatten(1), state["fc.f6.weight"], state["fc.f6.bias"]))
    else:
        mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).double()[
            ..., None, None
        ]
        x = F.relu(normed((x - mean) / deviation, "conv1", "bn1", 1))
        for stage in (1, 2, 3):
            for block in range({"resnet20": 3, "resnet56": 9}[kind]):
                here, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
                y = F.relu(normed(x, f"{here}.conv1", f"{here}.bn1", stride))
                y = normed(y, f"{here}.conv2", f"{here}.bn2", 1)
                if stride == 2:
                    more = x.shape[1] // 2
                    x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
                x = F.relu(x + y)
        expected = x.mean((2, 3))
    found = load(kind, path, block=1)(images)
    assert found.dtype == np.float32
    scale = float(expected.abs().max())
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-5 * scale)


@pytest.fixture(scope="module")
def residual(tmp_path_factory):
    return load("resnet20", random_file(tmp_path_factory.mktemp("weights"), "resnet20"), block=2)


def test_blocks_and_devices_change_nothing(tmp_path, residual):
    images = pictures(21, 32, 3)
    path = random_file(tmp_path, "resnet20")
    alone = load("resnet20", path, block=21, devices=jax.local_devices()[:1])
    assert residual.block == 2 * len(jax.local_devices())
    np.testing.assert_allclose(residual(images), alone(images), rtol=1e-4, atol=1e-5)
    assert residual(images[:0]).shape == (0, 64)


def test_the_last_block_compiles_nothing(residual, caplog):
    residual(pictures(3, 32, 3))
    with jax.log_compiles():
        residual(pictures(19, 32, 3))
        assert "Compiling" not in caplog.text
        residual(pictures(19, 30, 3))
    assert "Compiling" in caplog.text


def test_floats_are_what_a_picture_file_keeps(residual):
    images = pictures(5, 32, 3)
    expected = residual(images)
    np.testing.assert_array_equal(residual(images / 255), expected)
    np.testing.assert_array_equal(residual(images / np.float32(127.5) - 1, (-1.0, 1.0)), expected)
    np.testing.assert_array_equal(residual((images + 0.4) / 255), expected)
    black = np.zeros((1, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(residual(black - 3.0), residual(black))


def test_gray_images_go_to_a_net_of_colours_three_times(residual):
    gray = pictures(4, 28, 1)
    np.testing.assert_array_equal(residual(gray), residual(np.repeat(gray, 3, -1)))


def test_names_and_protocol(tmp_path):
    assert {kind: net.distance for kind, net in KINDS.items()} == {
        "inception": "fid",
        "lenet": "fid_lenet",
        "resnet20": "fid_resnet20",
        "resnet56": "fid_resnet56",
    }
    path = random_file(tmp_path, "lenet")
    features = load("lenet", path)
    assert (features.name, features.dim) == ("fid_lenet", 84)
    assert features.fingerprint == features.protocol["weights_sha256"] == weights.read(path).sha256
    assert features.protocol["weights"] == "lenet.npz"
    assert features.protocol["weights_published"] is False


def test_bad_input_is_refused(tmp_path, residual):
    lenet = random_file(tmp_path, "lenet")
    with pytest.raises(
        ValueError, match=r"fid_lenet takes images of shape \(n, h, w, 1\), not \(2, 32, 32, 3\)"
    ):
        load("lenet", lenet)(pictures(2, 32, 3))
    with pytest.raises(ValueError, match=r"\(n, h, w, 1\) or \(n, h, w, 3\), not \(32, 32, 3\)"):
        residual(pictures(1, 32, 3)[0])
    with pytest.raises(ValueError, match=r"must be uint8, or floats"):
        residual(pictures(1, 32, 3).astype(np.int32))
    with pytest.raises(ValueError, match=r"must be finite"):
        residual(np.full((1, 32, 32, 3), np.nan))
    with pytest.raises(ValueError, match=r"no net of features 'lenett'; did you mean lenet or"):
        load("lenett", lenet)
    with pytest.raises(ValueError, match=r"is of another net: there is no array 'conv1.weight'"):
        load("resnet20", lenet)
    with pytest.raises(ValueError, match=r"at least 1 image"):
        load("lenet", lenet, block=0)
