"""Published data sets: what each holds, which is known without its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.data.splits import OwnSplits

DEFAULT_ROOT = "data"

_DIGITS = tuple("0123456789")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedSet:
    """A data set with a test split of its own.

    Attributes:
        class_name: of the class in torchvision.datasets that reads and downloads it.
        folder: below the root, where its files lie.
        files: in that folder, as they are published.
        own_splits: images of each class.
    """

    class_name: str
    folder: str
    files: tuple[str, ...]
    in_channels: int
    class_names: tuple[str, ...]
    own_splits: OwnSplits


_IDX_FILES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
_CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

# Counts: LeCun et al. 1998 (MNIST), Xiao et al. 2017 (Fashion-MNIST), Krizhevsky 2009 (CIFAR), Netzer et al. 2011
# (SVHN); files that hold others are refused when they are read.
PUBLISHED: Mapping[str, PublishedSet] = {
    "mnist": PublishedSet(
        class_name="MNIST",
        folder="MNIST/raw",
        files=_IDX_FILES,
        in_channels=1,
        class_names=_DIGITS,
        own_splits=OwnSplits(
            train=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            test=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
        ),
    ),
    "fashion-mnist": PublishedSet(
        class_name="FashionMNIST",
        folder="FashionMNIST/raw",
        files=_IDX_FILES,
        in_channels=1,
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        own_splits=OwnSplits(train=(6000,) * 10, test=(1000,) * 10),
    ),
    "cifar10": PublishedSet(
        class_name="CIFAR10",
        folder=".",
        files=("cifar-10-python.tar.gz",),
        in_channels=3,
        class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        own_splits=OwnSplits(train=(5000,) * 10, test=(1000,) * 10),
    ),
    "cifar100": PublishedSet(
        class_name="CIFAR100",
        folder=".",
        files=("cifar-100-python.tar.gz",),
        in_channels=3,
        class_names=tuple(_CIFAR100_CLASSES.split()),
        own_splits=OwnSplits(train=(500,) * 100, test=(100,) * 100),
    ),
    "svhn": PublishedSet(
        class_name="SVHN",
        folder=".",
        files=("train_32x32.mat", "test_32x32.mat"),
        in_channels=3,
        class_names=_DIGITS,
        own_splits=OwnSplits(
            train=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
            test=(1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
        ),
    ),
}
