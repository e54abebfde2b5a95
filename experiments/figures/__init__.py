"""The figures of a run: arrays in, one PNG file out, with no state shared between calls."""

from experiments.figures.codes import codes_and_prior
from experiments.figures.covariance import latent_covariance
from experiments.figures.curves import training_curves
from experiments.figures.particles import flows_in_plane, landings, landscapes
from experiments.figures.pictures import image_grid, reconstruction_grid
from experiments.figures.plane import samples_in_plane
from experiments.figures.precision import precision_recall_curves
from experiments.figures.rows import attribute_grid, interpolation_grid, neighbour_grid
from experiments.figures.sizes import value_against_size

__all__ = [
    "attribute_grid",
    "codes_and_prior",
    "flows_in_plane",
    "image_grid",
    "interpolation_grid",
    "landings",
    "landscapes",
    "latent_covariance",
    "neighbour_grid",
    "precision_recall_curves",
    "reconstruction_grid",
    "samples_in_plane",
    "training_curves",
    "value_against_size",
]
