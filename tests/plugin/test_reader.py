import nibabel as nib
import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_smi_inr.acquisition import Acquisition
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.export import save_scan
from napari_smi_inr.io.open_scan import OpenScan
from napari_smi_inr.plugin import sample_data
from napari_smi_inr.plugin.layer_origin import KEY, ScanOrigin, origin_of
from napari_smi_inr.plugin.napari_compat import unwrapped
from napari_smi_inr.plugin.reader import field_reader, nifti_reader, read_nifti
from napari_smi_inr.plugin.zoom.session import session_of
from scan_files import AFFINES, small_dataset

PLUGIN = "napari-smi-inr"


def layer_of(path, layer_class=Image):
    data, options, kind = read_nifti(str(path))[0]
    assert kind == layer_class.__name__.lower()
    return layer_class(data, **options)


@pytest.fixture(params=AFFINES, ids=str)
def placed(request, tmp_path):
    """A smooth scan whose value tells where it is: a linear ramp in scanner space, per volume."""
    affine = AFFINES[request.param]
    dataset = small_dataset(affine, shape=(9, 8, 7))
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in dataset.shape), indexing="ij"), axis=-1)
    ramp = 500 + (grid @ affine[:3, :3].T + affine[:3, 3]) @ (1.0, 2.0, 3.0)
    signal = (ramp[..., None] + 10 * np.arange(11)).astype(np.float32)
    object.__setattr__(dataset, "signal", signal)
    save_scan(dataset, tmp_path)
    return tmp_path, affine


def test_a_scan_lies_where_its_affine_puts_it(placed):
    folder, affine = placed
    layer = layer_of(folder / "dwi.nii.gz")
    centre = affine[:3, :3] @ (4, 4, 3) + affine[:3, 3]
    for offset in ((0, 0, 0), (1.2, -0.7, 0.9), (-1.9, 1.1, -1.4)):
        x, y, z = point = centre + offset
        index = [layer.world_to_data((5, z, y, x))[axis] for axis in range(4)]
        nearest = tuple(round(i) for i in index)
        v, *at = layer.data_to_world(nearest)
        expected = 550 + np.array(at[::-1]) @ (1.0, 2.0, 3.0)
        assert v == 5
        assert np.linalg.norm(np.array(at[::-1]) - point) < 3.3
        assert np.asarray(layer.data[nearest]) == pytest.approx(expected, abs=0.01)


def test_a_scan_has_millimetres_and_names_for_its_axes(scan):
    layer = layer_of(scan.dwi)
    assert layer.axis_labels == ("volume", "z", "y", "x")
    assert [str(unit) for unit in layer.units] == ["pixel", *["millimeter"] * 3]
    origin = layer.metadata[KEY]
    assert isinstance(origin.acquisition, Acquisition)
    assert origin.path == scan.dwi


def test_an_oblique_scan_reads_single_planes_as_it_reads_the_whole(tmp_path):
    save_scan(small_dataset(AFFINES["oblique left-handed"]), tmp_path)
    data = layer_of(tmp_path / "dwi.nii.gz").data
    whole = np.asarray(data)
    assert whole.shape == data.shape
    assert np.isnan(whole).any()  # the corners of the upright box around it, transparent
    assert np.isfinite(whole[:, *(n // 2 for n in whole.shape[1:])]).all()
    np.testing.assert_array_equal(data[3, 2], whole[3, 2])
    np.testing.assert_array_equal(data[1:4, :, 3, ::2], whole[1:4, :, 3, ::2])


def test_without_side_cars_a_scan_opens_as_plain_image_and_says_so(scan):
    (scan / "dwi.bval").unlink()
    assert layer_of(scan.dwi).metadata[KEY].acquisition is None
    assert "no b-values" in notification_manager.records[-1].message


def test_with_a_broken_side_car_a_scan_opens_as_plain_image_and_says_why(scan):
    (scan / "dwi.bval").write_text("0 1000 2000")
    assert layer_of(scan.dwi).metadata[KEY].acquisition is None
    assert "has 3 numbers" in notification_manager.records[-1].message


def test_a_mask_opens_as_labels_and_another_volume_as_image(scan):
    mask = layer_of(scan / "mask.nii.gz", Labels)
    stored = np.asarray(nib.load(scan / "mask.nii.gz").dataobj)
    assert mask.data.sum() == stored.sum()
    scan.write("map.nii.gz", stored * 2.5)
    assert layer_of(scan / "map.nii.gz").data.max() == 2.5


@pytest.mark.parametrize("content", [b"", b"not an image", bytes(400)])
def test_what_is_no_nifti_is_refused_by_name(tmp_path, content):
    path = tmp_path / "x.nii"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.nii"):
        read_nifti(str(path))


def test_readers_take_what_is_theirs():
    assert nifti_reader("a.NII.gz")
    assert nifti_reader("a.nii")
    assert nifti_reader(["a.nii", "b.nii"]) is None
    assert nifti_reader("a.png") is None
    assert field_reader("a.smi.safetensors")
    assert field_reader("a.safetensors") is None


def test_a_scan_opens_upright_at_a_volume_where_anatomy_shows(window, scan):
    viewer, _ = window()
    scan.edit_table("dwi.bval", lambda b: np.roll(b, 4))
    scan.edit_table("dwi.bvec", lambda u: np.roll(u, 4, axis=1))
    scan.edit_table("dwi.bdelta", lambda d: np.roll(d, 4))
    viewer.open(str(scan.dwi), plugin=PLUGIN)
    assert viewer.dims.point[0] == 4
    assert viewer.scene.camera.orientation2d == ("up", "right")


def zoom_layers(viewer):
    return [layer for layer in viewer.layers if session_of(layer) is not None]


def assert_field_is_shown(viewer, field):
    names = [origin_of(layer).symbol for layer in viewer.layers]
    assert names == [*field.parameters, "p2"]
    (zoom,) = zoom_layers(viewer)
    assert zoom.multiscale
    np.testing.assert_array_equal(origin_of(zoom).field.maps()["f"], field.maps()["f"])


def test_a_field_opens_without_its_scan_with_the_zoom_layer_on_top(window, tiny_field, tmp_path, settle):
    viewer, _ = window()
    path = tmp_path / "a.smi.safetensors"
    tiny_field.save(path)
    viewer.open(str(path), plugin=PLUGIN)
    assert_field_is_shown(viewer, tiny_field)
    (zoom,) = zoom_layers(viewer)
    settle(zoom)
    assert viewer.layers[-1].visible
    assert np.isfinite(np.asarray(session_of(zoom).layers[0].data[-1])).any()
    viewer.open(str(path), plugin=PLUGIN)
    assert len(zoom_layers(viewer)) == 2


def test_a_field_can_be_dropped_on_the_window(window, tiny_field, tmp_path, qtbot):
    viewer, hands = window()
    path = tmp_path / "a.smi.safetensors"
    tiny_field.save(path)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    (target,) = [w for w in hands.window.findChildren(QWidget) if type(w).__name__ == "QtViewer"]
    none, copy, left = Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    qtbot.keyRelease(hands.canvas, Qt.Key.Key_Shift)  # held, as an earlier test may have left it, it means: as a stack
    QApplication.sendEvent(target, QDragEnterEvent(QPoint(100, 100), copy, mime, left, none))
    QApplication.sendEvent(target, QDropEvent(QPointF(100, 100), copy, mime, left, none))
    qtbot.waitUntil(lambda: len(viewer.layers) == 7, timeout=5000)
    assert_field_is_shown(viewer, tiny_field)


def test_a_damaged_field_is_refused_by_name(window, tmp_path):
    viewer, _ = window()
    path = tmp_path / "bad.smi.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"bad\.smi"):
        viewer.open(str(path), plugin=PLUGIN)
    assert not len(viewer.layers)


class TestOpenBrain:
    """The open scan of a brain among the samples, with files of our own in place of those to be fetched."""

    @pytest.fixture
    def brain(self, scan, monkeypatch):
        found = OpenScan(scan.dwi, scan / "mask.nii.gz")
        monkeypatch.setattr(sample_data, "fetch_scan", lambda: found)
        return found

    def test_what_was_fetched_before_opens_at_once(self, brain, make_napari_viewer_proxy, monkeypatch):
        monkeypatch.setattr(sample_data, "cached_scan", lambda: brain)
        viewer = make_napari_viewer_proxy()
        viewer.open_sample("napari-smi-inr", "brain")
        assert [layer.name for layer in viewer.layers] == ["dwi", "mask"]

    def test_what_was_not_is_added_once_it_is_there(self, brain, make_napari_viewer_proxy, monkeypatch, qtbot):
        monkeypatch.setattr(sample_data, "cached_scan", lambda: None)
        viewer = make_napari_viewer_proxy()
        assert sample_data.open_brain() == []
        assert "Fetching 54 MB" in notification_manager.records[-1].message
        qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=10_000)
        assert isinstance(origin_of(unwrapped(viewer).layers["dwi"]), ScanOrigin)

    def test_without_a_network_that_is_said(self, make_napari_viewer_proxy, monkeypatch, qtbot):
        def offline():
            raise InputError("https://…", "could not be fetched (no connection).", "Is this machine connected?")

        monkeypatch.setattr(sample_data, "cached_scan", lambda: None)
        monkeypatch.setattr(sample_data, "fetch_scan", offline)
        viewer = make_napari_viewer_proxy()
        sample_data.open_brain()
        qtbot.waitUntil(lambda: "no connection" in notification_manager.records[-1].message, timeout=10_000)
        assert len(viewer.layers) == 0
