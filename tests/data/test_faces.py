import ast
import inspect

import numpy as np
import pytest

from coulomb_jax.data import canvas, faces, portraits

NAMES = portraits.NAMES
LOW, HIGH = np.float32(list(portraits.FACTORS.values())).T


@pytest.fixture(scope="module")
def people():
    return faces.render(600, seed=4)


def column(name):
    return NAMES.index(name)


def changed(factors, **values):
    factors = factors.copy()
    for name, value in values.items():
        factors[:, column(name)] = value
    return factors


def upright(factors):
    return changed(factors, tilt=0, shift_x=0, shift_y=0, scale=1, glasses=0, beard=0, light_x=0)


def extremes(n, seed):
    return np.where(np.random.default_rng(seed).random((n, len(NAMES))) < 0.5, LOW, HIGH).astype(np.float32)


def test_shapes_and_kinds(people):
    assert people.images.shape == (600, 64, 64, 3)
    assert people.images.dtype == np.uint8
    assert people.factors.shape == (600, len(people.names))
    assert people.factors.dtype == np.float32
    assert people.names == NAMES
    assert faces.render(2, 28).images.shape == (2, 28, 28, 3)
    assert faces.render(0).images.shape == (0, 64, 64, 3)


def test_a_picture_depends_on_the_seed_and_its_number_alone(people):
    for n in (1, 33, 70):
        np.testing.assert_array_equal(faces.render(n, seed=4).images, people.images[:n])
    part = faces.render(150, seed=4, first=301)
    np.testing.assert_array_equal(part.images, people.images[301:451])
    np.testing.assert_array_equal(part.factors, people.factors[301:451])
    np.testing.assert_array_equal(faces.render(5, 32, seed=4).factors, people.factors[:5])


def test_only_exactly_rounded_operations_reach_the_pixels():
    """Sums, sines and exponentials differ in the last place between processors and versions."""
    allowed = {"abs", "clip", "copysign", "maximum", "minimum", "rint", "sign", "sqrt", "floor", "ceil"}
    allowed |= {"all", "arange", "array", "empty", "flatnonzero", "stack", "zeros"}
    allowed |= {"float32", "ndarray", "random", "uint8", "uint64"}
    for module in (faces, portraits, canvas):
        tree = ast.parse(inspect.getsource(module))
        attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
        used = {node.attr for node in attributes if ast.unparse(node.value) in ("np", "math")}
        assert used <= allowed, module
        assert not {node.attr for node in attributes} & {"sum", "mean", "dot", "prod", "cumsum"}, module
        powers = [
            n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow | ast.MatMult)
        ]
        assert all(
            ast.unparse(node) in ("size ** 2", "2 ** 16", "2 ** 64", "2.0 ** (-53)") for node in powers
        )


def test_blocks_leave_no_trace(people, monkeypatch):
    monkeypatch.setattr(faces, "BLOCK", 7)
    monkeypatch.setattr(portraits, "BLOCK", 3 * 64 * 64)
    again = faces.render(50, seed=4)
    np.testing.assert_array_equal(again.images, people.images[:50])
    np.testing.assert_array_equal(again.factors, people.factors[:50])


def test_seeds_and_numbers_give_different_people(people):
    other = faces.render(600, seed=5)
    rows = np.concatenate([people.factors, other.factors])
    assert len(np.unique(rows, axis=0)) == 1200
    assert len({image.tobytes() for image in [*people.images, *other.images]}) == 1200


def test_factors_keep_within_their_ranges_and_fill_them():
    factors = faces.render(4000, 1).factors
    assert np.all(factors >= LOW)
    assert np.all(factors <= HIGH)
    assert np.all(np.ptp(factors, axis=0) > 0.75 * (HIGH - LOW))


def test_the_population_is_the_one_described():
    factors = faces.render(4000, 1, seed=1).factors
    of = dict(zip(NAMES, factors.T, strict=True))
    long_haired = of["hair_length"] > 0.45  # no short hair is longer
    assert np.all(of["beard"][long_haired] == 0)
    # Half has long hair of length uniform in [0.25, 1]: 0.55 / 0.75 of it is beyond 0.45.
    assert np.mean(long_haired) == pytest.approx(0.5 * 0.55 / 0.75, abs=4 * 0.5 / 4000**0.5)
    # A beard takes short hair, and a uniform number in [-1.2, 1] above 0.
    assert np.mean(of["beard"] > 0) == pytest.approx(0.5 / 2.2, abs=4 * 0.5 / 4000**0.5)
    # Glasses: 0.1 + 0.3 E[max(u, 0)], u uniform in [-2.3, 1].
    assert np.mean(of["glasses"]) == pytest.approx(0.1 + 0.3 * 0.5 / 3.3, abs=4 * 0.4 / 4000**0.5)
    assert set(of["glasses"]) == {0, 1}
    assert np.corrcoef(of["skin"], of["hair"])[0, 1] < -0.3
    assert np.corrcoef(of["smile"], of["mouth_opening"])[0, 1] > 0.15
    free = ["gaze_x", "gaze_y", "shift_x", "shift_y", "scale", "tilt", "light_x", "light", "parting"]
    away = np.corrcoef(factors.T)[[column(name) for name in free]]
    away[range(len(free)), [column(name) for name in free]] = 0
    assert np.abs(away).max() < 5 / 4000**0.5


def test_a_corner_shows_the_colour_of_the_background(people):
    colours = people.factors[:, [column(f"background_{name}") for name in ("red", "green", "blue")]]
    expected = np.round(colours.astype(float) * 255)
    for corner in (people.images[:, 0, 0], people.images[:, 0, -1]):
        np.testing.assert_array_equal(corner, expected)
    corner = portraits.draw(extremes(200, 0), 64)[:, 0, 0]
    assert set(corner.ravel()) == {0, 255}


def test_parts_keep_within_their_reach(monkeypatch):
    factors = extremes(300, 1)
    expected = [portraits.draw(factors, size) for size in (28, 48, 64)]
    monkeypatch.setattr(portraits, "REACH", dict.fromkeys(portraits.REACH, (-1.0, 1.0, -1.0, 1.0)))
    for size, images in zip((28, 48, 64), expected, strict=True):
        np.testing.assert_array_equal(portraits.draw(factors, size), images)


def test_edges_are_smooth(people):
    """A picture is nearly what one of 8 times the resolution averages to, and far from a sampled one."""
    fine = portraits.draw(people.factors[:12], 512)
    mean = fine.reshape(12, 64, 8, 64, 8, 3).mean(axis=(2, 4))
    off, jagged = people.images[:12] - mean, fine[:, 4::8, 4::8] - mean
    assert np.abs(off).mean() < 0.8
    assert np.sqrt(np.mean(off**2)) < 0.35 * np.sqrt(np.mean(jagged**2))


def test_mirrored_factors_give_the_mirror_image(people):
    factors = people.factors[:60].copy()
    for name in ("tilt", "shift_x", "parting", "gaze_x", "light_x"):
        factors[:, column(name)] *= -1
    difference = portraits.draw(factors, 64)[:, :, ::-1].astype(int) - people.images[:60]
    assert np.abs(difference).max() <= 1


def test_a_shift_of_two_pixels_moves_the_head_by_two_pixels(people):
    factors = changed(people.factors[:60], shift_x=0, shift_y=0, background_shade=0)
    still = portraits.draw(factors, 64).astype(int)
    # One pixel is 2 / 64 of the half side; the shoulders, below row 40, follow half of the way.
    right = portraits.draw(changed(factors, shift_x=2 * 2 / 64), 64)
    assert np.abs(right[:, :40, 2:] - still[:, :40, :-2]).max() <= 1
    down = portraits.draw(changed(factors, shift_y=2 * 2 / 64), 64)
    assert np.abs(down[:, 2:40] - still[:, :38]).max() <= 1


def touched(before, after):
    """First and last row and column, over all pictures, where two sets of pictures differ."""
    _, rows, columns, _ = np.nonzero(before != after)
    return rows.min(), rows.max(), columns.min(), columns.max()


@pytest.mark.parametrize(
    ("name", "box"),
    [
        # Rows and columns of 64 from the painter's plan: 32 * (1 + position).
        # The mouth: 0.42 below the middle, up to 0.25 to a side.
        ("smile", (40, 52, 23, 40)),
        ("mouth_opening", (40, 52, 23, 40)),
        ("lip_red", (40, 52, 23, 40)),
        # The eyes: on the middle, 0.24 to a side, half as wide as 0.135.
        ("gaze_x", (28, 36, 19, 44)),
        ("eye_colour", (28, 36, 19, 44)),
        # The nose ends 0.26 below the middle.
        ("nose_length", (28, 42, 25, 38)),
        # Brows: some 0.2 above the eyes, hanging or rising at either end.
        ("brow_angle", (21, 31, 16, 47)),
    ],
)
def test_a_factor_changes_its_part_alone(people, name, box):
    factors = upright(people.factors[:100])
    low, high = (portraits.draw(changed(factors, **{name: f}), 64) for f in portraits.FACTORS[name])
    assert np.all((low != high).any(axis=(1, 2, 3)))
    top, bottom, left, right = touched(low, high)
    assert box[0] <= top
    assert bottom <= box[1]
    assert box[2] <= left
    assert right <= box[3]


def centre(weights):
    """The place of each picture's weight in pixels: row and column."""
    total = weights.sum(axis=(1, 2))
    rows, columns = np.indices(weights.shape[1:])
    return (weights * rows).sum(axis=(1, 2)) / total, (weights * columns).sum(axis=(1, 2)) / total


def test_the_smile_is_measured_in_the_mouth(people):
    """The line between closed lips is dark; its heights per column make a parabola."""
    size, smiles = 512, np.linspace(-0.6, 1, 17)
    factors = changed(upright(people.factors[:17]), mouth_opening=0, skin=0, light=1, mouth_width=0.2)
    factors[:, column("smile")] = smiles
    # The mouth is 0.42 below the middle; half of the columns on either side of it are looked at.
    mouth = portraits.draw(factors, size)[:, 336:392, 224:288, 0].astype(float)
    dark = np.clip(150 - mouth, 0, None)
    line = (dark * np.arange(56)[:, None]).sum(axis=1) / dark.sum(axis=1) / (size / 2)
    x = (np.arange(224, 288) + 0.5) / (size / 2) - 1
    curvature = np.polynomial.polynomial.polyfit(x, line.T, 2)[2]
    expected = -0.085 * smiles / (0.2 * (1 + 0.12 * smiles)) ** 2
    np.testing.assert_allclose(curvature, expected, atol=0.1)


def test_the_eyes_are_where_the_factors_say(people):
    """Iris and pupil are all that is dark in a light face at the height of the eyes."""
    factors = changed(upright(people.factors[:100]), skin=0, light=1, eye_colour=0, eye_opening=0.75)
    factors = changed(factors, fringe=-0.3, parting=0, hair_length=0, gaze_x=0, gaze_y=0)
    size = 256

    def pupils(factors):
        near = portraits.draw(factors, size)[:, 120:140, 80:176].astype(float).sum(axis=-1)
        dark = np.clip(300 - near, 0, None)
        return centre(dark[:, :, :48])[1], centre(dark[:, :, 48:])[1] + 48

    left, right = pupils(factors)
    distance = (right - left) / (size / 2)
    assert np.abs(distance - factors[:, column("eye_distance")]).max() < 0.01
    # The whole way is 0.42 of the half width of an eye; lids and lashes hold some of it back.
    for eye, gone in zip((left, right), pupils(changed(factors, gaze_x=1)), strict=True):
        way = (gone - eye) / (0.42 * factors[:, column("eye_size")] * (size / 2))
        assert way.min() > 0.6
        assert way.max() < 1.05


def test_glasses_and_beards_are_on_those_who_wear_them(people):
    for name in ("glasses", "beard"):
        without = portraits.draw(changed(people.factors, **{name: 0}), 64)
        differs = (without != people.images).any(axis=(1, 2, 3))
        worn = people.factors[:, column(name)]
        np.testing.assert_array_equal(differs[worn > 0.05], True)
        np.testing.assert_array_equal(differs[worn == 0], False)


def test_skin_and_light_are_measured_on_the_face(people):
    factors = upright(people.factors)
    # The middle of the forehead of someone whose hair recedes.
    cheek = portraits.draw(changed(factors, fringe=-0.3, light=1), 64)[:, 24, 32].astype(float).sum(axis=1)
    order = np.argsort(factors[:, column("skin")])
    assert np.all(np.diff(cheek[order]) < 25)
    assert np.corrcoef(cheek, factors[:, column("skin")])[0, 1] < -0.97
    dim, bright = (
        portraits.draw(changed(factors, fringe=-0.3, light=f), 64)[:, 24, 32].astype(float).sum(axis=1)
        for f in (0.75, 0.95)
    )
    np.testing.assert_allclose(dim / bright, 0.75 / 0.95, atol=0.02)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="but they are -1, 0 and 64"):
        faces.render(-1)
    with pytest.raises(ValueError, match="but they are 1, 0 and 0"):
        faces.render(1, 0)
    with pytest.raises(ValueError, match="seed must lie in"):
        faces.render(1, seed=-1)
    factors = faces.render(3).factors
    factors[1, column("smile")] = 1.5
    with pytest.raises(
        ValueError, match=r"smile must lie in \[-0.6.*, 1.0\], but it spans \[.*, 1.5\]; clip"
    ):
        portraits.draw(factors, 64)
    factors[1, column("smile")] = np.nan
    with pytest.raises(ValueError, match="smile must lie in"):
        portraits.draw(factors, 64)
