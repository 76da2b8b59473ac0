import json

import nibabel as nib
import numpy as np
import pytest
from napari.layers import Image

from napari_smi_inr.errors import InputError
from napari_smi_inr.inr.field_file import open_field
from napari_smi_inr.plugin.field_layers import map_layers
from napari_smi_inr.plugin.writers import write_field, write_fod, write_maps


@pytest.fixture
def maps(tiny_field):
    return map_layers(tiny_field, tiny_field.maps())


def test_a_map_is_written_on_the_grid_of_its_scan_with_its_story(tiny_field, maps, tmp_path):
    path = tmp_path / "mine.nii.gz"
    assert write_maps(str(path), [maps[3]]) == [str(path)]
    image = nib.load(path)
    np.testing.assert_allclose(image.affine, tiny_field.affine)
    np.testing.assert_array_equal(np.asarray(image.dataobj, np.float32), tiny_field.maps()["f"])
    story = json.loads((tmp_path / "mine.json").read_text())
    assert story["Fit"]["seed"] == 0
    assert story["Description"] == "intra-axonal signal fraction"


def test_several_maps_share_the_first_part_of_their_names(maps, tmp_path):
    written = write_maps(str(tmp_path / "sub-01.nii.gz"), maps)
    assert len(written) == 6
    assert (tmp_path / "sub-01_model-sm_param-p2_dwimap.nii.gz").exists()


def test_the_fod_is_written_as_mrtrix_reads_it(tiny_field, maps, tmp_path):
    path = tmp_path / "x.fod.nii.gz"
    assert write_fod(str(path), maps) == [str(path)]
    np.testing.assert_array_equal(np.asarray(nib.load(path).dataobj, np.float32), tiny_field.fod_map())


def test_the_field_written_from_a_map_opens_again(tiny_field, maps, tmp_path):
    (path,) = write_field(str(tmp_path / "x.smi.safetensors"), maps[:1])
    np.testing.assert_array_equal(open_field(path).maps()["Di"], tiny_field.maps()["Di"])


def test_what_is_no_parameter_map_is_refused_by_name(maps, tmp_path):
    other = Image(np.zeros((2, 3)), name="holiday").as_layer_data_tuple()
    for write in (write_maps, write_fod, write_field):
        with pytest.raises(InputError, match="holiday"):
            write(str(tmp_path / "x.nii.gz"), [*maps, other])


def test_layers_of_two_fits_have_no_common_field(tiny_field, maps, tmp_path):
    import dataclasses

    other = dataclasses.replace(tiny_field)
    with pytest.raises(InputError, match="2 fits"):
        write_field(str(tmp_path / "x.smi.safetensors"), [*maps, *map_layers(other, other.maps())])


@pytest.mark.parametrize("name", ["x.nii.gz", "x.fod.nii.gz", "x.smi.safetensors"])
def test_napari_finds_the_writer_by_the_ending(make_napari_viewer, tiny_field, maps, tmp_path, name):
    viewer = make_napari_viewer()
    data, options, _ = maps[0]
    viewer.add_image(data, **options)
    assert viewer.layers.save(str(tmp_path / name), plugin="napari-smi-inr") == [str(tmp_path / name)]
    assert (tmp_path / name).stat().st_size > 0
