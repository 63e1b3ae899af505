"""A real SLURM of one node with a pretend GPU, started in a folder of the test's own and stopped with it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol")
ETC = Path("/etc/slurm")  # where SLURM's programs look: a job's inner srun does not see SLURM_CONF
FILES = ("slurm.conf", "gres.conf")
CPUS, MEGA_BYTES = 8, 64000  # that jobs may ask for, whatever the machine has; the profile asks for no more cores
SECONDS = 60  # a daemon that is not up by then never will be

CONFIGURATION = """\
ClusterName=dropscape
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
AccountingStoreFlags=job_comment
JobAcctGatherType=jobacct_gather/none
MinJobAge=7200
KillWait=3
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Why no SLURM can be started here; None if one can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"SLURM is not installed (no {', '.join(missing)}): apt-get install slurm-wlm munge"
    if os.geteuid() != 0:
        return "starting SLURM takes root"
    if any((ETC / file).exists() and not (ETC / file).is_symlink() for file in FILES):
        return f"this machine has a SLURM of its own in {ETC}"
    return None


class Slurm:
    """The running cluster.

    Args:
        folder: a new folder for keys, state and logs.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def start(self) -> None:
        """Start the daemons and wait until the node takes jobs."""
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        host = socket.gethostname().partition(".")[0]
        controller, node = free_ports(2)
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                host=host,
                controller=controller,
                node=node,
                cpus=CPUS,
                memory=MEGA_BYTES,
            )
        )
        (self.folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/null\n")
        for file in FILES:
            (ETC / file).unlink(missing_ok=True)
            (ETC / file).symlink_to(self.folder / file)
        options = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid"}
        options |= {"log-file": "munged.log", "seed-file": "munged.seed"}
        self._call("munged", "--force", *(f"--{option}={self.folder / file}" for option, file in options.items()))
        self._call("slurmctld", "-c")
        self._call("slurmd")
        end = time.monotonic() + SECONDS
        while self._state() != "idle":
            assert time.monotonic() < end, (self.folder / "slurmctld.log").read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        """End every job and daemon, and take the links away."""
        subprocess.run(["scancel", "--user=root"], check=False, capture_output=True)
        for daemon in ("slurmd", "slurmctld", "munged"):
            with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
                process = psutil.Process(int((self.folder / f"{daemon}.pid").read_text()))
                process.send_signal(signal.SIGTERM)
                process.wait(SECONDS)
        for file in FILES:
            (ETC / file).unlink(missing_ok=True)

    def jobs(self) -> dict[str, str]:
        """What each job of the cluster is or was for (rule and wildcards, or group) by its number."""
        lines = self._call("squeue", "-h", "-t", "all", "-o", "%i %k").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def record(self, number: str) -> dict[str, str]:
        """What the controller knows of a job."""
        fields = self._call("scontrol", "show", "job", "--oneliner", number).split()
        return dict(field.partition("=")[::2] for field in fields)

    def cancel(self, number: str) -> None:
        """Cancel a job, as its user does."""
        self._call("scancel", number)

    def end_time(self, number: str) -> None:
        """Let the time limit of a job be over."""
        self._call("scontrol", "update", f"JobId={number}", "EndTime=now")

    def partition(self, state: str) -> None:
        """Take jobs (UP) or let them wait (DOWN)."""
        self._call("scontrol", "update", "PartitionName=all", f"State={state}")

    def _call(self, *command: str) -> str:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    def _state(self) -> str:
        """The node's; empty while the controller does not answer."""
        asked = subprocess.run(("sinfo", "-h", "-o", "%T"), capture_output=True, text=True, timeout=SECONDS)
        return asked.stdout.strip()


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
