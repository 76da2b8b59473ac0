"""The benchmark that waits for a graphics card, on a processor and with tiny sizes: it runs to its end."""

import importlib.util
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "benchmarks" / "performance.py"


def test_what_a_card_is_asked_for_runs_to_its_end(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("performance", SOURCE)
    performance = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(performance)
    monkeypatch.setitem(performance.PAPER, "features", 200)  # the published ones take a processor's time
    monkeypatch.setitem(performance.PAPER, "width", 64)
    monkeypatch.setattr("sys.argv", ["performance.py", "--gpu", "--quick", "--device", "cpu"])
    performance.main()
    lines = capsys.readouterr().out.splitlines()
    for asked in ("matrix rate", "voxels, paper preset <= 15 s", "points, paper preset <= 0.15 s"):
        assert any(asked in line for line in lines), asked
    for asked in ("voxels, default preset <= 3 s", "points, default preset <= 0.03 s"):
        assert any(asked in line for line in lines), asked
