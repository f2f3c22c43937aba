"""Where a study's files lie: on this machine whole or absent, and in storage that all nodes of a cluster reach."""

from orchestrator.storage.files import (
    DISK_ERRORS,
    free_bytes,
    put_once,
    read_json,
    remove_leftovers,
    storage_error,
    write_bytes,
    write_json,
)
from orchestrator.storage.folders import MANIFEST, broken_files, clone_folder, exchange, sha256_of, write_folder

__all__ = [
    "DISK_ERRORS",
    "MANIFEST",
    "broken_files",
    "clone_folder",
    "exchange",
    "free_bytes",
    "put_once",
    "read_json",
    "remove_leftovers",
    "sha256_of",
    "storage_error",
    "write_bytes",
    "write_folder",
    "write_json",
]
