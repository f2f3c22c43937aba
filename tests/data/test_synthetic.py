import hashlib

import torch

from orchestrator.config.settings import DataSettings
from orchestrator.data.catalog import inspect
from orchestrator.data.dataset import load
from orchestrator.data.synthetic import SyntheticSource

SETTINGS = DataSettings(name="synthetic", image_size=16, num_images=303, num_classes=10)


def test_there_are_as_many_images_and_classes_as_were_asked_for() -> None:
    summary = inspect(SETTINGS)
    assert sum(count.train + count.validation + count.test for count in summary.counts) == 303
    assert summary.task.num_classes == 10
    assert len(load(SETTINGS, seed=0).train) == summary.num_train


def test_an_image_is_the_same_on_every_machine_and_version() -> None:
    image = SyntheticSource(image_size=16, num_classes=10).image(7, "RGB")
    assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == "9b7c48bc73228b14"


def test_classes_can_be_told_apart_and_images_of_a_class_differ() -> None:
    dataset = load(SETTINGS, seed=0)
    train_NF, test_NF = (split.images_NCHW.flatten(1).double() for split in (dataset.train, dataset.test))
    means_KF = torch.stack([train_NF[dataset.train.labels_N == label].mean(0) for label in range(10)])
    accuracy = (torch.cdist(test_NF, means_KF).argmin(1) == dataset.test.labels_N).double().mean()
    assert accuracy > 0.9
    assert len({tuple(image) for image in train_NF.tolist()}) == len(train_NF)
