"""A real SLURM of two nodes, both of them this machine, for as long as a test needs it."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

CONFIGURATION = """
ClusterName=mini
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
KillWait=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
StateSaveLocation={folder}/state
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/%n
GresTypes=gpu
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=64000 Gres=gpu:1
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=64000 Gres=gpu:1
PartitionName=long Nodes=node[1-2] Default=YES State=UP
"""
"""Nobody proves who he is, and GPUs are in name alone: as a test wants it, and nobody else."""

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def daemon(name):
    """Where a program is; None if it is not installed."""
    return shutil.which(name, path=_PATH)


def command(*words):
    """Ask SLURM something, or tell it."""
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def jobs():
    """Numbers of the jobs that wait or run."""
    return command("squeue", "--noheader", "--format=%i").split()


@contextmanager
def slurm(folder):
    """Start it, and end it and what it runs; ``SLURM_CONF`` has to name the file in which it is described."""
    for name in ("state", "node1", "node2"):
        (folder / name).mkdir()
    about = {"folder": folder, "host": socket.gethostname().partition(".")[0], "user": getpass.getuser()}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(ports=_free_ports(3), **about))
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    with ExitStack() as running:
        for words in (["slurmctld"], ["slurmd", "-N", "node1"], ["slurmd", "-N", "node2"]):
            running.enter_context(_daemon([daemon(words[0]), "-D", *words[1:]]))
        _until_idle(folder)
        yield
        for job in jobs():
            command("scancel", job)


@contextmanager
def _daemon(words):
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _until_idle(folder, patience=30.0):
    deadline = time.monotonic() + patience
    while command("sinfo", "--noheader", "--format=%t %D").split() != ["idle", "2"]:
        logs = "\n".join(path.read_text() for path in folder.glob("*.log"))
        assert time.monotonic() < deadline, logs
        time.sleep(0.1)


def _free_ports(n):
    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
