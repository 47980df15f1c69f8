"""Entries that take their process with them, or try to change it for those that come after."""

import ctypes
import os
import signal
import sys
import time

import torch

from tests.own_entries import Affine


class Exits(Affine):
    """Leaves in its density."""

    def log_prob(self, x, context=None):
        if not self.training:
            raise SystemExit(0)
        return super().log_prob(x)


class ExitsHard(Affine):
    """Leaves without a word."""

    def log_prob(self, x, context=None):
        if not self.training:
            os._exit(0)
        return super().log_prob(x)


class Crashes(Affine):
    """Reads where no memory is."""

    def log_prob(self, x, context=None):
        if not self.training:
            ctypes.string_at(0)
        return super().log_prob(x)


class CrashesWhenAsked(Affine):
    """Reads where no memory is while the environment says CRASH."""

    def log_prob(self, x, context=None):
        if not self.training and "CRASH" in os.environ:
            ctypes.string_at(0)
        return super().log_prob(x)


class Unbuilt(Affine):
    """Leaves in its constructor, as `way` says."""

    def __init__(self, data, *, width: int, way: str = "exit"):
        if way == "exit":
            raise SystemExit(0)
        if way == "hard":
            os._exit(0)
        if way == "crash":
            ctypes.string_at(0)
        if way == "sleep":
            time.sleep(1000)
        super().__init__(data, width=width)


class Garbles(Affine):
    """Writes to whatever is open."""

    def loss(self, x, context=None):
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, b"garbage\n")
            except OSError:
                continue
        return super().loss(x)


class KillsItsParent(Affine):
    """Ends the process that it was forked from."""

    def loss(self, x, context=None):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)
        return super().loss(x)


class Sleeps(Affine):
    """One step takes for ever."""

    def loss(self, x, context=None):
        time.sleep(1000)
        return super().loss(x)


class SleepsInSample(Affine):
    """Trains and then takes for ever, in an evaluation."""

    def sample(self, n, context=None):
        time.sleep(1000)
        return super().sample(n)


class ChangesGlobals(Affine):
    """Changes what torch and Python keep for all."""

    def __init__(self, data, *, width: int):
        super().__init__(data, width=width)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        os.chdir("/")
        sys.modules["math"] = None
        os.environ.clear()


class Prints(Affine):
    """Prints 200 MB."""

    def finish(self, x):
        line = "x" * 999
        for _ in range(200_000):
            print(line)


class Forks(Affine):
    """Leaves a child behind, which sleeps and holds whatever it inherited."""

    def finish(self, x):
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)


class FillsDisk(Affine):
    """Leaves no room in the folder of `path`."""

    def __init__(self, data, *, width: int, path: str = ""):
        super().__init__(data, width=width)
        self.path = path

    def finish(self, x):
        try:
            with open(self.path, "wb") as file:
                while True:
                    file.write(b"0" * 4096)
                    file.flush()
        except OSError:
            return


class StandardisesInPlace(Affine):
    """Changes the examples that it is to fit."""

    def finish(self, x):
        x -= x.mean(0)
        x /= x.std(0)


class HalvesInPlace(Affine):
    """Changes the examples whose likelihood is asked for."""

    def log_prob(self, x, context=None):
        if not self.training:
            x.mul_(0.5)
        return super().log_prob(x)


class WritesPastTorch(Affine):
    """Changes the examples where no counter sees it."""

    def finish(self, x):
        x.data.mul_(0.5)
