"""The most memory that a run takes."""

import pathlib

MEGABYTE = 1e6
STATUS = pathlib.Path("/proc/self/status")
RESET = pathlib.Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures how far the memory of this process rises from now on.

    Linux forgets the peak of the time before. Elsewhere the peak is that
    since the process began: see `since`.

    Attributes:
        since: `"start of the run"` or `"start of the process"`.
    """

    def __init__(self):
        self.since = "start of the process"
        self._level = 0
        if _forget_peak():
            self.since = "start of the run"
            self._level = _kilobytes("VmRSS")

    @property
    def megabytes(self):
        """Float. The peak, less what was in use at the start of the run."""
        peak = _kilobytes("VmHWM") if STATUS.exists() else _of_process()
        return max(peak - self._level, 0) * 1024 / MEGABYTE


def _forget_peak():
    try:
        RESET.write_text("5")
    except OSError:
        return False
    return True


def _kilobytes(field):
    for line in STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"{STATUS} has no {field}.")


def _of_process():
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes.
    return peak / 1024 if sys.platform == "darwin" else peak
