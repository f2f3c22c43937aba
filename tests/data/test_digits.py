import torch
from sklearn import datasets

from orchestrator.data.catalog import DIGITS_NUM_IMAGES
from orchestrator.data.digits import load_digits


def test_images_and_labels_are_those_of_scikit_learn() -> None:
    images_NCHW, labels_N = load_digits()
    expected = datasets.load_digits()
    assert images_NCHW.dtype is torch.uint8
    grey_NHW = (images_NCHW.squeeze(1).double() * 16 / 255).round()
    assert torch.equal(grey_NHW, torch.from_numpy(expected.images))
    assert torch.equal(labels_N, torch.from_numpy(expected.target))


def test_each_class_has_the_number_of_images_that_the_catalog_promises() -> None:
    _, labels_N = load_digits()
    assert tuple(torch.bincount(labels_N).tolist()) == DIGITS_NUM_IMAGES
