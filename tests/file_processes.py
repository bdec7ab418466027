"""Runs files of tests in processes of their own.

Keras and the tests are imported once, and each process is forked from there.
What a file has built is gone with its process: it takes no memory, and nobody
searches it for cycles of references.
"""

import itertools
import multiprocessing
import os
import sys
import tempfile
from multiprocessing import connection

import pytest

FORK = multiprocessing.get_context("fork")


class FileProcesses:
    """Plugin of pytest that runs a number of files at the same time."""

    def __init__(self, count):
        self.count = count

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        """Runs all tests, and reports on each as it runs."""
        if session.testsfailed or session.config.option.collectonly:
            return None
        _check_not_started()
        by_place = itertools.groupby(session.items, _place)
        waiting = [File(list(items)) for _, items in by_place]
        # Each process makes a folder for `tmp_path`, and none removes it.
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
            self._run(session, waiting)
        return True

    def _run(self, session, waiting):
        running = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    file = waiting.pop(0)
                    running[file.start()] = file
                for reports in connection.wait(running):
                    if not running[reports].receive():
                        file = running.pop(reports)
                        waiting += [file] if file.items else []
                    if session.shouldfail:
                        raise session.Failed(session.shouldfail)
                    if session.shouldstop:
                        raise session.Interrupted(session.shouldstop)
        finally:
            for file in running.values():
                file.process.kill()


class File:
    """Tests of a file that wait or run, and the process that runs them."""

    def __init__(self, items):
        self.items = items
        self.config = items[0].config

    def start(self):
        """Starts a process, and returns where its reports arrive."""
        self.reports, sender = FORK.Pipe(duplex=False)
        arguments = self.config, self.items, sender
        self.process = FORK.Process(target=_run_all, args=arguments)
        self.process.start()
        sender.close()
        return self.reports

    def receive(self):
        """Passes a report on. Returns `False` if the process has ended."""
        try:
            data = self.reports.recv()
        except EOFError:
            self._end()
            return False
        self._log(
            self.config.hook.pytest_report_from_serializable(
                config=self.config, data=data
            )
        )
        return True

    def _log(self, report):
        place = {"nodeid": report.nodeid, "location": report.location}
        hook = self.config.hook
        if report.when == "setup":
            hook.pytest_runtest_logstart(**place)
        hook.pytest_runtest_logreport(report=report)
        if report.when == "teardown":
            hook.pytest_runtest_logfinish(**place)
            self.items.pop(0)

    def _end(self):
        """Has a test fail that did not end before its process."""
        self.process.join()
        self.reports.close()
        if not self.items:
            return
        item = self.items[0]
        place = item.nodeid, item.location, dict.fromkeys(item.keywords, 1)
        text = f"The process ended with exit code {self.process.exitcode}."
        self._log(pytest.TestReport(*place, "failed", text, "call"))
        self._log(pytest.TestReport(*place, "passed", None, "teardown"))


class Sender:
    """Plugin of pytest that sends reports to another process."""

    def __init__(self, config, sender):
        self.config = config
        self.sender = sender

    def pytest_runtest_logreport(self, report):
        """Sends a report."""
        self.sender.send(
            self.config.hook.pytest_report_to_serializable(
                config=self.config, report=report
            )
        )


def _check_not_started():
    """Raises if a file of tests has run an operation when it was imported.

    Then the backend has threads, for which a fork would wait for ever. These
    settings can only be made before.
    """
    if "tensorflow" in sys.modules:
        threading = sys.modules["tensorflow"].config.threading
        threading.set_inter_op_parallelism_threads(2)
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_num_cpu_devices", 1)


def _place(item):
    """Returns the file of a test; examples in docstrings go by folders."""
    is_test = item.path.name.startswith("test_")
    return item.path if is_test else item.path.parent


def _run_all(config, items, sender):
    plugins = config.pluginmanager
    plugins.unregister(name="terminalreporter")
    plugins.register(Sender(config, sender))
    # The file that takes the output is that of the other processes, too.
    capture = plugins.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    for item, next_item in itertools.zip_longest(items, items[1:]):
        config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
    sender.close()
