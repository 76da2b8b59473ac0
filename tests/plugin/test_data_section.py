"""The Data section asks for what the command line can ask for: whole protocols, several series, the limit of b = 0."""

import nibabel as nib
import numpy as np
import pytest
from napari.utils.notifications import notification_manager

import napari_smi_inr as smi
from napari_smi_inr.plugin._qt.data_section import DataSection
from napari_smi_inr.plugin.fitting.scan_request import ScanRequest

PLUGIN = "napari-smi-inr"


@pytest.fixture
def section(make_napari_viewer_proxy, qtbot, scan):
    """The section beside a viewer in which the small scan and its mask are open."""
    viewer = make_napari_viewer_proxy()
    made = DataSection(viewer)
    qtbot.addWidget(made)
    viewer.open([str(scan.dwi), str(scan / "mask.nii.gz")], plugin=PLUGIN)
    yield made
    made.close_section()


def test_as_it_is_it_asks_for_the_scan_alone(section, scan):
    assert section.request() == ScanRequest(scan.dwi, scan / "mask.nii.gz", bvec_axes="x,y,z")


def test_the_limit_of_b0_is_asked_for_only_where_it_was_changed(section):
    assert section.b0.value == 50
    assert section.request().b0_threshold is None
    section.b0.value = 20
    assert section.request().b0_threshold == 20
    data = section.request().load()
    assert (np.count_nonzero(data.acquisition.is_b0), data.read_from["b0_threshold"]) == (1, 20)


def test_a_whole_protocol_is_asked_for(section, scan):
    data = smi.load(scan.dwi)
    np.savetxt(scan / "elsewhere.b", np.column_stack([data.acquisition.directions, 1000 * data.acquisition.b]))
    section.sidecars["gradients"].value = scan / "elsewhere.b"
    loaded = section.request().load()
    assert loaded.read_from["gradients"] == "elsewhere.b"
    np.testing.assert_allclose(loaded.acquisition.b, data.acquisition.b)


def test_further_series_are_fitted_with_the_scan(section, scan):
    image = nib.load(scan.dwi)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[..., 9:], image.affine), scan / "more.nii.gz")
    for suffix in ("bval", "bvec", "bdelta"):
        np.savetxt(scan / f"more.{suffix}", np.atleast_2d(np.loadtxt(scan / f"dwi.{suffix}"))[:, 9:])
    section.more.value = [scan / "more.nii.gz"]
    request = section.request()
    assert request.more == (scan / "more.nii.gz",)
    data = request.load()
    assert data.acquisition.n_volumes == 13
    assert data.read_from["dwi_2"] == "more.nii.gz"
    section.sidecars["bdelta"].value = scan / "dwi.bdelta"  # of the first series alone
    assert section.request().load().read_from["bdelta_2"] == "more.bdelta"


def test_controls_of_files_rest_where_the_scan_is_none(section, qtbot, tiny_dataset):
    from napari.layers import Image

    from napari_smi_inr.plugin.layer_origin import ScanOrigin
    from napari_smi_inr.plugin.reader import scan_layer

    origin = ScanOrigin(None, tiny_dataset.acquisition, tiny_dataset)
    data, options, _ = scan_layer("phantom", tiny_dataset.signal, tiny_dataset.affine, origin)
    section._viewer.add_layer(Image(data, **options))
    qtbot.waitUntil(lambda: not section.settling, timeout=5_000)
    assert not any(widget.enabled for widget in (section.b0, section.more, section.sidecars["gradients"]))


@pytest.mark.parametrize("name", ["dwi.btens", "dwi_xps.mat", "dwi.b"])
def test_a_scan_with_its_protocol_in_one_file_opens_as_a_scan(make_napari_viewer_proxy, scan, name):
    from scipy.io import savemat

    from napari_smi_inr.io.fsl_axes import scanner_to_fsl
    from napari_smi_inr.plugin.layer_origin import origin_of

    data = smi.load(scan.dwi)
    protocol, u = data.acquisition, scanner_to_fsl(data.acquisition.directions, data.affine)
    shape = protocol.b_delta[:, None, None]
    tensors = protocol.b[:, None, None] * ((1 - shape) / 3 * np.eye(3) + shape * u[:, :, None] * u[:, None, :])
    six = tensors[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]] * [1, 1, 1, *[2**0.5] * 3]
    write = {
        "dwi.btens": lambda path: np.savetxt(path, six),
        "dwi_xps.mat": lambda path: savemat(path, {"xps": {"bt": 1e9 * six}}),
        "dwi.b": lambda path: np.savetxt(path, np.column_stack([protocol.directions, 1000 * protocol.b])),
    }
    write[name](scan / name)
    for suffix in ("bval", "bvec", "bdelta"):
        if name != "dwi.b" or suffix != "bdelta":
            (scan / f"dwi.{suffix}").unlink()
    (layer,) = make_napari_viewer_proxy().open(str(scan.dwi), plugin=PLUGIN)
    assert notification_manager.records == []
    np.testing.assert_allclose(origin_of(layer).acquisition.b, protocol.b, atol=1e-9)
