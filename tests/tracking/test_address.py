from pathlib import Path

import pytest

from orchestrator.config.settings import Tracking
from orchestrator.errors import BadInputError
from orchestrator.tracking.address import artifact_location, redacted, resolve_uri, sqlite_path, sqlite_uri


@pytest.fixture(autouse=True)
def _no_address_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_study_file_comes_before_the_environment_and_the_environment_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve_uri(Tracking(), tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment:5000")
    assert resolve_uri(Tracking(), tmp_path) == "http://environment:5000"
    assert resolve_uri(Tracking(uri="http://file:5000"), tmp_path) == "http://file:5000"


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_uri(Tracking(), Path("runs")) == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert resolve_uri(Tracking(uri="sqlite:///a.db"), Path("runs")) == f"sqlite:///{tmp_path}/a.db"


@pytest.mark.parametrize("name", ["plain", "a b", "ü", "50%", "why?", "a#b"])
def test_any_path_survives_the_address(name: str) -> None:
    path = Path("/runs") / name / "mlflow.db"
    assert sqlite_path(sqlite_uri(path)) == path


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("htp://localhost:5000", 'did you mean "http"'),
        ("postgres://db/mlflow", 'did you mean "postgresql"'),
        ("http://", "names no host"),
        ("http://localhost:port", "port must be a number"),
        ("./mlruns", "keeps no new runs in folders"),
        ("file:///runs/mlruns", "keeps no new runs in folders"),
        ("sqlite://", "no database file"),
        ("sqlite:///:memory:", "no database file"),
    ],
)
def test_a_bad_address_is_bad_input_with_a_way_out(uri: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        resolve_uri(Tracking(uri=uri), tmp_path)
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.message.startswith("tracking.uri = ")
    assert "tracking.enabled=false" in caught.value.hint


def test_a_bad_address_of_the_environment_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "htp://x")
    with pytest.raises(BadInputError, match="MLFLOW_TRACKING_URI"):
        resolve_uri(Tracking(), tmp_path)


@pytest.mark.parametrize(
    "uri", ["postgresql://u:p@db/mlflow", "mysql+pymysql://db/mlflow", "databricks", "databricks://me"]
)
def test_other_stores_of_mlflow_are_taken_as_they_are(uri: str, tmp_path: Path) -> None:
    assert resolve_uri(Tracking(uri=uri), tmp_path) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "htp://ada:s3cr3t-word@host/x",
        "http://ada:s3cr3t-word@",
        "http://ada:s3cr3t-word@host:port",
        "http://ada:s3cr3t-word/and@host",
        "htp://host/x?password=s3cr3t-word&a=1",
    ],
)
def test_credentials_never_stand_in_an_error(uri: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        resolve_uri(Tracking(uri=uri), tmp_path)
    assert "s3cr3t" not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"


def test_a_secret_is_taken_out_wherever_it_stands() -> None:
    uri = "postgresql://ada:s3cr3t%21@db/mlflow"
    message = f"can't connect to {uri}: password s3cr3t! is wrong"
    assert redacted(message, uri) == "can't connect to postgresql://db/mlflow: password *** is wrong"


def test_a_path_with_an_at_sign_is_no_secret() -> None:
    uri = "sqlite:////home/ada@work/mlflow.db"
    assert redacted(uri, uri) == uri


def test_artifacts_lie_beside_a_database_and_with_a_server_where_it_wants(tmp_path: Path) -> None:
    beside = (tmp_path / "mlartifacts").as_uri()
    assert artifact_location(sqlite_uri(tmp_path / "mlflow.db"), Path("/elsewhere")) == beside
    assert artifact_location("postgresql+psycopg2://db/mlflow", tmp_path) == beside
    assert artifact_location("http://localhost:5000", tmp_path) is None
