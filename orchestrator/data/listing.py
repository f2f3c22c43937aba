"""A folder with one sub-folder of images per class, listed without decoding an image."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.data.splits import OwnSplits
from orchestrator.errors import BadInputError

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

SPLIT_NAMES: Mapping[str, str] = {
    "train": "train",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}
"""What folders and files are called that hold a split."""

_LAYOUT_HINT = "give a folder that holds one sub-folder of images per class, or train and test folders of such ones"

Images = tuple[tuple[Path, ...], ...]
"""The images of each class, ordered by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The classes of a folder in the order of their names, and the images of each.

    Attributes:
        root: the folder.
        images: all of them, or the training images where the folder comes with other splits.
        validation, test: of the splits that the folder comes with.
    """

    root: Path
    class_names: tuple[str, ...]
    images: Images
    validation: Images | None = None
    test: Images | None = None

    @property
    def own_splits(self) -> OwnSplits:
        return OwnSplits(
            train=_counts(self.images),
            validation=None if self.validation is None else _counts(self.validation),
            test=None if self.test is None else _counts(self.test),
        )

    def labelled(self) -> list[tuple[Path, int]]:
        """All images in the order train, validation, test, each ordered by class and name."""
        return [
            (path, label)
            for part in (self.images, self.validation or (), self.test or ())
            for label, paths in enumerate(part)
            for path in paths
        ]


def list_folder(path: str) -> Listing:
    """Lists classes and images; hidden files and files that are no images are passed over.

    Sub-folders ``train`` and ``test``, ``val`` or ``validation`` are splits. Without ``test``, validation images are
    the test: what has been published for comparison is not what a search may look at.

    Raises:
        BadInputError: the folder is missing, a file, unreadable or empty, has one class or a class without images, or
            its splits differ in their classes.
    """
    if not path:
        raise BadInputError('path is not set, and name = "folder" needs it', hint=_LAYOUT_HINT)
    root = Path(path).expanduser()
    folders, _ = _entries(root)
    splits = {SPLIT_NAMES[folder.name]: folder for folder in folders if folder.name in SPLIT_NAMES}
    if "train" not in splits or len(folders) != len(splits) or len(splits) < 2:
        class_names, images = _classes_of(root)
        return Listing(root=root, class_names=class_names, images=images)
    return _list_splits(root, splits)


def by_split(parts: Mapping[str, Sequence[object]]) -> tuple[str | None, str | None]:
    """The names of the parts that are for validation and for the test."""
    if "test" in parts:
        return ("validation" if "validation" in parts else None), "test"
    return None, ("validation" if "validation" in parts else None)


def _list_splits(root: Path, folders: Mapping[str, Path]) -> Listing:
    listed = {split: _classes_of(folder) for split, folder in folders.items()}
    class_names = listed["train"][0]
    for split, (names, _) in listed.items():
        _check_same(class_names, names, folder=folders[split])
    images = {split: found for split, (_, found) in listed.items()}
    validation, test = by_split(images)
    return Listing(
        root=root,
        class_names=class_names,
        images=images["train"],
        validation=images[validation] if validation else None,
        test=images[test] if test else None,
    )


def _check_same(class_names: tuple[str, ...], names: tuple[str, ...], *, folder: Path) -> None:
    missing, unknown = sorted(set(class_names) - set(names)), sorted(set(names) - set(class_names))
    if missing:
        raise BadInputError(f"class '{missing[0]}' has no images in {folder}", hint="each split needs every class")
    if unknown:
        raise BadInputError(f"class '{unknown[0]}' of {folder} has no training images", hint="add some or remove it")


def _classes_of(root: Path) -> tuple[tuple[str, ...], Images]:
    folders, files = _entries(root)
    if not folders:
        raise BadInputError(f"{root} {'has no sub-folder' if files else 'is empty'}", hint=_LAYOUT_HINT)
    if len(folders) == 1:
        raise BadInputError(f"{root} has one class only, '{folders[0].name}': at least 2 are needed", hint=_LAYOUT_HINT)
    return tuple(folder.name for folder in folders), tuple(_images_of(folder) for folder in folders)


def _images_of(folder: Path) -> tuple[Path, ...]:
    folders, files = _entries(folder)
    images = tuple(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES)
    if images:
        return images
    if folders:
        raise BadInputError(f"{folder} holds folders and no images", hint=_LAYOUT_HINT)
    raise BadInputError(f"class '{folder.name}' has no images in {folder}", hint="add images or remove it")


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Sub-folders and files, ordered by name."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=lambda entry: entry.name)
            folders = [Path(entry.path) for entry in entries if entry.is_dir()]
            files = [Path(entry.path) for entry in entries if not entry.is_dir()]
            return folders, files
    except FileNotFoundError as error:
        raise BadInputError(f"folder {folder} does not exist", hint=f"looked from {Path.cwd()}") from error
    except NotADirectoryError as error:
        raise BadInputError(f"{folder} is a file, not a folder", hint=_LAYOUT_HINT) from error
    except PermissionError as error:
        raise BadInputError(f"{folder} can't be read by user {os.geteuid()}", hint="change its permissions") from error
    except OSError as error:
        raise BadInputError(f"{folder} can't be read: {error.strerror}", hint="check the disk or its mount") from error


def _counts(images: Images) -> tuple[int, ...]:
    return tuple(len(paths) for paths in images)
