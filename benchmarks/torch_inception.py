"""The Inception-v3 of FID once more, in torch: what ours is compared with, in speed here and in the tests."""

import torch
import torch.nn.functional as F

# Every convolution by its name in the file: channels in, channels out, height and width of the kernel.
STEM = {
    "Conv2d_1a_3x3": (3, 32, 3, 3),
    "Conv2d_2a_3x3": (32, 32, 3, 3),
    "Conv2d_2b_3x3": (32, 64, 3, 3),
    "Conv2d_3b_1x1": (64, 80, 1, 1),
    "Conv2d_4a_3x3": (80, 192, 3, 3),
}


def of_a(c, pooled):
    return {
        "branch1x1": (c, 64, 1, 1),
        "branch5x5_1": (c, 48, 1, 1),
        "branch5x5_2": (48, 64, 5, 5),
        "branch3x3dbl_1": (c, 64, 1, 1),
        "branch3x3dbl_2": (64, 96, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
        "branch_pool": (c, pooled, 1, 1),
    }


def of_c(n):
    return {
        "branch1x1": (768, 192, 1, 1),
        "branch7x7_1": (768, n, 1, 1),
        "branch7x7_2": (n, n, 1, 7),
        "branch7x7_3": (n, 192, 7, 1),
        "branch7x7dbl_1": (768, n, 1, 1),
        "branch7x7dbl_2": (n, n, 7, 1),
        "branch7x7dbl_3": (n, n, 1, 7),
        "branch7x7dbl_4": (n, n, 7, 1),
        "branch7x7dbl_5": (n, 192, 1, 7),
        "branch_pool": (768, 192, 1, 1),
    }


def of_e(c):
    return {
        "branch1x1": (c, 320, 1, 1),
        "branch3x3_1": (c, 384, 1, 1),
        "branch3x3_2a": (384, 384, 1, 3),
        "branch3x3_2b": (384, 384, 3, 1),
        "branch3x3dbl_1": (c, 448, 1, 1),
        "branch3x3dbl_2": (448, 384, 3, 3),
        "branch3x3dbl_3a": (384, 384, 1, 3),
        "branch3x3dbl_3b": (384, 384, 3, 1),
        "branch_pool": (c, 192, 1, 1),
    }


MIXED = {
    "Mixed_5b": of_a(192, 32),
    "Mixed_5c": of_a(256, 64),
    "Mixed_5d": of_a(288, 64),
    "Mixed_6a": {
        "branch3x3": (288, 384, 3, 3),
        "branch3x3dbl_1": (288, 64, 1, 1),
        "branch3x3dbl_2": (64, 96, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
    },
    "Mixed_6b": of_c(128),
    "Mixed_6c": of_c(160),
    "Mixed_6d": of_c(160),
    "Mixed_6e": of_c(192),
    "Mixed_7a": {
        "branch3x3_1": (768, 192, 1, 1),
        "branch3x3_2": (192, 320, 3, 3),
        "branch7x7x3_1": (768, 192, 1, 1),
        "branch7x7x3_2": (192, 192, 1, 7),
        "branch7x7x3_3": (192, 192, 7, 1),
        "branch7x7x3_4": (192, 192, 3, 3),
    },
    "Mixed_7b": of_e(1280),
    "Mixed_7c": of_e(2048),
}
CONVOLUTIONS = {**STEM, **{f"{b}.{n}": sizes for b, units in MIXED.items() for n, sizes in units.items()}}
# Without padding; all others keep the size of what they are given, where their stride is 1.
BARE = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_4a_3x3")
HALVING = ("Mixed_6a.branch3x3", "Mixed_6a.branch3x3dbl_3", "Mixed_7a.branch3x3_2", "Mixed_7a.branch7x7x3_4")


def random_state(seed):
    """A state dict of the published names and shapes; activations keep their size from layer to layer."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(n, low, high):
        return low + (high - low) * torch.rand(n, generator=generator)

    state = {}
    for name, (c, o, h, w) in CONVOLUTIONS.items():
        weight = torch.randn((o, c, h, w), generator=generator)
        state[f"{name}.conv.weight"] = weight * (2 / (c * h * w)) ** 0.5
        state[f"{name}.bn.weight"] = uniform(o, 0.8, 1.2)
        state[f"{name}.bn.bias"] = uniform(o, -0.1, 0.3)
        state[f"{name}.bn.running_mean"] = uniform(o, -0.2, 0.2)
        state[f"{name}.bn.running_var"] = uniform(o, 0.5, 1.5)
        state[f"{name}.bn.num_batches_tracked"] = torch.tensor(0)
    state["fc.weight"] = torch.randn((1008, 2048), generator=generator) * 0.02
    state["fc.bias"] = uniform(1008, -0.1, 0.1)
    return state


def forward(state, x):
    """Images [b 3 299 299] in [-1, 1] to features [b 2048] and logits [b 1008]."""

    def unit(x, name):
        weight, stride = state[f"{name}.conv.weight"], 2 if name in (*HALVING, BARE[0]) else 1
        bare = name in BARE or name in HALVING
        padding = 0 if bare else (weight.shape[2] // 2, weight.shape[3] // 2)
        norm = [state[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.relu(F.batch_norm(F.conv2d(x, weight, None, stride, padding), *norm, eps=0.001))

    def units(x, *names):
        for name in names:
            x = unit(x, name)
        return x

    def average(x):
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    def halve(x):
        return F.max_pool2d(x, 3, 2)

    def numbered(x, branch, count):
        return units(x, *(f"{branch}_{i}" for i in range(1, count + 1)))

    x = halve(units(x, "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"))
    x = halve(units(x, "Conv2d_3b_1x1", "Conv2d_4a_3x3"))
    for b in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        five, three = numbered(x, f"{b}.branch5x5", 2), numbered(x, f"{b}.branch3x3dbl", 3)
        x = torch.cat([unit(x, f"{b}.branch1x1"), five, three, unit(average(x), f"{b}.branch_pool")], 1)
    b = "Mixed_6a"
    x = torch.cat([unit(x, f"{b}.branch3x3"), numbered(x, f"{b}.branch3x3dbl", 3), halve(x)], 1)
    for b in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        seven, double = numbered(x, f"{b}.branch7x7", 3), numbered(x, f"{b}.branch7x7dbl", 5)
        x = torch.cat([unit(x, f"{b}.branch1x1"), seven, double, unit(average(x), f"{b}.branch_pool")], 1)
    b = "Mixed_7a"
    x = torch.cat([numbered(x, f"{b}.branch3x3", 2), numbered(x, f"{b}.branch7x7x3", 4), halve(x)], 1)
    for b in ("Mixed_7b", "Mixed_7c"):
        three, double = unit(x, f"{b}.branch3x3_1"), numbered(x, f"{b}.branch3x3dbl", 2)
        pool = average(x) if b == "Mixed_7b" else F.max_pool2d(x, 3, 1, 1)
        x = torch.cat(
            [
                unit(x, f"{b}.branch1x1"),
                unit(three, f"{b}.branch3x3_2a"),
                unit(three, f"{b}.branch3x3_2b"),
                unit(double, f"{b}.branch3x3dbl_3a"),
                unit(double, f"{b}.branch3x3dbl_3b"),
                unit(pool, f"{b}.branch_pool"),
            ],
            1,
        )
    features = x.mean((2, 3))
    return features, F.linear(features, state["fc.weight"], state["fc.bias"])
