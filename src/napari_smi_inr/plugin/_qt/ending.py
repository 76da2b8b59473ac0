"""An orderly end of what is ours in Qt, before Python takes Qt apart."""

from __future__ import annotations

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QThreadPool


def wait_for_threads() -> None:
    """Wait until no worker runs, as Qt itself does in the end, but before it deletes what workers report to."""
    pool = QThreadPool.globalInstance()
    if pool is not None:
        pool.waitForDone()


def delete_now(obj: QObject) -> None:
    """Delete an object at once, where no event loop would come to it later."""
    obj.deleteLater()
    QCoreApplication.sendPostedEvents(obj, int(QEvent.Type.DeferredDelete))
