"""The program in a process of its own, forked from one that has it imported already.

Starting Python and importing the program costs more than most of what a test then looks at. Here
one parent a worker imports it once and forks a real process for each start: with its own pipes or
terminal, environment, folder, signals and end. It runs ``python -m
hugchat_sync``. What Python reads at its start (``PYTHON*``, the locale) cannot be given to a fork:
such a start gets a fresh process, as does every one with ``ALL_CUTS`` and where forking is not safe
without exec (all but Linux). How the program starts, and what it imports, others look at
(``terminal/test_start.py``, ``unit/test_imports.py``).
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import os
import pickle
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from sampling import ALL_CUTS

PROGRAM = "hugchat_sync"
SHOWING = ("live", "markdown", "spinner", "syntax", "theme")  # of rich: imported where needed
READ_AT_THE_START = ("PYTHON", "LC_", "LANG")
FORKS = sys.platform == "linux" and not ALL_CUTS


class Programs:
    """Starts programs: forked ones, or fresh ones where a fork would not be the same."""

    def __init__(self):
        self._environment = of_the_start(os.environ)
        self._parent = None

    def start(self, *words, env=None, terminal=False, **options):
        """Start ``hugchat-sync`` with *words*; *options* are those of ``subprocess.Popen``.

        :param terminal: its stdin is a terminal, and becomes the one that controls it.
        """
        env = dict(os.environ) if env is None else env
        if FORKS and of_the_start(env) == self._environment:
            self._parent = self._parent or Parent()
            return Forked(self._parent, words, env, terminal, **options)
        if terminal:
            options.update(start_new_session=True, preexec_fn=take_the_terminal)
        return subprocess.Popen([sys.executable, "-m", PROGRAM, *words], env=env, **options)

    def close(self):
        if self._parent is not None:
            self._parent.close()


def of_the_start(environment):
    """Return what Python reads when it starts."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(READ_AT_THE_START) and value
    }


def ignore(number):
    signal.signal(number, signal.SIG_IGN)


def take_the_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Parent:
    """The process that has imported the program, and forks."""

    def __init__(self):
        self._own, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = (
            f"import sys; sys.path[:] = {sys.path!r}\nimport forking; forking.run({far.fileno()})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=[far.fileno()], stdin=subprocess.DEVNULL
        )
        far.close()

    def ask_for(self, order, descriptors):
        sent = array.array("i", descriptors).tobytes()
        self._own.sendmsg([pickle.dumps(order)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)])

    def close(self):
        self._own.close()
        self._process.wait(20)


class Forked:
    """A forked program, with those methods of ``subprocess.Popen`` that the tests use."""

    def __init__(self, parent, words, env, terminal, preexec_fn=None, **streams):
        theirs = []
        for name, ours in (("stdin", 1), ("stdout", 0), ("stderr", 0)):
            given = streams.pop(name)
            stream = None
            if given == subprocess.PIPE:
                pipe = os.pipe()
                stream = os.fdopen(pipe[ours], "wb" if ours else "rb")
                theirs.append(pipe[1 - ours])
            elif given == subprocess.DEVNULL:
                theirs.append(os.open(os.devnull, os.O_RDWR))
            else:
                theirs.append(os.dup(given if isinstance(given, int) else given.fileno()))
            setattr(self, name, stream)
        assert not streams, f"a fork cannot be given {sorted(streams)}"
        self.returncode = None
        self._channel, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = (words, env, os.getcwd(), terminal, preexec_fn)
        parent.ask_for(order, [*theirs, far.fileno()])
        far.close()
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = int(self._channel.recv(64))

    def wait(self, timeout=None):
        if self.returncode is None:
            self._channel.settimeout(timeout)
            try:
                self.returncode = int(self._channel.recv(64))
            except (socket.timeout, BlockingIOError):
                raise subprocess.TimeoutExpired(PROGRAM, timeout) from None
            self._channel.close()
        return self.returncode

    def poll(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def communicate(self, input=b"", timeout=60):  # noqa: A002 -- as Popen calls it
        """Give it *input* and no more, and return what it writes until its end."""
        if self.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.stdin.write(input)
                self.stdin.close()
        with ThreadPoolExecutor(2) as threads:
            read = [threads.submit(one.read) for one in (self.stdout, self.stderr) if one]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        texts = iter([one.result() for one in read])
        return tuple(next(texts) if one else None for one in (self.stdout, self.stderr))

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


# in the parent, and in what it forks -------------------------------------------------------------


def run(descriptor):
    """Import the program, fork a child for each order, and be the program in the child."""
    control = socket.socket(fileno=descriptor)
    package = importlib.import_module(PROGRAM)
    for module in pkgutil.walk_packages(package.__path__, f"{PROGRAM}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in [f"rich.{one}" for one in SHOWING] + ["prompt_toolkit"]:
        importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is meant for the programs and the tests
    gc.collect()
    gc.freeze()
    while True:
        order, descriptors = receive(control)
        if not order:
            break
        if os.fork() == 0:
            control.close()
            channel = socket.socket(fileno=descriptors.pop())
            report_its_end(channel, descriptors)
            become(descriptors, *pickle.loads(order))  # noqa: S301 -- our own
            try:
                runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)
            except SystemExit as ended:
                end(ended.code)
            return
        for one in descriptors:
            os.close(one)
        reap(os.WNOHANG)
    reap(0)


def receive(control):
    numbers = array.array("i")
    order, ancillary, _, _ = control.recvmsg(1 << 20, socket.CMSG_SPACE(4 * numbers.itemsize))
    for _, _, data in ancillary:
        numbers.frombytes(data)
    return order, list(numbers)


def reap(options):
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


def report_its_end(channel, descriptors):
    """Fork once more: return in the child; here tell the test its number, and how it ends."""
    number = os.fork()
    if number == 0:
        channel.close()
        return
    for one in descriptors:
        os.close(one)
    channel.send(b"%d" % number)
    _, status = os.waitpid(number, 0)
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    with contextlib.suppress(OSError):  # nobody waits for it any more
        channel.send(b"%d" % code)
    os._exit(0)


def become(descriptors, words, environment, folder, terminal, preexec_fn):
    """Have the streams, the signals, the environment and the folder of a program just begun."""
    if terminal:
        os.setsid()
    for number, one in enumerate(descriptors):
        os.dup2(one, number)
        os.close(one)
    if terminal:
        take_the_terminal()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        stream = open(  # noqa: SIM115 -- as long as the process
            number,
            before.mode,
            encoding=before.encoding,
            errors=before.errors,
            closefd=False,
        )
        if name == "stderr":
            stream.reconfigure(line_buffering=before.line_buffering or stream.line_buffering)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if preexec_fn is not None:
        preexec_fn()
    sys.argv = [PROGRAM, *words]


def end(code):
    """End as Python does, but leave the memory to the system: to free it all costs the most."""
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError as error:
        print(f"Exception ignored in: {sys.stdout!r}\n{error!r}", file=sys.stderr)
        code = 120
    sys.stderr.flush()
    os._exit(code)
