"""Sent into a container: what a job of Python finds when it looks around. Each finding is text, as in probe.R."""

import ctypes
import errno
import os
import re
import socket
import stat
import subprocess
from pathlib import Path

CALLS = {
    "mount": (165, b"none", b"/tmp", b"tmpfs", 0, 0),
    "unshare": (272, 0x10000000),
    "bpf": (321, 0, 0, 0),
    "keyctl": (250, 0, -3, 0),
    "userfaultfd": (323, 0),
    "init_module": (175, 0, 0, 0),
    "clock_settime": (227, 0, bytes(16)),
    "setns": (308, -1, 0),
    "reboot": (169, 0, 0, 0, 0),
}
STATUS = ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp", "Uid", "Gid", "Groups")


def probe(about, table):
    return {
        "status": joined(status()[name] for name in STATUS),
        "writable": joined(writable()),
        "sockets": joined(kinds(stat.S_ISSOCK)),
        "network": joined(reach(address) for address in about["addresses"]),
        "names": "found" if resolves("example.com") else "none",
        "calls": joined(f"{name} {call(*given)}" for name, given in CALLS.items()),
        "raw sockets": joined(raw_sockets()),
        "ptrace": call(101, 16, 2**22 - 1, 0, 0),
        "set-group-id": f"{set_group_id('/usr/bin/chage')} {succeeds('chage', '-l', 'landbridge')}",
        "kernel files": joined(kernel_files()),
        "processes": joined(sorted(processes())),
        "other jobs": joined(others()),
        "leftovers": joined(leftovers()),
        "input": joined(tampering()),
        "core": limit("Max core file size"),
        "open files": limit("Max open files"),
        "secrets": joined(secret for secret in about["backwards"] if everywhere(secret[::-1].encode())),
        "mapped": Path("/proc/self/uid_map").read_text().split()[1],
    }


def joined(found):
    return ",".join(found)


def status():
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.strip()}


def folders():
    for folder, inside, names in os.walk("/"):
        if folder == "/":
            inside.remove("proc")
        yield Path(folder), names


def writable():
    """Folders that can be written to, without those below them."""
    found = []
    for folder, _ in folders():
        if os.access(folder, os.W_OK) and not any(folder.is_relative_to(above) for above in found):
            found.append(folder)
    return sorted(str(folder) for folder in found)


def kinds(wanted):
    for folder, names in folders():
        for name in names:
            if wanted((folder / name).lstat().st_mode):
                yield str(folder / name)


def reach(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return "closed"
    return f"{address} open"


def resolves(name):
    try:
        return bool(socket.getaddrinfo(name, 80))
    except OSError:
        return False


def call(number, *given):
    libc = ctypes.CDLL(None, use_errno=True)
    ctypes.set_errno(0)
    if libc.syscall(number, *given) < 0:
        return errno.errorcode[ctypes.get_errno()]
    return "done"


def raw_sockets():
    for family, kind in ((socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW)):
        try:
            socket.socket(family, kind, 1)
        except OSError as error:
            yield errno.errorcode[error.errno]


def set_group_id(path):
    return bool(Path(path).stat().st_mode & stat.S_ISGID)


def succeeds(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def opens(path, mode):
    try:
        with open(path, mode) as file:  # noqa: PTH123
            return bool(file.read(1)) if "r" in mode and "+" not in mode else True
    except OSError:
        return False


def kernel_files():
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/mm/ksm/run"):
        if opens(path, "ab"):
            yield f"{path} can be written"
    for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list"):
        if opens(path, "rb"):
            yield f"{path} can be read"
    yield from (str(path) for path in Path("/sys/firmware").iterdir())


def processes():
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            yield (path / "comm").read_text().strip()


def own():
    return re.search(r'"(job_[0-9a-z]{16})"', Path("/job/job.json").read_text())[1]


def others():
    texts = [Path(f"/proc/self/{name}").read_bytes() for name in ("mountinfo", "environ", "cmdline", "cgroup")]
    texts += [str(path).encode() for path in Path("/job").rglob("*")]
    texts += [path.read_bytes() for path in Path("/job").glob("*.json")]
    found = {one.decode() for text in texts for one in re.findall(rb"job_[0-9a-z]{16}", text)}
    return sorted(found - {own()})


def leftovers():
    for place in ("/tmp", "/dev/shm", "/dev/mqueue", "/job", os.environ["HOME"]):
        yield from (str(path) for path in Path(place).rglob("leftover*"))


def tampering():
    (path,) = Path("/job/in").glob("*.arrow")
    for name, act in {
        "write": lambda: path.open("r+b").close(),
        "mode": lambda: path.chmod(0o666),
        "remove": path.unlink,
        "rename": lambda: path.rename("/tmp/taken"),
        "replace": lambda: Path("/job/job.json").write_text("{}"),
    }.items():
        try:
            act()
        except OSError:
            continue
        yield name


def limit(name):
    (line,) = [line for line in Path("/proc/self/limits").read_text().splitlines() if line.startswith(name)]
    return " ".join(line.split()[-3:-1])


def everywhere(secret):
    files = [Path("/proc/self/environ"), Path("/proc/1/environ"), Path("/proc/self/mountinfo")]
    files += [path for path in Path("/job").rglob("*") if path.is_file()]
    # This probe itself lies there too; it was given the secrets backwards.
    return any(secret in path.read_bytes() for path in files)


def reached(addresses):
    return [reach(address) for address in addresses]
