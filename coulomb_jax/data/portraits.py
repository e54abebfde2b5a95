"""A painter of face-like pictures: a table of factors in, antialiased pixels out.

Lengths are in half picture sides, as `canvas` has them.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from coulomb_jax.data.canvas import Canvas, between, ellipse, paint, shaded

# Of each factor the lowest and the highest value.
FACTORS = {
    "background_red": (0.0, 1.0),  # the colour of the top row, where nothing covers it
    "background_green": (0.0, 1.0),
    "background_blue": (0.0, 1.0),
    "background_shade": (0.0, 0.6),  # how much darker the bottom is
    "clothes_red": (0.0, 1.0),
    "clothes_green": (0.0, 1.0),
    "clothes_blue": (0.0, 1.0),
    "skin": (0.0, 1.0),  # light to dark
    "face_width": (0.38, 0.50),  # half of it, without the ears
    "face_height": (0.56, 0.68),  # half of it, chin to crown
    "jaw": (0.05, 0.40),  # broad to pointed
    "hair": (0.0, 1.0),  # black over brown to blond
    "hair_red": (0.0, 1.0),
    "hair_grey": (0.0, 1.0),
    "hair_length": (0.0, 1.0),  # cropped to below the shoulders
    "hair_volume": (0.03, 0.18),
    "fringe": (-0.3, 1.0),  # receding to over the brows
    "parting": (-1.0, 1.0),  # the side on which the fringe hangs lower, left to right
    "beard": (0.0, 1.0),  # none over stubble to full
    "eye_distance": (0.36, 0.48),  # between the middles of the eyes
    "eye_size": (0.095, 0.135),  # half the width of one
    "eye_opening": (0.25, 0.75),  # height by width
    "eye_colour": (0.0, 1.0),  # brown over green to blue
    "gaze_x": (-1.0, 1.0),  # left to right
    "gaze_y": (-1.0, 1.0),  # up to down
    "brow_height": (0.0, 1.0),
    "brow_angle": (-0.35, 0.35),  # a slope, positive where the inner ends hang
    "brow_thickness": (0.012, 0.036),
    "nose_length": (0.0, 1.0),
    "nose_width": (0.07, 0.13),
    "mouth_width": (0.13, 0.22),  # half of it
    "lip_fullness": (0.03, 0.07),
    "lip_red": (0.0, 1.0),
    "smile": (-0.6, 1.0),  # corners down to corners up
    "mouth_opening": (0.0, 1.0),
    "glasses": (0.0, 1.0),  # 0 or 1
    "shift_x": (-0.10, 0.10),  # of the head
    "shift_y": (-0.08, 0.08),
    "scale": (1.0, 1.25),  # of the head; its lengths are those at 1
    "tilt": (-0.22, 0.22),  # of the head, in radians, clockwise
    "light_x": (-1.0, 1.0),  # from the left to from the right
    "light": (0.75, 1.1),  # on the person
}
NAMES = tuple(FACTORS)

SKIN = ((0.98, 0.84, 0.75), (0.82, 0.60, 0.46), (0.36, 0.23, 0.17))
HAIR = ((0.06, 0.05, 0.05), (0.36, 0.22, 0.13), (0.90, 0.74, 0.46))
RED_HAIR, GREY_HAIR = (0.50, 0.20, 0.08), (0.74, 0.74, 0.74)
IRIS = ((0.25, 0.13, 0.07), (0.32, 0.40, 0.22), (0.30, 0.50, 0.72))
# Heights of the middle of the face in the picture, and of the eyes and the mouth from there.
MIDDLE, EYES, MOUTH = 0.06, -0.06, 0.36

# Top, bottom, left and right in the picture of what each part ever covers, whatever the factors: to
# paint there alone takes half the time.
REACH = {
    "back_hair": (-1.0, 1.0, -1.0, 1.0),
    "body": (0.15, 1.0, -1.0, 1.0),
    "ears": (-0.41, 0.5, -0.87, 0.87),
    "face": (-0.95, 1.0, -0.81, 0.81),
    "beard": (-0.25, 1.0, -0.81, 0.81),
    "nose": (-0.22, 0.53, -0.4, 0.4),
    "mouth": (0.1, 0.9, -0.56, 0.56),
    "eyes": (-0.47, 0.37, -0.72, 0.72),
    "brows": (-0.53, 0.28, -0.75, 0.75),
    "fringe": (-1.0, 0.72, -0.97, 0.97),
    "glasses": (-0.4, 0.4, -0.68, 0.68),
}
BLOCK = 2**16  # pixels painted at a time: what fits into a core's cache


def draw(factors: np.ndarray, size: int) -> np.ndarray:
    """Paint one picture a row of factors: uint8 `[n, size, size, 3]`, red, green, blue.

    Args:
      factors: float32 `[n, k]`, a column for each of `NAMES`, within its range in `FACTORS`.
      size: height and width in pixels, at least 1.

    Raises:
      ValueError: a factor is out of its range; the message names it.
    """
    for name, column in zip(NAMES, factors.T, strict=True):
        low, high = np.float32(FACTORS[name])
        if not np.all((low <= column) & (column <= high)):
            raise ValueError(
                f"{name} must lie in [{low}, {high}], but it spans [{column.min()}, {column.max()}]; clip it"
            )
    images = np.empty((len(factors), size, size, 3), np.uint8)
    block = max(1, BLOCK // size**2)
    for start in range(0, len(factors), block):
        part = slice(start, start + block)
        planes = _portraits(factors[part], size)
        levels = np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)
        for channel, plane in enumerate(levels):
            images[part, ..., channel] = plane
    return images


def _portraits(factors: np.ndarray, size: int) -> np.ndarray:
    planes = np.empty((3, len(factors), size, size), np.float32)
    everyone = _Sitters(planes, factors)
    for part in (_background, _back_hair, _body, _ears, _face):
        part(everyone, everyone.factors)
    _some(_beard, "beard", planes, factors)
    for part in (_nose, _mouth, _eyes, _brows, _fringe):
        part(everyone, everyone.factors)
    _some(_glasses, "glasses", planes, factors)
    return planes


def _some(part, name: str, planes: np.ndarray, factors: np.ndarray) -> None:
    """Paints a part on those pictures alone that have it."""
    rows = np.flatnonzero(factors[:, NAMES.index(name)])
    if len(rows):
        chosen = planes[:, rows]
        some = _Sitters(chosen, factors[rows])
        part(some, some.factors)
        planes[:, rows] = chosen


class _Sitters(Canvas):
    """A canvas in the frame of the heads, with the factors and the colours made of them."""

    def __init__(self, planes, factors):
        f = self.factors = SimpleNamespace(**dict(zip(NAMES, factors.T[..., None, None], strict=True)))
        super().__init__(planes, f.shift_x, f.shift_y + MIDDLE, f.scale, f.tilt)
        self.skin = shaded(between(SKIN, f.skin), f.light)
        hair = [c + 0.8 * f.hair_red * (red - c) for c, red in zip(between(HAIR, f.hair), RED_HAIR)]
        self.hair = shaded([c + f.hair_grey * (grey - c) for c, grey in zip(hair, GREY_HAIR)], f.light)


def _background(on, f):
    light = 1 - f.background_shade * ((on.axis[:, None] - on.axis[0]) / 2)
    for plane, colour in zip(on.planes, (f.background_red, f.background_green, f.background_blue)):
        plane[...] = colour * light


def _back_hair(on, f):
    view, x, y = on.look(REACH["back_hair"])
    fall = 1.1 * f.hair_length * f.hair_length
    width = f.face_width + 0.02 + f.hair_volume * (0.5 + 0.5 * f.hair_length)
    rounding = np.minimum(y, 0) + np.maximum(y - fall, 0)
    shape = ellipse(x, rounding, width, f.face_height + f.hair_volume)
    end = y - (0.12 + 2 * fall)  # cropped hair ends at the ears
    shade = 0.82 - 0.22 * y + (0.15 * f.light_x) * x
    paint(view, on.inside(np.maximum(shape, end)), shaded(on.hair, shade))


def _body(on, f):
    view, x, y = on.look(REACH["body"])
    neck = np.maximum(np.abs(x) - 0.52 * f.face_width, 0.3 - y)
    shadow = np.clip(0.62 + 0.5 * (y - f.face_height), 0.6, 0.88)  # of the chin
    # The shoulders turn with nothing and follow half of the head's shift.
    x, y = on.axis - 0.5 * f.shift_x, on.axis[-view.shape[2] :, None]
    shoulders, collar = ellipse(x, y - 1.28, 0.95, 0.52), ellipse(x, y - 0.74, 0.30, 0.17)
    bare = np.minimum(neck, np.maximum(shoulders, collar))
    paint(view, on.inside(bare), shaded(on.skin, shadow))
    clothes = shaded((f.clothes_red, f.clothes_green, f.clothes_blue), 1 + 0.15 * f.light_x * x)
    paint(view, on.inside(np.maximum(shoulders, -collar)), clothes)


def _ears(on, f):
    view, x, y = on.look(REACH["ears"])
    shade = 0.86 + 0.14 * f.light_x * np.clip(4 * x, -1, 1)
    paint(view, on.inside(ellipse(np.abs(x) - f.face_width, y, 0.07, 0.13)), shaded(on.skin, shade))


def _outline(f, x, y):
    """x and y by the face's half width and height there, and the distance from its edge."""
    v = y * (1 / f.face_height)
    low = np.maximum(v, 0)
    u = x / (f.face_width - (f.face_width * f.jaw) * low * low)
    return u, v, ellipse(u * f.face_width, y, f.face_width, f.face_height)


def _face(on, f):
    view, x, y = on.look(REACH["face"])
    u, v, edge = _outline(f, x, y)
    depth = np.sqrt(np.clip(1 - 0.85 * (u * u + v * v), 0, 1))
    shadow = 0.32 - 0.36 * depth - (0.17 * f.light_x) * u + 0.07 * v
    # Shadows on skin are warm: red fades last.
    paint(view, on.inside(edge), shaded(on.skin, 1 - 0.8 * shadow, 1 - shadow, 1 - 1.1 * shadow))


def _beard(on, f):
    view, x, y = on.look(REACH["beard"])
    u, v, edge = _outline(f, x, y)
    full = np.clip(6 * (v - 0.42 + 0.45 * u * u), 0, 1)
    free = on.inside(ellipse(x, y - MOUTH, f.mouth_width, 0.10) / 1.5)
    paint(view, on.inside(edge) * full * (1 - free) * (0.9 * f.beard), shaded(on.hair, 0.8))


def _nose(on, f):
    view, x, y = on.look(REACH["nose"])
    side, tip = np.abs(x), 0.13 + 0.07 * f.nose_length
    rise = np.clip((y + 0.10) * (1 / (tip + 0.10)), 0, 1)
    flank = 0.03 + (f.nose_width - 0.03) * rise * rise
    length = np.clip(12 * (tip - y), 0, 1) * rise
    dark = shaded(on.skin, 0.66, 0.56, 0.52)
    ridge = np.clip(1 - 20 * side, 0, 1)
    paint(view, 0.22 * ridge * length, [np.minimum(1.2 * c + 0.05, 1) for c in on.skin])
    away = np.clip(0.5 - 0.5 * f.light_x * x / flank, 0, 1)  # from the light
    paint(view, 0.5 * np.clip(1 - 28 * np.abs(side - flank), 0, 1) * length * away, dark)
    wing = np.clip(1 - 25 * np.abs(y - tip - 0.02 + 0.5 * side), 0, 1)
    paint(view, 0.35 * wing * np.clip(30 * (f.nose_width - side), 0, 1), dark)
    nostril = ellipse(side - 0.55 * f.nose_width, y - tip, 0.028, 0.018)
    paint(view, 0.75 * on.inside(nostril), shaded(on.skin, 0.35, 0.25, 0.22))


def _mouth(on, f):
    view, x, y = on.look(REACH["mouth"])
    width = f.mouth_width * (1 + 0.12 * f.smile)
    u = np.abs(x) * (1 / width)
    height = y - MOUTH - 0.085 * f.smile * (0.5 - u * u)  # below the line between the lips
    taper = np.maximum(1 - u * u, 0)
    gap = 0.075 * f.mouth_opening * taper
    upper = -height - gap - f.lip_fullness * taper * (0.8 + 0.28 * np.minimum(6 * u * u, 1))
    lower = height - gap - 1.2 * f.lip_fullness * taper
    ends = (u - 1) * width
    tone = shaded(on.skin, 0.80, 0.58, 0.56)
    tone = [c + 0.75 * f.lip_red * (red * f.light - c) for c, red in zip(tone, (0.70, 0.16, 0.20))]
    lips = on.inside(np.maximum(np.maximum(upper, lower), ends))
    paint(view, lips, shaded(tone, 1 - 0.12 * np.clip(-30 * height, -1, 1)))
    paint(
        view, on.stroke(height, gap + 0.008 * np.minimum(4 * taper, 1)) * on.inside(ends), (0.22, 0.06, 0.06)
    )
    teeth = np.maximum(np.abs(height + 0.2 * gap) - 0.75 * gap, ends + 0.1 * width)
    paint(view, on.inside(teeth) * np.minimum(5 * f.mouth_opening, 1), shaded((0.94, 0.92, 0.88), f.light))


def _eyes(on, f):
    view, x, y = on.look(REACH["eyes"])
    out, level = np.abs(x) - 0.5 * f.eye_distance, y - EYES
    socket = ellipse(out, level + 0.02, 1.45 * f.eye_size, 1.25 * f.eye_size)
    paint(view, 0.25 * np.clip(-10 * socket, 0, 1), shaded(on.skin, 0.62, 0.50, 0.47))
    opening = f.eye_size * f.eye_opening
    u = out * (1 / f.eye_size)
    lid = -level - 1.15 * opening * (1 - u * u)
    eye = on.inside(np.maximum(lid, level - 0.85 * opening * (1 - u * u)))
    paint(view, eye, shaded((0.95, 0.94, 0.93), f.light))
    across = x - np.copysign(0.5 * f.eye_distance, x) - 0.42 * f.eye_size * f.gaze_x
    down = level - 0.35 * opening * f.gaze_y
    radius, iris = np.sqrt(across * across + down * down), 0.5 * f.eye_size
    pupil = 1 - 0.95 * on.inside(radius - 0.48 * iris)
    paint(view, eye * on.inside(radius - iris), shaded(between(IRIS, f.eye_colour), pupil))
    across, down = across - 0.3 * iris * np.sign(f.light_x), down + 0.35 * iris
    paint(view, eye * on.stroke(np.sqrt(across * across + down * down), 0.014), (1.0, 1.0, 1.0))
    lash = on.stroke(lid, 0.014) * on.inside(np.abs(out) - 1.05 * f.eye_size)
    paint(view, 0.85 * lash, shaded(on.skin, 0.25))


def _brows(on, f):
    view, x, y = on.look(REACH["brows"])
    out = np.abs(x) - 0.5 * f.eye_distance
    line = -0.20 - 0.05 * f.brow_height - f.brow_angle * out + 2.2 * out * out
    half = f.brow_thickness * np.clip(1.1 - 6 * out, 0.3, 1)
    brow = on.stroke(y - line, half) * on.inside(np.abs(out - 0.01) - 1.3 * f.eye_size)
    paint(view, 0.9 * brow, [0.65 * c + 0.02 for c in on.hair])


def _fringe(on, f):
    view, x, y = on.look(REACH["fringe"])
    u = x * (1 / f.face_width)
    skull = ellipse(x, y, f.face_width + 0.02 + 0.5 * f.hair_volume, f.face_height + f.hair_volume)
    line = f.face_height * (-0.72 + 0.28 * f.fringe + (0.16 * f.parting) * u)
    line = line + (0.30 + 0.10 * f.hair_length) * u * u
    end = y - (0.02 + 0.25 * f.hair_length)  # of the sideburns
    shade = 0.95 - 0.25 * y + (0.2 * f.light_x) * x
    paint(view, on.inside(np.maximum(np.maximum(skull, y - line), end)), shaded(on.hair, shade))


def _glasses(on, f):
    view, x, y = on.look(REACH["glasses"])
    out, level = np.abs(x) - 0.5 * f.eye_distance, y - EYES - 0.015
    ring = ellipse(out, level, 0.155, 0.125)
    bridge = on.stroke(level + 0.03, 0.013) * on.inside(out + 0.155)
    paint(view, 0.12 * f.glasses * on.inside(ring), (0.75, 0.85, 0.95))
    paint(view, f.glasses * np.maximum(on.stroke(ring, 0.016), bridge), (0.10, 0.08, 0.08))
