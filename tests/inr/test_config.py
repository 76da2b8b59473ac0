import pytest
from pydantic import ValidationError

from napari_smi_inr.errors import InputError
from napari_smi_inr.inr.config import PRESETS, FitConfig


def test_fast_is_the_default():
    assert FitConfig.from_preset() == FitConfig() == FitConfig.from_preset("fast")


def test_paper_is_the_published_set_up():
    paper = FitConfig.from_preset("paper")
    assert (paper.features, paper.width, paper.layers, paper.activation) == (5000, 2048, 4, "relu")
    assert (paper.epochs, paper.batch_size, paper.learning_rate) == (150, 500, 1e-4)
    assert (paper.nonnegativity, paper.held_out, paper.loss) == (5.0, 0.0, "mse")
    assert (paper.share_hidden, paper.scale, paper.clip_negative) == (
        True,
        "image",
        True,
    )  # as only the published code says
    assert paper.weight_decay == 0.0
    assert paper.preset == "paper"


@pytest.mark.parametrize("preset", PRESETS)
def test_overrides_win_over_the_preset(preset):
    config = FitConfig.from_preset(preset, lmax=6, epochs=7, detail=2.5, seed=3)
    assert (config.preset, config.lmax, config.epochs, config.detail, config.seed) == (preset, 6, 7, 2.5, 3)


@pytest.mark.parametrize("preset", PRESETS)
def test_none_leaves_a_setting_as_it_is(preset):
    nothing = dict.fromkeys(set(FitConfig.model_fields) - {"preset"})
    assert FitConfig.from_preset(preset, **nothing) == FitConfig.from_preset(preset)


def test_a_config_survives_its_file():
    config = FitConfig.from_preset("paper", lmax=8, loss="rician", share_hidden=False)
    assert FitConfig.model_validate_json(config.model_dump_json()) == config


def test_a_config_cannot_be_changed():
    with pytest.raises(ValidationError):
        FitConfig().lmax = 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("lmax", 3),
        ("lmax", -2),
        ("lmax", 10),
        ("lmax", "four"),
        ("loss", "l1"),
        ("seed", -1),
        ("seed", 1 << 53),
        ("seed", 10**30),
        ("detail", "fine"),
        ("detail", 0.0),
        ("detail", -3.0),
        ("detail", float("nan")),
        ("detail", float("inf")),
        ("epochs", 0),
        ("epochs", 2.5),
        ("held_out", -0.1),
        ("held_out", 0.9),
        ("nonnegativity", -1),
        ("features", 0),
        ("width", 0),
        ("layers", 0),
        ("activation", "tanh"),
        ("batch_size", 0),
        ("learning_rate", 0),
        ("schedule", "constant"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_setting(setting, value):
    with pytest.raises(InputError) as caught:
        FitConfig.from_preset("fast", **{setting: value})
    assert caught.value.where == setting
    assert repr(value) in caught.value.fault
    assert repr(FitConfig.model_fields[setting].default) in caught.value.remedy


def test_an_unknown_setting_is_answered_with_the_known_ones():
    with pytest.raises(InputError) as caught:
        FitConfig.from_preset("fast", l_max=4)
    assert caught.value.where == "l_max"
    assert all(name in caught.value.remedy for name in FitConfig.model_fields)


def test_an_unknown_preset_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"'slow'.*fast, paper") as caught:
        FitConfig.from_preset("slow")
    assert caught.value.where == "preset"
