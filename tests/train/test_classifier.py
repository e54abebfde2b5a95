import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from coulomb_jax.nets.features import load
from coulomb_jax.train.classifier import train_lenet


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    return np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1), labels


@pytest.mark.slow
def test_a_trained_lenet_beats_a_linear_classifier(tmp_path, digits):
    images, labels = digits
    split = 1297
    path = train_lenet(tmp_path / "lenet.npz", images[:split], labels[:split], epochs=10)
    features = load("lenet", path, block=25)
    found = np.mean(features.classify(images[split:]) == labels[split:])
    flat = images.reshape(len(images), -1) / 255
    linear = (
        LinearDiscriminantAnalysis().fit(flat[:split], labels[:split]).score(flat[split:], labels[split:])
    )
    assert found > linear > 0.9
    assert (features.name, features.dim) == ("fid_lenet", 84)


def test_the_same_arguments_give_the_same_file(tmp_path, digits):
    images, labels = (rows[:300] for rows in digits)
    files = [train_lenet(tmp_path / f"{i}.npz", images, labels, seed=i // 2, epochs=1) for i in range(3)]
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_bad_input_is_refused(tmp_path, digits):
    images, labels = digits
    with pytest.raises(ValueError, match=r"at least 100 gray images"):
        train_lenet(tmp_path / "a.npz", images[:99], labels[:99])
    with pytest.raises(ValueError, match=r"at least 100 gray images"):
        train_lenet(tmp_path / "a.npz", images / 255, labels)
    with pytest.raises(ValueError, match=r"a label from 0 to 9"):
        train_lenet(tmp_path / "a.npz", images, labels + 1)
