"""The figures of a run: arrays in, one PNG file out, with no state shared between calls."""

from experiments.figures.codes import codes_and_prior
from experiments.figures.curves import training_curves
from experiments.figures.particles import flows_in_plane, landings, landscapes
from experiments.figures.pictures import image_grid, reconstruction_grid
from experiments.figures.plane import samples_in_plane

__all__ = [
    "codes_and_prior",
    "flows_in_plane",
    "image_grid",
    "landings",
    "landscapes",
    "reconstruction_grid",
    "samples_in_plane",
    "training_curves",
]
