from collections import Counter

import pytest
import yaml

from bench.config import Config
from bench.errors import BenchError
from bench.paths import conf_dir, group_choices
from bench.setup.choices import Choices
from bench.setup.compose import Composer, as_yaml, compose
from bench.setup.grid import expand


def message(*overrides: str, conf=None) -> str:
    with pytest.raises(BenchError) as raised:
        compose(list(overrides), conf)
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_every_group_reaches_the_configuration() -> None:
    config = compose(["model=cnf", "data=moons", "budget.steps=7", "train.batch_size=9", "eval.seed=3", "seed=2"])
    assert isinstance(config, Config)
    assert (config.model["name"], config.data["name"]) == ("cnf", "moons")
    assert (config.budget.steps, config.train.batch_size, config.eval.seed, config.seed) == (7, 9, 3, 2)
    assert config.study == "scratch"


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("model=vea", "unknown model 'vea' in conf/model; did you mean vae"),
        ("data=digit", "unknown data 'digit' in conf/data; did you mean digits"),
        ("study=quik", "unknown study 'quik' in conf/study; did you mean quick"),
        ("sed=1", "unknown option 'sed' in the configuration; did you mean seed"),
        ("+sed=1", "unknown option 'sed' in the configuration; did you mean seed"),
        ("budget.step=1", "unknown option 'step' in budget; did you mean steps"),
        ("++eval.sample_sise=1", "unknown option 'sample_sise' in eval; did you mean sample_size"),
        (
            "train.optimiser.learning_rat=1",
            "unknown option 'learning_rat' in train.optimiser; did you mean learning_rate",
        ),
        ("seed=abc", "seed: Value 'abc' of type 'str' could not be converted to Integer"),
        ("budget.steps=1.5", "budget.steps: Value '1.5' of type 'float'"),
        ("eval.noise_scales=[a]", "eval.noise_scales"),
        ("model=null", "Config group override must be a string"),
        ("seed=${nope}", "nope"),
    ],
)
def test_a_mistake_is_named_with_what_was_meant(typed: str, named: str) -> None:
    assert named in message(typed)


def test_a_composer_answers_as_one_made_for_each_cell_would() -> None:
    cells = [
        ["model=vae", "train.batch_size=3"],
        ["model=vae", "train.batch_size=5"],
        ["model=vae", "train.batch_size=5", "model.beta=2.0"],
        ["model=vae", "train.batch_size=4", "+model.extra=3.0"],
        ["model=vae", "train.batch_size=6", "+model.extra=4.0"],
        ["model=vae", "train.batch_size=${seed}", "seed=8"],
        ["model=vae", "train.batch_size=7", "seed=9"],
        ["model=realnvp", "train.batch_size=5"],
        ["model=vae", "train={batch_size:2}"],
        ["model=vae"],
    ]
    composer = Composer()
    assert [composer.config(cell) for cell in cells] == [compose(cell) for cell in cells]


@pytest.mark.parametrize("study", ["toys", "quick", "scratch"])
def test_data_and_models_composed_apart_are_as_composed_together(study: str, monkeypatch) -> None:
    composed = Counter[tuple[str, ...]]()
    compose_groups = Choices.composed

    def counting(self: Choices, words: tuple[str, ...]):
        composed[words] += 1
        return compose_groups(self, words)

    monkeypatch.setattr(Choices, "composed", counting)
    pairs = [
        [f"study={study}", f"data={d}", f"model={m}"] for d in ("moons", "digits", "table") for m in ("vae", "nsf")
    ]
    composer = Composer()
    answers = [composer.config(words) for words in pairs]
    assert composed.total() == 4, "three data sets and two models"
    assert [repr(answer) for answer in answers] == [repr(compose(words)) for words in pairs]


def test_a_model_that_decides_more_than_its_group_is_composed_with_each_data_set(tmp_path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    text = "# @package _global_\nmodel:\n  _target_: bench.models.vae.VAE\n  width: 8\nthreads: 7\n"
    (folder / "wide.yaml").write_text(text)
    pairs = [[f"data={d}", f"model={m}"] for d in ("moons", "rings") for m in ("vae", "wide")]
    composer = Composer(tmp_path)
    answers = [composer.config(words) for words in pairs]
    assert answers == [compose(words, tmp_path) for words in pairs]
    assert [answer.threads for answer in answers] == [None, 7, None, 7]


def test_a_grid_of_the_command_goes_before_that_of_the_study() -> None:
    composer = Composer()
    whole = composer.config(["study=quick"]).grid
    assert len(whole) > 0
    assert composer.config(["study=quick", "grid=[]"]).grid == []
    assert composer.config(["study=quick", "seed=3"]).grid == whole


def test_a_refused_value_leaves_no_trace_in_the_next_cell() -> None:
    composer = Composer()
    for refused in ("train.batch_size=many", "train.batch_size=${nowhere}"):
        with pytest.raises(BenchError):
            composer.config(["model=vae", "seed=1", refused])
    assert composer.config(["model=vae", "seed=2", "train.batch_size=5"]) == compose(
        ["model=vae", "seed=2", "train.batch_size=5"]
    )


def test_an_option_that_the_yaml_does_not_list_may_be_set() -> None:
    assert compose(["data=moons", "data.train=500"]).data["train"] == 500
    assert compose(["model=vae", "model.own=[1,2]"]).model["own"] == [1, 2]


def test_a_broken_yaml_of_the_users_is_named(tmp_path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("a: [1\n b: }")
    assert "mine.yaml" in message("model=mine", conf=tmp_path)
    (tmp_path / "model" / "mine.yaml").write_text("- 1\n")
    assert "model/mine" in message("model=mine", conf=tmp_path)


def test_a_study_that_does_not_say_where_its_keys_belong_is_told_the_line(tmp_path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text("study: mine\nthreads: 1\n")
    assert message("study=mine", conf=tmp_path).endswith("begin it with the line # @package _global_")
    (tmp_path / "study" / "mine.yaml").write_text("# @package _global_\nstudy: mine\nthreads: many\n")
    assert "Value 'many' of type 'str' could not be converted to Integer" in message("study=mine", conf=tmp_path)


def test_as_yaml_is_what_was_composed() -> None:
    parsed = yaml.safe_load(as_yaml(compose(["model=vae", "budget.steps=123", "eval.noise_scales=[0.5]"])))
    assert parsed["budget"]["steps"] == 123
    assert parsed["eval"]["noise_scales"] == [0.5]
    assert parsed["model"]["_target_"] == "bench.models.vae.VAE"


def test_a_plain_command_is_one_cell() -> None:
    assert expand(["model=vae", "seed=3"], [], multirun=False) == [["model=vae", "seed=3"]]


def test_a_sweep_needs_its_flag() -> None:
    with pytest.raises(BenchError, match="add -m"):
        expand(["seed=0,1"], [], multirun=False)
    assert expand(["seed=0,1"], [], multirun=True) == [["seed=0"], ["seed=1"]]
    assert len(expand(["seed=range(5)", "model=vae,cnf"], [], multirun=True)) == 10


def test_a_list_in_brackets_is_one_value() -> None:
    assert expand(["eval.noise_scales=[0,1]"], [], multirun=False) == [["eval.noise_scales=[0,1]"]]


def test_a_grid_is_a_union_of_products() -> None:
    grid = [{"model": ["vae", "cnf"], "seed": [0, 1]}, {"model": ["vae"], "seed": [1], "data": ["moons"]}]
    cells = expand([], grid, multirun=False)
    assert len(cells) == 5
    assert ["model=vae", "seed=1", "data=moons"] in cells


def test_a_typed_axis_replaces_that_of_the_grid() -> None:
    grid = [{"model": ["vae", "cnf"], "seed": [0, 1, 2]}]
    assert expand(["seed=7"], grid, multirun=False) == [["model=vae", "seed=7"], ["model=cnf", "seed=7"]]


def test_equal_cells_are_run_once() -> None:
    assert len(expand([], [{"seed": [0, 1]}, {"seed": [1, 2]}], multirun=False)) == 3


def test_any_value_of_yaml_can_stand_in_a_grid() -> None:
    grid = [{"budget.parameters": [None, 100], "model.adjoint": [True], "eval.noise_scales": [[0.0, 0.5]]}]
    configs = [compose(["model=cnf", *cell]) for cell in expand([], grid, multirun=False)]
    assert [config.budget.parameters for config in configs] == [None, 100]
    assert configs[0].model["adjoint"] is True
    assert configs[0].eval.noise_scales == [0.0, 0.5]


@pytest.mark.parametrize("typed", ["seed", "model=[vae"])
def test_what_is_no_override_is_shown(typed: str) -> None:
    with pytest.raises(BenchError, match="cannot read") as raised:
        expand([typed], [], multirun=False)
    assert typed in str(raised.value)


@pytest.mark.parametrize(
    "typed",
    [
        "model.own=${oc.env:MY_SECRET}",
        "model.own=[1,'${oc.env:MY_SECRET,none}']",
        "model.own='${oc.decode:\"${oc.env:MY_SECRET}\"}'",
        "model.own={a:${oc.env:MY_SECRET}}",
        "seed=${oc.env:MY_SECRET}",
    ],
)
def test_no_value_of_the_environment_enters_a_row(typed: str, monkeypatch) -> None:
    monkeypatch.setenv("MY_SECRET", "12345678")
    text = message("model=vae", typed)
    assert "reads MY_SECRET of the environment, which no command repeats; write the value itself" in text
    assert text.startswith(typed.split("=")[0])
    assert "12345678" not in text


def test_a_yaml_that_reads_the_environment_is_refused_too(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MY_SECRET", "12345678")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "own.yaml").write_text("_target_: own.Own\nname: own\nwidth: 4\npath: ${oc.env:MY_SECRET}\n")
    text = message("model=own", conf=tmp_path)
    assert text.startswith("model.path: reads MY_SECRET of the environment")


def test_folders_of_this_machine_may_come_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    config = compose(
        ["model=vae", "data=mnist", "results_dir=${oc.env:SCRATCH}/results", "data_root=${oc.env:SCRATCH}"]
    )
    assert (config.results_dir, config.data_root) == ("/scratch/me/results", "/scratch/me")
    assert config.data["root"] == "/scratch/me"


def own(folder, group: str, stem: str, text: str) -> None:
    (folder / group).mkdir(parents=True, exist_ok=True)
    (folder / group / f"{stem}.yaml").write_text(f"_target_: mine.Mine\n{text}\n")


@pytest.mark.parametrize(
    ("stem", "line"),
    [
        ("mine", ""),
        ("mine", "name: mine"),
        ("mine", "name:"),
        ("2024", ""),
        ("2024", "name: 2024"),
        ("2024", "name: '2024'"),
        ("no", "name: no"),
        ("no", ""),
        ("1e3", "name: 1e3"),
        ("true", "name: true"),
    ],
)
@pytest.mark.parametrize("group", ["model", "data"])
def test_a_yamls_name_is_its_stem(group: str, stem: str, line: str, tmp_path) -> None:
    own(tmp_path, group, stem, line)
    assert getattr(compose([f"{group}={stem}"], tmp_path), group)["name"] == stem


@pytest.mark.parametrize("given", ["other", "2024", "no", "[mine]"])
def test_another_name_than_the_stem_is_refused(given: str, tmp_path) -> None:
    own(tmp_path, "model", "mine", f"name: {given}")
    line = message("model=mine", conf=tmp_path)
    assert line.startswith("conf/model/mine.yaml: name: ")
    assert line.endswith("is not the file's own; leave it out, or rename the file")


def test_a_study_may_choose_the_model_whose_name_counts(tmp_path) -> None:
    own(tmp_path, "model", "mine", "")
    (tmp_path / "study").mkdir()
    text = "# @package _global_\ndefaults:\n  - override /model: mine\nstudy: chosen\n"
    (tmp_path / "study" / "chosen.yaml").write_text(text)
    assert compose(["study=chosen"], tmp_path).model["name"] == "mine"
    assert compose(["study=chosen", "model=vae"], tmp_path).model["name"] == "vae"


@pytest.mark.parametrize(("group", "name"), [("model", "gaussian"), ("data", "moons"), ("study", "quick")])
def test_a_file_with_a_projects_name_is_refused(group: str, name: str, tmp_path) -> None:
    own(tmp_path, group, name, "")
    expected = f"{tmp_path / group / name}.yaml has the name of the project's own conf/{group}/{name}.yaml"
    assert message("model=vae", conf=tmp_path).startswith(expected)
    with pytest.raises(BenchError, match="rename it"):
        group_choices(group, tmp_path)


def test_the_projects_own_folder_may_be_named() -> None:
    assert compose(["model=vae"], conf_dir()).model["name"] == "vae"


@pytest.mark.parametrize("folder", ["bob's conf", 'a "b" conf', "a,b=c", "über", "x\\y", "[a]"])
def test_a_folder_of_any_name_is_searched(folder: str, tmp_path) -> None:
    own(tmp_path / folder, "model", "mine", "")
    assert compose(["model=mine"], tmp_path / folder).model["_target_"] == "mine.Mine"


VALUES = ["null", "1e-3", "true", "normal,integer", "2024", "it's", "x\\", "", "a b", "range(3)", "[2,1]", "{a:1}"]


@pytest.mark.parametrize("value", [*VALUES, None, True, 3, 1e-3, 1e16, [None, "null", 2], {"a": "true"}])
def test_a_value_of_a_grid_keeps_type_and_quotes(value) -> None:
    (cell,) = expand([], [{"model.own": [value], "seed": [1]}], multirun=False)
    kept = compose(["model=vae", *cell]).model["own"]
    assert kept == value
    assert type(kept) is type(value)


def test_the_quotes_of_a_studys_yaml_are_kept(tmp_path) -> None:
    own(tmp_path, "data", "2024", "")
    (tmp_path / "study").mkdir()
    grid = (
        'grid:\n  - data: ["2024"]\n    data.kind: ["normal,integer"]\n    data.rate: ["1e-3", 1.0e-3, "null", null]\n'
    )
    (tmp_path / "study" / "mine.yaml").write_text(f"# @package _global_\nstudy: mine\n{grid}")
    cells = expand(["study=mine"], compose(["study=mine"], tmp_path).grid, multirun=False)
    composer = Composer(tmp_path)
    data = [composer.config(cell).data for cell in cells]
    assert [one["rate"] for one in data] == ["1e-3", 1e-3, "null", None]
    assert {(one["name"], one["kind"]) for one in data} == {("2024", "normal,integer")}
    alone = [word for word in expand(["data=2024"], [], multirun=False)[0] if word != "study=mine"]
    assert compose(alone, tmp_path).data["name"] == "2024"


@pytest.mark.parametrize(
    "typed",
    [
        "model=glob(vae*)",
        "train.optimiser.learning_rate=interval(.001,.01)",
        "seed=range(0,1,0)",
        "seed=range(0.,1.,0.)",
    ],
)
def test_a_sweep_that_lists_no_values_is_refused(typed: str) -> None:
    with pytest.raises(BenchError) as raised:
        expand([typed], [], multirun=True)
    assert str(raised.value) == f"'{typed}' lists no values; write them out, as in seed=0,1 or seed=range(5)"
