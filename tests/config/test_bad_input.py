"""What a person gets who writes a study file that can't be used: where, name, value, rule, way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.loading import load
from orchestrator.data.catalog import inspect
from orchestrator.errors import ConfigError
from tests.config.conftest import Problems, Read

RECIPE = "[recipe]\n"
DENSENET = "[space.densenet]\n"

TABLE = {
    "5 unknown key": (RECIPE + "epoch = 3", 'study.toml:2: recipe.epoch = 3: unknown key; did you mean "epochs"?'),
    "5 unknown table": (
        "[recip]\nepochs = 3",
        'study.toml:1: recip = {epochs = 3}: unknown key; did you mean "recipe"?',
    ),
    "5 unknown axis": (
        DENSENET + "grwoth_rate = 12",
        'study.toml:2: space.densenet.grwoth_rate = 12: unknown key; did you mean "growth_rate"?',
    ),
    "5 table given as a value": (
        "recipe = 3",
        "study.toml:1: recipe = 3: must be a table; write [recipe] above its settings",
    ),
    "10 text for a number": (
        RECIPE + 'learning_rate = "fast"',
        'study.toml:2: recipe.learning_rate = "fast": must be a number',
    ),
    "12 below the range": (RECIPE + "learning_rate = -0.1", "study.toml:2: recipe.learning_rate = -0.1: must be above"),
    "13 nan": (RECIPE + "learning_rate = nan", "study.toml:2: recipe.learning_rate = nan: must be a finite number"),
    "13 inf": (RECIPE + "weight_decay = inf", "study.toml:2: recipe.weight_decay = inf: must be a finite number"),
    "14 low above high": (
        DENSENET + "growth_rate = {low = 24, high = 8}",
        "study.toml:2: space.densenet.growth_rate: low 24 is above high 8; swap them",
    ),
    "15 log range from 0": (
        DENSENET + "bn_size = {low = 0, high = 4, log = true}",
        "study.toml:2: space.densenet.bn_size.low = 0: a log range needs low > 0",
    ),
    "17 fraction for a whole number": (
        RECIPE + "epochs = 12.5",
        "study.toml:2: recipe.epochs = 12.5: must be a whole number",
    ),
    "17 on an axis": (
        DENSENET + "growth_rate = {low = 8, high = 12.5}",
        "study.toml:2: space.densenet.growth_rate.high = 12.5: must be a whole number",
    ),
    "18 truth value for a number": (
        RECIPE + "epochs = true",
        "study.toml:2: recipe.epochs = true: must be a whole number",
    ),
    "18 number for a truth value": (RECIPE + "flip = 1", "study.toml:2: recipe.flip = 1: must be true or false"),
    "19 no choice": (
        DENSENET + "bn_size = []",
        "study.toml:2: space.densenet.bn_size = []: needs at least one choice",
    ),
    "20 choice listed twice": (
        DENSENET + "bn_size = [2, 4, 4]",
        "study.toml:2: space.densenet.bn_size[2] = 4: is listed twice; keep one",
    ),
    "21 unknown family": (
        "[space.vgg]\ndepth = 3",
        "study.toml:1: space.vgg: unknown family; known: densenet, resnet, mobilenet",
    ),
    "21 misspelt family": ("[space.desnet]", 'study.toml:1: space.desnet: unknown family; did you mean "densenet"?'),
    "22 no block": (
        DENSENET + "block_config = []",
        "study.toml:2: space.densenet.block_config = []: needs 1 to 6 blocks of 1 to 64 layers",
    ),
    "22 blocks without layers": (
        DENSENET + "block_config = [0, 0]",
        "study.toml:2: space.densenet.block_config = [0, 0]: needs 1 to 6 blocks of 1 to 64 layers",
    ),
    "22 blocks below nothing": (
        DENSENET + "block_config = [-1]",
        "study.toml:2: space.densenet.block_config = [-1]: needs 1 to 6 blocks of 1 to 64 layers",
    ),
    "22 a stage left out": (
        "[space.resnet]\nnum_stages = 2\nwidth_1 = {low = 8, high = 16}",
        "study.toml:1: space.resnet.width_2 is missing; give it, or width for all that are left out",
    ),
    "23 a block of 100,000 layers": (
        DENSENET + "block_config = [100000, 4]",
        "needs 1 to 6 blocks of 1 to 64 layers; block 1 has 100,000 layers",
    ),
    "24 compression of nothing": (
        DENSENET + "compression = 0.0",
        "study.toml:2: space.densenet.compression = 0.0: must be in (0, 1]",
    ),
    "24 compression above one": (
        DENSENET + "compression = 1.5",
        "study.toml:2: space.densenet.compression = 1.5: must be in (0, 1]",
    ),
    "25 drop_rate of one": (
        DENSENET + "drop_rate = 1.0",
        "study.toml:2: space.densenet.drop_rate = 1.0: must be in [0, 1)",
    ),
    "26 image shrinks below a pixel": (
        DENSENET + "num_blocks = 5",
        "study.toml:1: space.densenet: every architecture of this space shrinks 8x8 images below one pixel; use im",
    ),
    "27 batch of one": (RECIPE + "batch_size = 1", "study.toml:2: recipe.batch_size = 1: must be at least 2"),
    "27 one image a worker": (
        RECIPE + "batch_size = 4\n[resources]\nworkers_per_trial = 4",
        "study.toml:2: recipe.batch_size = 4: batch norm needs at least 2 images a worker and step, and there are 4",
    ),
    "28 batch larger than the data": (
        RECIPE + "batch_size = 4096",
        "study.toml:2: recipe.batch_size = 4096: is larger than the 1,0",
    ),
    "29 no epoch": (RECIPE + "epochs = 0", "study.toml:2: recipe.epochs = 0: must be at least 1"),
    "30 no trial": ("[budget]\ntrials = 0", "study.toml:2: budget.trials = 0: must be at least 1"),
    "30 trials below nothing": ("[budget]\ntrials = -5", "study.toml:2: budget.trials = -5: must be at least 1"),
    "30 a milliard of trials": (
        "[budget]\ntrials = 1_000_000_000",
        "study.toml:2: budget.trials = 1000000000: must be at most 1,000,000",
    ),
    "30 no duration": (
        '[budget]\nwall_time = "two hours"',
        'study.toml:2: budget.wall_time = "two hours": must be a duration such as "90 min"; units: s, min, h, d',
    ),
    "30 duration without a unit": ('[budget]\nwall_time = "90"', 'budget.wall_time = "90": must be a duration such as'),
    "30 number for a duration": (
        "[budget]\nwall_time = 90",
        'study.toml:2: budget.wall_time = 90: must be text; write it in quotes: "90"',
    ),
    "30 no time at all": ('[budget]\nwall_time = "0 h"', 'budget.wall_time = "0 h": must be above 0 s and finite'),
    "30 GPU-hours below nothing": (
        "[budget]\ngpu_hours = -1",
        "study.toml:2: budget.gpu_hours = -1: must be at least 0",
    ),
    "30 patience below nothing": (
        "[budget]\npatience = -5",
        "study.toml:2: budget.patience = -5: must be at least 0",
    ),
    "30 unknown scheduler": (
        '[study]\nscheduler = "ahsa"',
        'study.toml:2: study.scheduler = "ahsa": must be one of "front", "asha", "none"; did you mean "asha"?',
    ),
    "31 misspelt objective": (
        '[objectives]\nmaximize = ["acuracy"]',
        'study.toml:2: objectives.maximize[0] = "acuracy": unknown objective; did you mean "accuracy"?',
    ),
    "32 no objective": (
        "[objectives]\nmaximize = []\nminimize = []",
        'study.toml:2: objectives.maximize = []: must contain "accuracy"',
    ),
    "32 objective listed twice": (
        '[objectives]\nminimize = ["macs", "macs"]',
        'study.toml:2: objectives.minimize[1] = "macs": is listed twice; keep one',
    ),
    "32 wrong direction": (
        '[objectives]\nminimize = ["accuracy"]',
        'study.toml:2: objectives.minimize[0] = "accuracy": more is better here; move it to objectives.maximize',
    ),
    "32 unknown direction": (
        '[objectives]\nminimise = ["macs"]',
        'study.toml:2: objectives.minimise = ["macs"]: unknown key; did you mean "minimize"?',
    ),
    "33 bound of nothing": (
        "[constraints]\nnum_parameters = 0",
        "study.toml:2: constraints.num_parameters = 0: must be above 0, got 0",
    ),
    "33 impossible bound": (
        DENSENET + 'growth_rate = 16\nblock_config = [3, 3, 3]\n[constraints]\nnum_parameters = "<= 1,000"',
        (
            "study.toml:5: constraints.num_parameters: no architecture of this space has at most 1,000 parameters; "
            "the smallest has "
        ),
    ),
    "34 no unit": ("[constraints]\nlatency_ms = 5", 'study.toml:2: constraints.latency_ms = 5: give a unit: "5 ms"'),
    "34 below nothing": (
        '[constraints]\nlatency_ms = "<= -2 ms"',
        'study.toml:2: constraints.latency_ms = "<= -2 ms": must be above 0, got -2',
    ),
    "34 wrong way round": (
        '[constraints]\naccuracy = "<= 0.9"',
        'study.toml:2: constraints.accuracy = "<= 0.9": must start with ">=", got "<="',
    ),
    "34 unknown figure": (
        '[constraints]\nlatency = "<= 5 ms"',
        'study.toml:2: constraints.latency = "<= 5 ms": unknown key; did you mean "latency_ms"?',
    ),
    "35 unknown data set": (
        '[data]\nname = "digit"',
        'study.toml:2: data.name = "digit": no data set is called "digit"; did you mean "digits"?',
    ),
    "35 no folder given": ('[data]\nname = "folder"', 'study.toml:2: data.name = "folder": path is not set'),
    "35 folder missing": (
        '[data]\nname = "folder"\npath = "/no/such"',
        'study.toml:3: data.path = "/no/such": folder /no/such does not exist',
    ),
    "36 nothing left to train on": (
        "[data]\nvalidation_share = 0.5\ntest_share = 0.5",
        (
            "study.toml:2: data.validation_share = 0.5: leaves nothing to train on: with test_share = 0.5 it makes 1; "
            "their sum must be below 1"
        ),
    ),
    "36 share of everything": (
        "[data]\nvalidation_share = 1",
        "study.toml:2: data.validation_share = 1: must be below 1",
    ),
    "36 share of nothing": ("[data]\ntest_share = 0", "study.toml:2: data.test_share = 0: must be above 0"),
    "35 path with a NUL": (
        '[data]\nname = "folder"\npath = "a\\u0000b"',
        'study.toml:3: data.path = "a\\u0000b": must not contain a NUL character',
    ),
    "35 home of nobody": (
        '[data]\nname = "folder"\npath = "~no-such-user/x"',
        'study.toml:3: data.path = "~no-such-user/x": begins with a user\'s name that is not known here',
    ),
    "36 class would be empty": ("[data]\ntest_share = 0.001", "class '0' has 178 images, a 0.1% split leaves none"),
    "41 concurrency below nothing": (
        "[resources]\nmax_concurrent_trials = -1",
        "study.toml:2: resources.max_concurrent_trials = -1: must be at least 0",
    ),
    "41 no worker": (
        "[resources]\nworkers_per_trial = 0",
        "study.toml:2: resources.workers_per_trial = 0: must be at least 1",
    ),
    "41 inline with two workers": (
        '[resources]\nengine = "inline"\nworkers_per_trial = 2',
        'study.toml:2: resources.engine = "inline": runs one worker a trial, and workers_per_trial = 2; take "group"',
    ),
    "43 unknown scheme": (
        '[tracking]\nuri = "htp://127.0.0.1:5000"',
        'study.toml:2: tracking.uri = "htp://127.0.0.1:5000": unknown scheme; known: http, https,',
    ),
    "44 name leads elsewhere": (
        '[study]\nname = "../../x"',
        'study.toml:2: study.name = "../../x": must be letters, digits, . _ -, at most 80 of them',
    ),
    "44 empty name": ('[study]\nname = ""', 'study.toml:2: study.name = "": must be letters, digits'),
    "44 long name": (f'[study]\nname = "{"n" * 300}"', "study.toml:2: study.name = "),
    "44 name of a folder": ('[study]\nname = ".."', 'study.toml:2: study.name = "..": must be letters, digits'),
    "44 number for a name": ("[study]\nname = 7", "study.toml:2: study.name = 7: must be text; write it in quotes:"),
    "45 seed below nothing": ("[study]\nseed = -1", "study.toml:2: study.seed = -1: must be at least 0"),
    "45 seed too large": ("[study]\nseed = 4294967296", "study.seed = 4294967296: must be at most 4,294,967,295"),
    "45 seed beyond 64 bits": (f"[study]\nseed = {2**70}", "study.toml:2: study.seed: must be a whole number of at"),
    "45 text for a seed": ('[study]\nseed = "abc"', 'study.toml:2: study.seed = "abc": must be a whole number'),
    "48 password": (
        '[tracking]\npassword = "hunter2"',
        (
            "study.toml:2: tracking.password: a secret has no place in a study file, because every study keeps a copy"
            " of it; set MLFLOW_TRACKING_PASSWORD instead"
        ),
    ),
    "48 token anywhere": ('[data]\nhf_token = "hunter2"', "study.toml:2: data.hf_token: a secret has no place"),
    "48 password in an address": (
        '[tracking]\nuri = "https://me:hunter2@mlflow.example"',
        (
            "study.toml:2: tracking.uri: a secret has no place in a study file, because every study keeps a copy of it;"
            " set MLFLOW_TRACKING_URI to the whole address instead"
        ),
    ),
    "48 keys in an address of data": (
        '[data]\nname = "parquet"\npath = "s3://me:hunter2@bucket/images"',
        (
            "study.toml:3: data.path: a secret has no place in a study file, because every study keeps a copy of it;"
            " name the place alone: credentials come from the environment or from the node's role"
        ),
    ),
    "48 key as an option of an address": (
        '[study]\nwarm_start = ["runs/a", "s3://bucket/runs/b?secret_key=hunter2"]',
        "study.toml:2: study.warm_start[1]: a secret has no place in a study file",
    ),
    "unknown word": (
        '[recipe]\noptimizer = "adam"',
        'study.toml:2: recipe.optimizer = "adam": must be one of "sgd", "adamw"; did you mean "adamw"?',
    ),
    "range of what has no order": (
        "[space.mobilenet]\nkernel_size = {low = 3, high = 5}",
        "study.toml:2: space.mobilenet.kernel_size = {low = 3, high = 5}: can't be a range; list its choices",
    ),
    "range without an end": (
        DENSENET + "growth_rate = {low = 8}",
        'study.toml:2: space.densenet.growth_rate = {low = 8}: needs "high"',
    ),
    "unknown key of a range": (
        DENSENET + "growth_rate = {low = 8, hihg = 24}",
        'study.toml:2: space.densenet.growth_rate.hihg = 24: unknown key; did you mean "high"?',
    ),
    "step of nothing": (
        DENSENET + "growth_rate = {low = 8, high = 24, step = 0}",
        "study.toml:2: space.densenet.growth_rate.step = 0: must be at least 1",
    ),
    "axes that say the same": (
        DENSENET + "block_config = [2, 2]\nnum_blocks = 2",
        "study.toml:2: space.densenet.block_config and num_blocks say the same; give one of them",
    ),
    "image moved out of sight": (
        RECIPE + "max_shift = 8",
        "study.toml:2: recipe.max_shift = 8: moves images of 8 pixels out of sight",
    ),
}


@pytest.mark.parametrize(("text", "message"), TABLE.values(), ids=TABLE.keys())
def test_a_problem_says_where_name_value_rule_and_way_out(problems: Problems, text: str, message: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert message in found[0]
    assert "hunter2" not in found[0]


FILES = {
    "2 empty": (b"", 'study.toml: holds no settings; the smallest study file is\n[data]\nname = "digits"'),
    "2 comments alone": (b"# soon\n", "study.toml: holds no settings"),
    "3 syntax": (b"[data]\nname\n", "study.toml:2:5: can't be read as TOML: expected '=' after a key"),
    "3 unclosed text": (b'[data]\nname = "digits\n', "study.toml:2:"),
    "3 unclosed list": (b"[space.densenet]\nbn_size = [0, 1", "study.toml:2: can't be read as TOML:"),
    "4 duplicate key": (
        b"[recipe]\nepochs = 3\n\nepochs = 4\n",
        "study.toml:4: recipe.epochs is given twice, first on line 2; keep one",
    ),
    "4 duplicate table": (
        b"[data]\n[recipe]\n[data]\n",
        "study.toml:3: data is given twice, first on line 1; keep one",
    ),
    "8 too large": (b"#" * (3 * 2**20 + 2**18), "study.toml: the file has 3.2 MiB, the limit is 1 MiB"),
    "8 too deep": (b"x = " + b"[" * 40 + b"]" * 40, "is nested more than 32 levels deep"),
    "8 far too deep": (b"x = " + b"[" * 5000 + b"]" * 5000, "is nested more than 32 levels deep"),
    "9 not UTF-8": (b'[data]\nname = "\xff"', "study.toml: byte 0xff at offset 15 is not UTF-8"),
    "9 byte order mark": (b"\xef\xbb\xbf[data]\n", "study.toml: begins with a byte order mark"),
    "9 NUL": (b"[data]\n\0", "study.toml: byte 0x00 at offset 7"),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES.keys())
def test_a_file_that_is_no_study_file_says_why(problems: Problems, content: bytes, message: str) -> None:
    (found,) = problems(content)
    assert message in found


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load("study.toml", inspect=inspect, shipped={"digits": ""})
    assert caught.value.problems == (
        (
            f"study.toml: no such file (looked in {tmp_path}); "
            'create one with "archfront init", or name a shipped study: digits'
        ),
    )


def test_a_misspelt_shipped_study_is_guessed() -> None:
    with pytest.raises(ConfigError, match=r'no such file.*did you mean "digits"'):
        load("digts", inspect=inspect, shipped={"digits": ""})


@pytest.mark.parametrize(
    ("source", "message"),
    [("", "no such file"), ("a\0b", "can't be read: embedded null byte"), ("x" * 300, "File name too long")],
)
def test_an_odd_path_is_refused(source: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(source, inspect=inspect)


def test_a_folder_is_no_study_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder; name the study file in it"):
        load(tmp_path, inspect=inspect)


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems(
        """
        [study]
        seed = -1
        [budget]
        trials = 0
        [recipe]
        epochs = 0
        lr = 0.1
        batch_size = 4096
        [space.densenet]
        growth_rate = {low = 9, high = 3}
        bn_size = []
        [space.resnet]
        depths = [0]
        [constraints]
        latency_ms = 3
        """,
        "objectives.minimize=[]]",
        "tracking",
        "tracking.token=abc",
    )
    names = ["tracking:", "tracking.token", "objectives.minimize", "study.seed", "budget.trials", "recipe.epochs"]
    names += ["recipe.lr", "recipe.batch_size", "densenet.growth_rate", "densenet.bn_size", "resnet.depths"]
    names += ["latency_ms"]
    assert len(found) == len(names)
    assert all(name in problem for name, problem in zip(names, found, strict=True))


def test_very_many_problems_are_cut(problems: Problems) -> None:
    text = "".join(f"[a{index}]\n" for index in range(30_000))
    found = problems(text)
    assert len(found) <= 51
    assert "9,980 more unknown keys" in "\n".join(found)


@pytest.mark.timeout(60)
def test_very_long_lists_of_keys_and_choices_are_refused(problems: Problems) -> None:
    # Well below a second; what was quadratic in them would take hours.
    assert len(problems("[recipe]\n" + "".join(f"k{index} = 1\n" for index in range(80_000)))) == 21
    (found,) = problems(DENSENET + "bn_size = [" + "4, " * 300_000 + "]")
    assert "has 300,000 choices, the limit is 256" in found


def test_an_impossible_bound_names_the_smallest_network(problems: Problems) -> None:
    text = DENSENET + 'growth_rate = 16\nblock_config = [3, 3, 3]\n[constraints]\nnum_parameters = "<= 1k"'
    (found,) = problems(text)
    assert found == (
        "study.toml:5: constraints.num_parameters: no architecture of this space has at most 1,000 parameters; "
        "the smallest has 125,378; raise the limit or widen the space"
    )


def test_a_family_that_is_too_large_is_a_warning_where_another_is_not(read: Read) -> None:
    loaded = read('[space.densenet]\n[space.mobilenet]\n[constraints]\nnum_parameters = "<= 2k"')
    assert loaded.warnings == (
        (
            "study.toml:2: space.mobilenet: no mobilenet of this space has at most 2,000 parameters; "
            "the smallest has 4,474; none will be trained"
        ),
    )
