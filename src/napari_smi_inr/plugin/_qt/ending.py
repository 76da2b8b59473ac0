"""An orderly end of the windows we have been in, before Python takes Qt apart.

At exit PyQt deletes every Qt object that Python still owns, while it walks through a table of them. A napari window
that is being deleted calls back into Python, each call may add to that table, and where it then has to grow it moves
under the walk: a segmentation fault, now and then, in any script that does not close its window. Nothing happens if
the window is closed before.
"""

from __future__ import annotations

import atexit
from typing import Any
from weakref import WeakSet

from qtpy.QtCore import QCoreApplication, QEvent, QThreadPool

from ..napari_compat import main_window, unwrapped

_viewers: WeakSet[Any] = WeakSet()


def end_with_python(viewer: Any) -> None:
    """Close a viewer when Python ends, unless it has been closed until then."""
    _viewers.add(unwrapped(viewer))


@atexit.register  # after the import of Qt, and so called before PyQt's own
def _end() -> None:
    for viewer in list(_viewers):
        if main_window(viewer) is not None:
            viewer.close()
    QCoreApplication.sendPostedEvents(None, int(QEvent.Type.DeferredDelete))  # no event loop comes to them any more
    pool = QThreadPool.globalInstance()
    if pool is not None:
        pool.waitForDone()  # as Qt itself does, but only when it has deleted what workers report to
