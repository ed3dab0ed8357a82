"""Is the law of levels plausible? DRAM accesses per multiply-accumulate beside those that a chip's authors printed.

Y.-H. Chen et al., Eyeriss, ISSCC/JSSC 2016-2017: 0.0029 for the convolutions of AlexNet in batches of four, 0.0035 for
those of VGG-16 in batches of three, with a global buffer of 108 KiB and numbers of 16 bits. Nothing is fitted. The chip
keeps rows of weights and sums in its elements, which is another model, so that only the size can be right.
"""

import pytest

from hwsim.machine import Lanes, Machine
from hwsim.network.layers import Window
from hwsim.traffic.loops import Loops
from hwsim.traffic.shape import _in_strips
from hwsim.traffic.tile_words import Room, Source
from hwsim.traffic.tiling import choose

BITS = 16
# input channels, side, output channels, kernel, stride, padding, groups
ALEXNET = [
    (3, 227, 96, 11, 4, 0, 1),
    (96, 27, 256, 5, 1, 2, 2),
    (256, 13, 384, 3, 1, 1, 1),
    (384, 13, 384, 3, 1, 1, 2),
    (384, 13, 256, 3, 1, 1, 2),
]
VGG_16 = [
    (channels, side, made, 3, 1, 1, 1)
    for channels, side, made in [
        *((3, 224, 64), (64, 224, 64), (64, 112, 128), (128, 112, 128), (128, 56, 256), (256, 56, 256), (256, 56, 256)),
        *((256, 28, 512), (512, 28, 512), (512, 28, 512), (512, 14, 512), (512, 14, 512), (512, 14, 512)),
    ]
]


def machine(batch):
    return Machine.model_validate(
        {
            "schema": 1,
            "name": "one buffer",
            "description": "a DRAM and a buffer for everything",
            "execution": "dense",
            "event_arithmetic": "multiply",
            "lanes": {"dense": {"channels": 16}, "convolution": {"channels": 16}},
            "batch": batch,
            "levels": [
                {"name": "dram", "kind": "dram", "word_length": BITS, "holds": ["weights", "codes"]},
                {
                    "name": "buffer",
                    "kind": "sram",
                    "capacity": 108 * 1024,
                    "word_length": BITS,
                    "holds": ["weights", "codes", "sums"],
                },
            ],
        }
    )


def accesses(layer, batch):
    """Numbers moved to and from the DRAM for a batch, and multiply-accumulates."""
    channels, side, made, kernel, stride, padding, groups = layer
    window = Window.over((channels, side, side), (kernel, kernel), (stride, stride), padding)
    each = made // groups
    lanes = Lanes(channels=16)
    loops = Loops(groups, channels // groups, each, each, window, False, lanes, (BITS,), BITS)
    far, near = machine(batch).levels
    rooms = Room(far, None), Room(near, near.bits)
    n_code = channels * side * side
    source = Source(BITS, channels, _in_strips(window, (channels * side,) * side), n_code, home=0)
    found = choose(loops, machine(batch), rooms, rooms, (source,))
    n_position = window.out[0] * window.out[1]
    taps = int(window.taps.sum())
    return found.words[0] + batch * made * n_position, batch * taps * (channels // groups) * made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "batch", "printed"), [(ALEXNET, 4, 0.0029), (VGG_16, 3, 0.0035)], ids=["AlexNet", "VGG-16"]
)
def test_accesses_are_of_the_size_that_was_printed(layers, batch, printed):
    moved, done = (sum(each) for each in zip(*(accesses(layer, batch) for layer in layers), strict=True))
    least = sum(batch * (c * s * s) + c // g * f * k * k for c, s, f, k, _, _, g in layers)
    assert moved > least  # every number that comes in is read once
    assert printed / 2 < moved / done < 2 * printed
