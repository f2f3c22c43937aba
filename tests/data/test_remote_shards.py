"""Parquet shards in an object store, over the real protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pyarrow import fs

from orchestrator.data import dataset as dataset_module
from orchestrator.data.dataset import load
from orchestrator.errors import BadInputError
from tests.data.test_shards import refusal, settings, write
from tests.s3_server import S3Server, s3_server

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.mark.parametrize("is_streamed", [False, True])
def test_shards_in_a_bucket_are_the_images_of_the_same_shards_here(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_streamed: bool
) -> None:
    if is_streamed:
        monkeypatch.setattr(dataset_module, "available_bytes", lambda: 0)
    for split, first in (("train", 0), ("validation", 100), ("test", 150)):
        write(tmp_path / f"{split}-0.parquet", [index % 3 for index in range(40)], first=first)
    fs.copy_files(tmp_path.as_uri(), server.url("images"))
    here, there = (load(settings(path), seed=0) for path in (tmp_path, server.url("images")))
    assert there.train.is_streamed is is_streamed
    for name in ("train", "validation", "test"):
        rows_N = torch.arange(40)
        assert torch.equal(getattr(here, name).images(rows_N), getattr(there, name).images(rows_N))
        assert torch.equal(getattr(here, name).labels_N, getattr(there, name).labels_N)


def test_a_bucket_that_is_not_there_is_named_with_a_way_out(server: S3Server) -> None:
    assert "s3://elsewhere/images" in refusal("s3://elsewhere/images")


def test_a_server_that_does_not_answer_is_named(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(BadInputError, match="s3://bucket/images"):
        load(settings("s3://bucket/images"), seed=0)
