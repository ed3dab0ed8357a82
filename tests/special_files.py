"""What a path may name that is no plain file, made at a place."""

import os
import socket
from pathlib import Path


def make_pipe(path):
    os.mkfifo(path)  # whoever opens it waits for ever


def make_socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's name is short
    try:
        with socket.socket(socket.AF_UNIX) as each:
            each.bind(path.name)
    finally:
        os.chdir(here)


def make_device(path):
    path.symlink_to("/dev/zero")  # which has no end


SPECIAL = {"a pipe": make_pipe, "a socket": make_socket, "a device": make_device, "a folder": Path.mkdir}
"""How each is made, by what hwsim calls it."""


def make_circle(path):
    path.symlink_to(path.name)


def make_endless_name(path):
    path.symlink_to("x" * 300)
