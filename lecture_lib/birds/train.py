"""Train the bird networks again, from nothing: ``python -m lecture_lib.birds.train``.

Every network is trained as its recipe says, tested on scenes that it has never seen, and written to
``weights/``: the weights as safetensors, and beside them a JSON file that says how they came about.
A run that was broken off goes on where it stopped, and ends with the same weights.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from lecture_lib import birds
from lecture_lib.birds.classifiers import ARCHITECTURES, WEIGHTS
from lecture_lib.words import choose

CACHE = Path.home() / ".cache" / "saliency-lectures"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TEST_SEED = 1_000_000  # far from the seeds of the recipes
TEST_SCENES = 2000


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: AdamW, and a learning rate that rises to its maximum and falls to nearly 0."""

    scenes: int = 12_000
    seed: int = 1  # of the scenes, of the first weights, and of the order in which the scenes come
    shortcut: float | None = None  # see `lecture_lib.birds.scenes`
    epochs: int = 4
    batch_size: int = 64
    learning_rate: float = 3e-3  # its maximum
    weight_decay: float = 0.05


RECIPES: dict[str, Recipe] = {
    "birds_cnn": Recipe(),
    "birds_vit": Recipe(epochs=6, batch_size=32, learning_rate=1e-3),
    "birds_attention": Recipe(epochs=5, batch_size=32, learning_rate=2e-3),
    "birds_shortcut": Recipe(shortcut=0.95, epochs=3),
}


# ---- Scenes -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)  # three networks learn from the same scenes, and all are tested on the same three sets
def scenes(n: int, seed: int, shortcut: float | None, progress: bool = False) -> tuple[Tensor, Tensor]:
    """Images of birds in bytes, to save memory (n, 3, 96, 96), and the numbers of their species (n,)."""
    described = birds.describe(n, seed, shortcut=shortcut)
    images = torch.empty(n, 3, birds.SIZE, birds.SIZE, dtype=torch.uint8)
    for i, scene in enumerate(tqdm(described, "drawing", unit=" scenes", disable=not progress)):
        images[i] = (birds.draw([scene])[0][0] * 255).round()
    return images, birds.labels(described)


def normalised(images: Tensor) -> Tensor:
    """Images as the networks take them: from bytes to numbers from -1 to 1."""
    return images.float() / 127.5 - 1


# ---- Training ---------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """A network in training, with everything that is needed to stop it and to go on."""

    model: nn.Module
    optimizer: AdamW
    schedule: OneCycleLR
    epoch: int = 0

    def save(self, path: Path, recipe: Recipe) -> None:
        """Write a checkpoint with its recipe; the old one stays until the new one is complete."""
        path.parent.mkdir(parents=True, exist_ok=True)
        states = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "schedule")}
        torch.save({"recipe": asdict(recipe), "epoch": self.epoch, **states}, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def resume(self, path: Path, recipe: Recipe) -> None:
        """Go on from a checkpoint, if there is one of the same recipe."""
        if not path.exists():
            return
        states = torch.load(path, weights_only=True, map_location="cpu")
        if states["recipe"] == asdict(recipe):
            self.epoch = states["epoch"]
            for name in ("model", "optimizer", "schedule"):
                getattr(self, name).load_state_dict(states[name])


def start(name: str, recipe: Recipe) -> Run:
    """A network with random weights from the seed of its recipe, its optimiser and the plan of its learning rate."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model = ARCHITECTURES[name]().to(DEVICE)
    optimizer = AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * (recipe.scenes // recipe.batch_size)
    return Run(model, optimizer, OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps))


def train(name: str, recipe: Recipe, checkpoint: Path, *, progress: bool = False) -> nn.Module:
    """Train a network, or finish its training, and return it in evaluation mode; see `Recipe`.

    The checkpoint is a file that is written after each epoch. If it is there already, and of the same recipe,
    training goes on from it, and ends with the same weights as without the break.
    """
    run = start(name, recipe)
    run.resume(checkpoint, recipe)
    if run.epoch < recipe.epochs:
        images, labels = scenes(recipe.scenes, recipe.seed, recipe.shortcut, progress)
    while run.epoch < recipe.epochs:
        train_epoch(
            run, recipe, images, labels, description=f"{name} {run.epoch + 1}/{recipe.epochs}" if progress else None
        )
        run.save(checkpoint, recipe)
    return run.model.eval()


def train_epoch(run: Run, recipe: Recipe, images: Tensor, labels: Tensor, description: str | None = None) -> None:
    """Show every scene to the network once, in random order; a description is the text of a progress bar."""
    generator = torch.Generator().manual_seed(1000 * recipe.seed + run.epoch)
    steps = recipe.scenes // recipe.batch_size  # the scenes that don't fill a batch wait for another epoch
    batches = torch.randperm(recipe.scenes, generator=generator).split(recipe.batch_size)[:steps]
    run.model.train()
    for batch in (bar := tqdm(batches, description, disable=description is None)):
        logits = run.model(normalised(images[batch].to(DEVICE)))
        loss = cross_entropy(logits, labels[batch].to(DEVICE))
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        run.schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    run.epoch += 1


# ---- Testing and shipping ---------------------------------------------------------------------------------------


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images in which a network in evaluation mode finds the species."""
    predictions = [model(normalised(batch.to(DEVICE))).argmax(dim=1).cpu() for batch in images.split(100)]
    return float((torch.cat(predictions) == labels).float().mean())


def ship(name: str, recipe: Recipe, model: nn.Module, folder: Path, *, progress: bool = False) -> dict[str, Any]:
    """Write the weights and, beside them, the report that is returned: how they came about, how good they are.

    The weights are rounded to half precision, in which they are written, those of the given model, too.
    """
    weights = {key: value.half() if value.is_floating_point() else value for key, value in model.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / f"{name}.safetensors")
    model.load_state_dict(weights)  # test what is shipped, rounded as it is
    report = {
        "network": name,
        "classes": list(birds.SPECIES),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "bytes": (folder / f"{name}.safetensors").stat().st_size,
        "recipe": {"optimiser": "AdamW", "schedule": "OneCycleLR", **asdict(recipe)},
        "test": {"seed": TEST_SEED, "scenes": TEST_SCENES, "accuracy": assess(model, progress=progress)},
    }
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def assess(model: nn.Module, *, progress: bool = False) -> dict[str, float]:
    """Accuracy on new scenes: birds anywhere, each in its own landscape, each in that of another species.

    The birds are the same in all three cases.
    """
    cases = {"any_landscape": None, "own_landscape": 1.0, "landscape_of_another": 0.0}
    tests = {case: scenes(TEST_SCENES, TEST_SEED, shortcut, progress) for case, shortcut in cases.items()}
    return {case: round(accuracy(model, *test_set), 4) for case, test_set in tests.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test and ship networks.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m lecture_lib.birds.train", description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="network", help=f"some of {', '.join(RECIPES)}; default: all")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder for the trained networks")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the checkpoints of a run")
    options = parser.parse_args(arguments)
    names = [choose(name, RECIPES, "network") for name in options.networks] or list(RECIPES)
    for name in names:
        model = train(name, RECIPES[name], options.cache / f"{name}.pt", progress=True)
        report = ship(name, RECIPES[name], model, options.weights, progress=True)
        print(name, report["test"]["accuracy"])
    for name in names:  # only now, so that a run that is broken off skips what is ready
        (options.cache / f"{name}.pt").unlink()


if __name__ == "__main__":
    main()
