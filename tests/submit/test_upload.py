"""What a job takes along: the code of a checkout, or a study file alone; never data and results."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import BadInputError
from orchestrator.submit import upload
from orchestrator.submit.upload import argument_of, check, contents_of, upload_of

CHECKOUT = Path(__file__).parents[2]
MAX_CHECKOUT_BYTES = 8 << 20


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("orchestrator", "search_spaces"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    for name in (".gitignore", ".rayignore"):
        (tmp_path / name).write_text((CHECKOUT / name).read_text())
    (tmp_path / "study.toml").touch()
    return tmp_path


def names(folder: Path, study: str) -> set[str]:
    chosen = upload_of(study, folder)
    assert chosen is not None
    return {path.as_posix() for path in contents_of(chosen).sizes}


def test_a_checkout_travels_without_data_results_and_tests(checkout: Path) -> None:
    for unwanted in ("data/cifar/batch", "runs/digits/study.db", "runs/mlflow.db", ".venv/lib/x.py", "tests/test.py"):
        (checkout / unwanted).parent.mkdir(parents=True, exist_ok=True)
        (checkout / unwanted).touch()
    ours = {"orchestrator/__init__.py", "search_spaces/__init__.py", "study.toml"}
    assert names(checkout, "digits") == ours | {".gitignore", ".rayignore"}


def test_this_checkout_is_small() -> None:
    contents = contents_of(upload.Upload(folder=CHECKOUT))
    assert Path("orchestrator/__main__.py") in contents.sizes
    assert contents.num_bytes < MAX_CHECKOUT_BYTES, str(contents)


@pytest.mark.parametrize("name", ["study.toml", "a [b] !c#.toml", "*.toml", "!x.toml"])
def test_without_a_checkout_the_study_file_travels_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    for stranger in ("other.toml", "images/1.png", "secret.txt", "a/study.toml"):
        (tmp_path / stranger).parent.mkdir(exist_ok=True)
        (tmp_path / stranger).touch()
    study = str(tmp_path / name)
    assert names(tmp_path.parent, study) == {name}
    assert argument_of(study, upload_of(study, tmp_path.parent)) == name


def test_a_shipped_study_needs_no_upload_where_archfront_is_installed(tmp_path: Path) -> None:
    assert upload_of("digits", tmp_path) is None
    assert argument_of("digits", None) == "digits"


def test_a_study_outside_of_the_checkout_is_refused(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    study = tmp_path_factory.mktemp("elsewhere") / "study.toml"
    study.touch()
    with pytest.raises(BadInputError, match="lies outside of"):
        upload_of(str(study), checkout)


def test_a_study_in_a_folder_of_the_checkout_is_named_from_its_root(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "studies").mkdir()
    (checkout / "studies" / "mine.toml").touch()
    monkeypatch.chdir(checkout)
    assert argument_of("studies/../studies/mine.toml", upload_of("studies/mine.toml", Path())) == "studies/mine.toml"


def test_a_link_to_a_study_is_as_good_as_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real.toml").touch()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "study.toml").symlink_to(tmp_path / "elsewhere" / "real.toml")
    monkeypatch.chdir(tmp_path / "here")
    assert names(Path(), "study.toml") == {"study.toml"}
    assert argument_of("study.toml", upload_of("study.toml", Path())) == "study.toml"


def test_an_ignored_study_is_refused(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "runs").mkdir()
    (checkout / "runs" / "study.toml").touch()
    monkeypatch.chdir(checkout)
    chosen = upload_of("runs/study.toml", Path())
    assert chosen is not None
    with pytest.raises(BadInputError, match=r"runs/study.toml: would stay behind"):
        check(contents_of(chosen), argument_of("runs/study.toml", chosen))


def test_more_than_the_limit_is_refused_with_the_largest(checkout: Path) -> None:
    (checkout / "images").mkdir()
    with (checkout / "images" / "1.bin").open("wb") as file:
        file.truncate(upload.MAX_BYTES + (1 << 20))
    with pytest.raises(BadInputError, match=r"50.0 MiB is the limit: images/ 51.0 MiB") as refusal:
        check(contents_of(upload.Upload(folder=checkout)), "digits")
    assert ".rayignore" in refusal.value.hint
