"""What a process and its children use, and when a cell that hangs is stopped, never a slow one."""

from dataclasses import dataclass
from threading import Event, Lock, Thread
from time import monotonic

import psutil

TICK = 0.1  # seconds between two samples
MEASURABLE = 0.5  # CPU seconds; a kernel that only waits uses a tenth of it in two minutes
HOUR = 3600
# What nbclient measures in wall time: past it a kernel is given up, or outputs are lost.
PATIENT = {"startup_timeout": HOUR, "iopub_timeout": HOUR}


@dataclass(frozen=True)
class Patience:
    """When a cell is stopped: past CPU seconds, after seconds without any, or past wall seconds.

    A busy machine makes a cell wait, which is not counted, and its CPU seconds grow much less. The
    slowest cell of the course uses a twentieth of these on such a machine: beyond is only a loop.
    """

    cpu: float = 600
    idle: float = 120
    wall: float = HOUR

    def ended(self, cpu: float, idle: float, wall: float) -> str:
        """Why a cell that used so much is stopped, in words; empty while it may go on."""
        if cpu > self.cpu:
            return f"it used more than {self.cpu:g} CPU seconds"
        if idle > self.idle:
            return f"it used no CPU for {self.idle:g} seconds"
        return f"it took more than {self.wall:g} seconds" if wall > self.wall else ""


class Usage:
    """CPU seconds and the most memory of a process and its children, sampled ten times a second.

    What children used that have ended stays in `cpu`.
    """

    def __init__(self):
        self.peak, self.cpu, self.running = 0, 0.0, False
        self._process, self._own, self._lock, self._done = None, {}, Lock(), Event()
        self.begin()

    def watch(self, pid: int, patience: Patience | None = None, stop=None) -> None:
        """Samples a process in the background; `stop` gets the reason when patience ends."""
        self._process = psutil.Process(pid)
        self.begin()
        self.running = False
        Thread(target=self._go_on, args=(patience, stop), daemon=True).start()

    def begin(self) -> None:
        """Counts from here on, as for a new cell."""
        self.sample()
        self._from = self._moved = self.cpu
        self._since, self.idle, self.running = monotonic(), 0.0, True

    def end(self) -> float:
        """The CPU seconds since the beginning; patience rests until the next one."""
        self.running = False
        self.sample()
        return self.cpu - self._from

    def ended(self, patience: Patience) -> str:
        """Why it is to be stopped, in words; empty while it may go on."""
        return patience.ended(self.cpu - self._from, self.idle, monotonic() - self._since)

    def sample(self) -> None:
        """Adds up what the processes have used by now, and hold."""
        with self._lock:
            used = held = 0
            for member in self._family():
                try:
                    times, memory = member.cpu_times(), member.memory_info().rss
                except psutil.Error:
                    continue  # It ended while it was asked.
                self._own[member] = times.user + times.system
                used += self._own[member] + times.children_user + times.children_system
                held += memory
            # Linux tells a parent what its ended children used. Elsewhere, and of those that lost
            # their parent, there is what was last seen of them. Neither counts anything twice.
            self.cpu = max(self.cpu, used, sum(self._own.values()))
            self.peak = max(self.peak, held)

    def look(self, patience: Patience | None = None, stop=None) -> None:
        """Samples, counts how long hardly any CPU was used, and stops what is past its patience.

        It counts looks, not the clock: who watches on a machine that slept has seen nothing. What
        goes on though it was stopped is stopped again later.
        """
        self.sample()
        self.idle += TICK
        if self.cpu - self._moved > MEASURABLE:
            self._moved, self.idle = self.cpu, 0.0
        if self.running and patience and (reason := self.ended(patience)):
            self.begin()
            stop(reason)

    def left(self) -> list[psutil.Process]:
        """The processes that were seen and still run, also those that lost their parent."""
        with self._lock:
            return [member for member in self._own if member.is_running()]

    def stop(self) -> float:
        """Ends the sampling and returns the peak in MB of 2^20 bytes, as Binder and ps count."""
        self._done.set()
        return self.peak / 2**20

    def _family(self):
        """The process, then its children: a child that ends meanwhile is not counted twice."""
        try:
            return [self._process, *self._process.children(recursive=True)] if self._process else []
        except psutil.Error:
            return []

    def _go_on(self, patience, stop):
        while not self._done.wait(TICK):
            self.look(patience, stop)


def kill(pid: int) -> list[psutil.Process]:
    """Kills a process and its children, which come back."""
    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return []
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            pass
    return family
