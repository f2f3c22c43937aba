"""A folder with one sub-folder of images per class, listed without decoding an image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BadInputError

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

_LAYOUT_HINT = "give a folder that holds one sub-folder of images per class"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The classes of a folder in the order of their names, and the images of each, ordered by name."""

    class_names: tuple[str, ...]
    images: tuple[tuple[Path, ...], ...]

    @property
    def num_images(self) -> tuple[int, ...]:
        return tuple(len(paths) for paths in self.images)


def list_folder(path: str) -> Listing:
    """Lists classes and images; hidden files and files that are no images are passed over.

    Raises:
        BadInputError: the folder is missing, a file, unreadable or empty, or has one class or a class without images.
    """
    if not path:
        raise BadInputError('path is not set, and name = "folder" needs it', hint=_LAYOUT_HINT)
    root = Path(path).expanduser()
    folders, _ = _entries(root)
    if not folders:
        raise BadInputError(f"{root} is empty: it has no sub-folder", hint=_LAYOUT_HINT)
    if len(folders) == 1:
        raise BadInputError(f"{root} has one class only, '{folders[0].name}': at least 2 are needed", hint=_LAYOUT_HINT)
    return Listing(
        class_names=tuple(folder.name for folder in folders),
        images=tuple(_images_of(folder) for folder in folders),
    )


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
