import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from coulomb_jax.nets import weights


def saved(folder, **arrays):
    path = folder / "weights.npz"
    np.savez(path, **arrays)
    return path


class Trap:
    """What a hostile pickle holds: a command that runs when the file is loaded."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class Named:
    """Pickles as a global of a name, with arguments: stands for what torch writes."""

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments


class Writer(pickle._Pickler):
    """Writes storages as torch does: persistent ids of a type that need not exist here."""

    def persistent_id(self, value):
        if isinstance(value, Named) and value.name == "storage":
            return ("storage", *value.arguments)
        return None

    def save_global(self, value, name=None):
        module, name = value.name.rsplit(".", 1)
        self.write(b"c" + f"{module}\n{name}\n".encode())

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Named) and value.name != "storage":
            self.save_global(value)
            if value.arguments:
                self.save(value.arguments)
                self.write(b"R")
            return None
        return super().save(value, save_persistent_id)


def tensor(key, kind, offset, shape, strides):
    storage = Named("storage", Named(f"torch.{kind}"), key, "cpu", 0)
    return Named("torch._utils._rebuild_tensor_v2", storage, offset, shape, strides, False, {})


def archive(path, state, data):
    stream = io.BytesIO()
    Writer(stream, 2).dump(state)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("net/data.pkl", stream.getvalue())
        file.writestr("net/byteorder", "little")
        for key, array in data.items():
            file.writestr(f"net/data/{key}", array.tobytes())
    return path


def test_an_npz_is_read_and_known_by_its_sha256(tmp_path):
    import hashlib

    path = saved(tmp_path, a=np.arange(6.0).reshape(2, 3))
    file = weights.read(path)
    np.testing.assert_array_equal(file.array("a"), [[0, 1, 2], [3, 4, 5]])
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=r"is of another net: there is no array 'b'"):
        file.array("b")


def test_views_of_one_storage_are_cut_out_of_it(tmp_path):
    numbers = np.arange(12, dtype=np.float32)
    state = {
        "whole": tensor("0", "FloatStorage", 0, (3, 4), (4, 1)),
        "turned": tensor("0", "FloatStorage", 1, (4, 2), (1, 4)),
        "one": tensor("1", "LongStorage", 0, (), ()),
    }
    path = archive(tmp_path / "net.pth", state, {"0": numbers, "1": np.array(7)})
    found = weights.read(path).arrays
    np.testing.assert_array_equal(found["whole"], numbers.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], [[1, 5], [2, 6], [3, 7], [4, 8]])
    assert found["one"] == 7
    assert found["turned"].flags.owndata


@pytest.mark.parametrize(
    ("offset", "shape", "strides"), [(0, (13,), (1,)), (9, (4,), (1,)), (0, (3, 4), (5, 1)), (0, (2,), (-1,))]
)
def test_no_shape_reaches_beyond_its_storage(tmp_path, offset, shape, strides):
    state = {"a": tensor("0", "FloatStorage", offset, shape, strides)}
    path = archive(tmp_path / "net.pth", state, {"0": np.zeros(12, np.float32)})
    with pytest.raises(ValueError, match=r"a reaches beyond the numbers stored for it"):
        weights.read(path)


@pytest.mark.parametrize("older", [False, True])
def test_a_hostile_pickle_does_nothing(tmp_path, older):
    mark = tmp_path / "executed"
    command = f"touch {mark}"
    pickle.loads(pickle.dumps(Trap(f"touch {tmp_path / 'control'}")))
    assert (tmp_path / "control").exists()
    trap, path = pickle.dumps({"a": Trap(command)}, 2), tmp_path / "net.pth"
    if older:
        head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
        path.write_bytes(b"".join(head) + trap)
        assert path.read_bytes().startswith(weights.OLDER)
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("net/data.pkl", trap)
    with pytest.raises(ValueError, match=r"asks for \w+\.system, which no array of numbers needs"):
        weights.read(path)
    assert not mark.exists()


def test_a_file_must_be_what_its_name_says(tmp_path):
    path = saved(tmp_path, a=np.zeros(3))
    digest = weights.read(path).sha256
    path.rename(right := tmp_path / f"net-2015-12-05-{digest[:8]}.pth")
    assert weights.read(right).sha256 == digest
    right.rename(wrong := tmp_path / "pt_inception-2015-12-05-6726825d.pth")
    with pytest.raises(
        ValueError, match=r"should begin with 6726825d, but it is .*; download the file again"
    ):
        weights.read(wrong)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is none at .*none.npz"):
        weights.read(tmp_path / "none.npz")
    path = tmp_path / "weights.npz"
    path.write_text("<html>quota exceeded</html>")
    with pytest.raises(ValueError, match=r"neither an \.npz nor a file of torch\.save"):
        weights.read(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"allow_pickle"):
        weights.read(path)
    path.write_bytes(weights.OLDER + b"\x80")
    with pytest.raises(ValueError, match=r"is it whole"):
        weights.read(path)
    with pytest.raises(ValueError, match=r"not a state dict"):
        weights.read(archive(path, [tensor("0", "FloatStorage", 0, (1,), (1,))], {"0": np.zeros(1)}))


@pytest.mark.parametrize("older", [False, True])
def test_what_torch_writes_is_read(tmp_path, older):
    torch = pytest.importorskip("torch")
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "base": base,
        "turned": base.T[1:],
        "double": base.double(),
        "half": base.half(),
        "count": torch.tensor(3),
        "none": torch.zeros((0, 2)),
        "parameter": torch.nn.Parameter(base + 1),
    }
    path = tmp_path / "net.pth"
    torch.save(state, path, _use_new_zipfile_serialization=not older)
    found = weights.read(path).arrays
    assert list(found) == list(state)
    for name, expected in state.items():
        expected = expected.detach().numpy()
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)
    torch.save(torch.nn.BatchNorm2d(3).state_dict(), path, _use_new_zipfile_serialization=not older)
    assert len(weights.read(path).arrays) == 5


def test_layers_get_their_arrays_with_the_batch_norm_folded_in(tmp_path):
    import jax

    random = np.random.default_rng(0)
    weight = random.normal(size=(5, 3, 2, 4)).astype(np.float32)
    scale, shift, mean, variance = random.uniform(0.5, 2.0, (4, 5)).astype(np.float32)
    path = saved(
        tmp_path,
        **{
            "c.weight": weight,
            "n.weight": scale,
            "n.bias": shift,
            "n.running_mean": mean,
            "n.running_var": variance,
        },
    )
    shapes = {
        "c": {"kernel": jax.ShapeDtypeStruct((2, 4, 3, 5), "f4"), "bias": jax.ShapeDtypeStruct((5,), "f4")}
    }
    found = weights.params(shapes, weights.read(path), lambda name: (name, "n"), 0.1)["c"]
    x = random.normal(size=(2, 4, 3))  # one patch, height width channels
    plain = np.einsum("hwi,oihw->o", x, weight)
    expected = (plain - mean) / np.sqrt(variance + 0.1) * scale + shift
    folded = np.einsum("hwi,hwio->o", x, found["kernel"]) + found["bias"]
    np.testing.assert_allclose(folded, expected, rtol=1e-5)
    shapes["c"]["kernel"] = jax.ShapeDtypeStruct((2, 4, 3, 6), "f4")
    with pytest.raises(ValueError, match=r"c should have the shape .* but has"):
        weights.params(shapes, weights.read(path), lambda name: (name, "n"), 0.1)
