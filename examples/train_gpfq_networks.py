"""Train the two float networks of the GPFQ paper's experiments, with batch norm after each ReLU, and write them.

    python examples/train_gpfq_networks.py mnist --epochs 100 --seed 0 --out mnist-500-300
    python examples/train_gpfq_networks.py cifar-10 --epochs 40 --seed 0 --out cifar-10-cnn

needs the extra `train` and the data set. Lybrand & Saab, A Greedy Algorithm for Quantizing Neural Networks, JMLR 22
(156), 2021: MNIST 784-500-300-10 and CIFAR-10 2x32C3-MP-2x64C3-MP-2x128C3-MP-128-10, ReLU then batch norm; for MNIST
Adam, batches of 128, 100 epochs, raw pixels 0 to 255 and the last fifth of the training images kept for validation,
as in the authors' code, whose constant learning rate falls to zero here in the last tenth of the epochs, unless
--learning-rate-schedule says otherwise. CIFAR-10 has one cycle, because the authors' 400 epochs are cut. The network
that is written reads pixels of step 1/255, as the data set has them: its first weights are 255 times those that were
trained. A checkpoint in the folder lets an interrupted run go on.
"""

import argparse
import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

import hwsim
from hwsim import Affine, Conv2d, Dense, Flatten, MaxPool2d, ReLU, Weight
from hwsim.convert.model_folder import save_measured

SCHEDULES = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "falling": lambda done: min(1.0, 10 * (1 - done)),
}
"""Learning rate of the first, as a function of the part of training that is done."""

NORM = {"eps": 1e-3, "momentum": 0.01}  # what Keras has where nothing is said
METHOD = {
    "mnist": "float 784-500-300-10, batch norm after ReLU; Adam, {schedule} learning rate, raw pixels, cross entropy",
    "cifar-10": "float 2x32C3-MP-2x64C3-MP-2x128C3-MP-128-10, batch norm after ReLU; SGD, one-cycle learning rate",
}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained."""

    batch_size: int
    learning_rate: float
    weight_decay: float
    pixel: float  # what a code of 1 becomes before it is read


RECIPES = {
    "mnist": Recipe(128, 1e-3, 0.0, 1.0),
    "cifar-10": Recipe(64, 0.02, 5e-4, 1 / 255),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=sorted(RECIPES))
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of torch; one gives the same network again")
    parser.add_argument("--bfloat16", action="store_true", help="forward and backward in bfloat16, weights in float32")
    parser.add_argument("--learning-rate-schedule", choices=sorted(SCHEDULES), default="falling", help="of mnist")
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write; its last part is the name")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    train = hwsim.load_dataset(arguments.data, split="train")
    n_validation = len(train) // (5 if arguments.data == "mnist" else 10)
    kept, held = train[: len(train) - n_validation], train[len(train) - n_validation :]
    model, recipe = MODELS[arguments.data]().to(memory_format=torch.channels_last), RECIPES[arguments.data]
    loss = fit(model, kept, held, recipe, arguments)
    about = {
        "method": METHOD[arguments.data].format(schedule=arguments.learning_rate_schedule),
        "data_set": f"{arguments.data} train",
        "epochs": arguments.epochs,
        "seed": arguments.seed,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "validation_frames": n_validation,
        "training_loss": loss,
        "validation_correct": count_correct(model, held, recipe),
        "trained_with": f"torch {torch.__version__}",
    }
    network = hwsim.Network(arguments.out.name, train.shape, export(model, train.shape, recipe), about=about)
    command = f"python examples/train_gpfq_networks.py {arguments.data} --epochs {arguments.epochs}"
    if arguments.learning_rate_schedule != "falling":
        command += f" --learning-rate-schedule {arguments.learning_rate_schedule}"
    command += " --bfloat16" if arguments.bfloat16 else ""
    test = hwsim.load_dataset(arguments.data, split="test")
    network = save_measured(network, test, f"{command} --seed {arguments.seed} --out", arguments.out, force=True)
    (arguments.out / "checkpoint.pt").unlink(missing_ok=True)
    print(f"wrote {arguments.out}: test accuracy {network.about['accuracy']['percent']} %")


def mnist_model():
    sizes = (784, 500, 300, 10)
    modules = [nn.Flatten()]
    for n_in, n_out in itertools.pairwise(sizes):
        modules += [with_initial(nn.Linear(n_in, n_out), nn.init.xavier_uniform_)]
        modules += [nn.ReLU(), nn.BatchNorm1d(n_out, **NORM)] if n_out != sizes[-1] else []
    return nn.Sequential(*modules)


def cifar_model():
    def conv(n_in, n_out):
        layer = with_initial(nn.Conv2d(n_in, n_out, 3, padding=1), nn.init.kaiming_uniform_)
        return [layer, nn.ReLU(), nn.BatchNorm2d(n_out, **NORM)]

    modules, n_in = [], 3
    for n_out, dropped in ((32, 0.2), (64, 0.3), (128, 0.4)):
        modules += [*conv(n_in, n_out), *conv(n_out, n_out), nn.MaxPool2d(2), nn.Dropout(dropped)]
        n_in = n_out
    hidden = with_initial(nn.Linear(2048, 128), nn.init.kaiming_uniform_)
    modules += [nn.Flatten(), hidden, nn.ReLU(), nn.BatchNorm1d(128, **NORM), nn.Dropout(0.5)]
    return nn.Sequential(*modules, with_initial(nn.Linear(128, 10), nn.init.xavier_uniform_))


MODELS = {"mnist": mnist_model, "cifar-10": cifar_model}


def with_initial(layer, draw):
    draw(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def fit(model, kept, held, recipe, arguments):
    """Train in place; the mean loss of the last epoch."""
    inputs, labels = torch.from_numpy(kept.inputs), torch.from_numpy(kept.labels)
    n_step = math.ceil(len(inputs) / recipe.batch_size)
    if arguments.data == "mnist":
        optimizer = torch.optim.Adam(model.parameters(), recipe.learning_rate, eps=1e-7)
        shape = SCHEDULES[arguments.learning_rate_schedule]
        last = arguments.epochs * n_step
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: shape(step / last))
    else:
        options = {"momentum": 0.9, "weight_decay": recipe.weight_decay, "nesterov": True}
        optimizer = torch.optim.SGD(model.parameters(), recipe.learning_rate, **options)
        total = arguments.epochs * n_step
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=total)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    checkpoint = arguments.out / "checkpoint.pt"
    done, loss = resume(parts, checkpoint)
    for epoch in range(done, arguments.epochs):
        model.train()
        total = 0.0
        order = torch.randperm(len(inputs))
        for chosen in order.split(recipe.batch_size):
            frames = augmented(inputs[chosen], arguments.data).float() * recipe.pixel
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bfloat16):
                scores = model(frames)
            loss = nn.functional.cross_entropy(scores.float(), labels[chosen])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        loss = total / len(inputs)
        keep(parts, checkpoint, epoch + 1, loss)
        correct = count_correct(model, held, recipe)
        print(f"epoch {epoch + 1}: loss {loss:.4f}, validation {100 * correct / len(held):.2f} %", flush=True)
    return loss


def augmented(frames, data):
    """CIFAR-10: half of the images mirrored, all of them shifted by up to a tenth; MNIST as it is."""
    if data == "mnist":
        return frames
    n, _, height, width = frames.shape
    reach = height // 10
    padded = nn.functional.pad(frames, (reach, reach, reach, reach))
    mirrored = torch.rand(n) < 0.5
    padded[mirrored] = padded[mirrored].flip(-1)
    y, x = torch.randint(0, 2 * reach + 1, (2, n))
    rows, columns = y[:, None] + torch.arange(height), x[:, None] + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def keep(parts, checkpoint, epoch, loss):
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {name: part.state_dict() for name, part in parts.items()}
    partial = checkpoint.with_suffix(".partial")
    torch.save(state | {"epoch": epoch, "loss": loss, "generator": torch.get_rng_state()}, partial)
    partial.replace(checkpoint)


def resume(parts, checkpoint):
    """Epochs done, and the last loss."""
    if not checkpoint.exists():
        return 0, math.nan
    state = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["generator"])
    return state["epoch"], state["loss"]


@torch.no_grad()
def count_correct(model, data, recipe):
    model.eval()
    inputs, labels = torch.from_numpy(data.inputs), torch.from_numpy(data.labels)
    parts = zip(inputs.split(1000), labels.split(1000), strict=True)
    return sum(int((model(frames.float() * recipe.pixel).argmax(1) == names).sum()) for frames, names in parts)


def export(model, shape, recipe):
    """The layers, in inference mode; the first weights take in what pixels were multiplied by."""
    layers, scale = [], recipe.pixel * 255  # the data set's step is 1/255
    counts = {}

    def name(kind):
        counts[kind] = counts.get(kind, 0) + 1
        return f"{kind}{counts[kind]}"

    for module in model:
        if isinstance(module, nn.Linear | nn.Conv2d):
            weight = module.weight.detach().double().numpy() * scale
            bias, scale = module.bias.detach().numpy().copy(), 1.0
            if isinstance(module, nn.Linear):
                layers.append(Dense(name("dense"), terms=(Weight(np.ascontiguousarray(weight.T)),), bias=bias))
            else:
                layers.append(Conv2d(name("conv"), terms=(Weight(weight),), bias=bias, padding=module.padding))
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            slope = module.weight.detach().double() / torch.sqrt(module.running_var.double() + module.eps)
            offset = module.bias.detach().double() - module.running_mean.double() * slope
            layers.append(Affine(name("norm"), scale=slope.numpy(), offset=offset.numpy()))
        elif isinstance(module, nn.ReLU):
            layers.append(ReLU(name("relu")))
        elif isinstance(module, nn.MaxPool2d):
            layers.append(MaxPool2d(name("pool"), kernel=module.kernel_size))
        elif isinstance(module, nn.Flatten):
            layers.append(Flatten("flatten"))
    return tuple(layers)


if __name__ == "__main__":
    main()
