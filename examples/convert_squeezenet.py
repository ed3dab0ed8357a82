"""Build a network by hand, from the arrays of another framework: SqueezeNet v1.0 with its published weights.

    python examples/convert_squeezenet.py squeezenet_v1.0.npz FOLDER

The npz file holds, for each of the 26 convolutions, `<layer>.weight` (channels out, channels in, height, width) and
`<layer>.bias`, float32, as Caffe reads them: images are BGR, 0 to 255, less the means of the channels.
Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, arXiv:1602.07360, table 1; weights of
Han et al., Deep Compression, arXiv:1510.00149.
"""

import argparse
import hashlib
import shlex
from pathlib import Path

import numpy as np

import hwsim
from hwsim import Affine, Concat, Conv2d, GlobalAvgPool, MaxPool2d, ReLU, Weight

RGB_MEANS = (123.0, 117.0, 104.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="the npz file")
    parser.add_argument("folder", type=Path, help="the model folder to write; its last part becomes the network's name")
    arguments = parser.parse_args()
    with np.load(arguments.weights, allow_pickle=False) as arrays:
        network = squeezenet(dict(arrays), arguments.folder.name, about(arguments.weights, arguments.folder))
    hwsim.save_network(network, arguments.folder)
    folder = shlex.quote(str(arguments.folder))
    print(f"wrote {folder}: {len(network.layers)} layers, {n_weight(network):,} weights. Next, for example:")
    print(f"  hwsim simulate {folder} --data imagenet-sample --execution sparse")
    print(f"  hwsim simulate {folder} --data clip.mp4 --size 227 --step 1 --execution delta")


def squeezenet(arrays, name="squeezenet", about=None):
    """The network: its input are RGB codes of step 1, 227 x 227; its outputs the scores of 1000 classes."""
    # reading RGB in place of BGR is another order of the input channels
    arrays = arrays | {"conv1.weight": arrays["conv1.weight"][:, ::-1]}

    def conv(layer, inputs=(), **geometry):
        weight = (Weight(arrays[f"{layer}.weight"]),)
        return [
            Conv2d(layer, inputs, terms=weight, bias=arrays[f"{layer}.bias"], **geometry),
            ReLU(f"{layer}.relu"),
        ]

    def fire(number):
        """A module: fewer channels, then two convolutions side by side, whose outputs are joined."""
        layer = f"fire{number}"
        squeezed = f"{layer}.squeeze1x1.relu"
        return [
            *conv(f"{layer}.squeeze1x1"),
            *conv(f"{layer}.expand1x1", (squeezed,)),
            *conv(f"{layer}.expand3x3", (squeezed,), padding=1),
            Concat(layer, (f"{layer}.expand1x1.relu", f"{layer}.expand3x3.relu")),
        ]

    layers = [
        # exact in fp32; a convolution that pads with zeros could not take the means into its bias
        Affine("less_means", scale=1.0, offset=-np.array(RGB_MEANS)),
        *conv("conv1", stride=2),
        MaxPool2d("pool1", kernel=3, stride=2),
        *fire(2),
        *fire(3),
        *fire(4),
        MaxPool2d("pool4", kernel=3, stride=2),
        *fire(5),
        *fire(6),
        *fire(7),
        *fire(8),
        MaxPool2d("pool8", kernel=3, stride=2),
        *fire(9),
        *conv("conv10", padding=1),
        GlobalAvgPool("scores"),
    ]
    return hwsim.Network(name, (3, 227, 227), tuple(layers), about=about or {})


def about(weights, folder):
    """What the network states of its making."""
    return {
        "method": "SqueezeNet v1.0 (arXiv:1602.07360), deep-compressed weights (arXiv:1510.00149) decoded to fp32",
        "data_set": "ImageNet ILSVRC-2012 train",
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "command": f"python examples/convert_squeezenet.py {weights.name} {folder.name}",
    }


def n_weight(network):
    return sum(layer.terms[0].code.size for layer in network.layers if isinstance(layer, Conv2d))


if __name__ == "__main__":
    main()
