"""An emulated 64-bit Raspberry-Pi-like machine: Debian's arm64 packages in an initramfs, booted by QEMU. No root.

Needs Debian's apt-get and dpkg-deb, tar, cpio, ssh-keygen, and qemu-system-aarch64 (Debian package qemu-system-arm).
"""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from underbudget.device.errors import UserError

PROGRAMS = ("qemu-system-aarch64", "apt-get", "dpkg-deb", "tar", "cpio", "ssh", "ssh-keygen")
DEBIAN_PACKAGES = "qemu-system-arm cpio openssh-client"
GUEST_PACKAGES = [
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "sed",
    "grep",
    "tar",
    "gzip",
    "findutils",
    "util-linux",
    "mount",
    "procps",
    "mawk",
    "libc-bin",
    "libstdc++6",
    "openssh-server",
    "python3",
    "busybox-static",
    "linux-image-arm64",
]
MEMORY_MIB = 1536
DRIVERS = ("failover", "net_failover", "virtio_mmio", "virtio_net", "virtio-rng")
WITHOUT = ("doc", "man", "locale", "zoneinfo", "info")
INIT = f"""#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm; mount -t devpts pts /dev/pts; mount -t tmpfs shm /dev/shm
ln -sf /proc/self/fd /dev/fd; chmod 1777 /tmp /var/tmp /dev/shm; chmod 755 /run/sshd
chown -R 1000:1000 /home/pi
for driver in {" ".join(DRIVERS)}; do busybox insmod /usr/lib/$driver.ko; done
busybox ip link set lo up; busybox ip link set eth0 up; busybox ip addr add 10.0.2.15/24 dev eth0
echo GUEST-READY
/usr/sbin/sshd -D -e
busybox poweroff -f
"""
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
    "pi:x:1000:1000:,,,:/home/pi:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\ntty:x:5:\npi:x:1000:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
    "ssh/sshd_config": "Port 22\nUsePAM no\nPasswordAuthentication no\nUseDNS no\n"
    "HostKey /etc/ssh/ssh_host_ed25519_key\nSubsystem sftp /usr/lib/openssh/sftp-server\n",
}


def missing_tools() -> list[str]:
    """Return those of PROGRAMS that this machine lacks."""
    return [tool for tool in PROGRAMS if shutil.which(tool) is None]


def build(work: Path) -> None:
    """Make `work/initrd.cpio`, `work/kernel`, a login key `work/key` and the guest's host key."""
    packages = _download(work)
    root = work / "root"
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        _unpack(package, root, work)
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(work / name)], check=True)
    for name, text in ETC.items():
        _write(root / "etc" / name, text)
    _write(root / "etc/ssh/ssh_host_ed25519_key", (work / "host_key").read_text(), 0o600)
    _write(root / "home/pi/.ssh/authorized_keys", (work / "key.pub").read_text(), 0o600)
    (root / "home/pi/.ssh").chmod(0o700)
    _write(root / "init", INIT, 0o755)
    for name in ("proc", "sys", "dev", "run/sshd", "tmp", "root", "var/tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for driver in DRIVERS:
        shutil.copy(next(work.glob(f"kernel/**/{driver}.ko")), root / "usr/lib")
    names = b"\0".join(sorted(os.fsencode(path.relative_to(root)) for path in root.rglob("*")))
    with (work / "initrd.cpio").open("wb") as archive:
        pack = ["cpio", "--quiet", "--create", "--null", "--format=newc", "--owner=+0:+0"]
        subprocess.run(pack, cwd=root, input=names, stdout=archive, check=True)
    shutil.rmtree(root)


def _download(work: Path) -> list[Path]:
    """Download the arm64 packages, through the machine's own apt sources and a private apt state."""
    apt = work / "apt"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "conf").write_text(
        'APT::Architecture "arm64";\n#clear APT::Architectures;\nAPT::Architectures "arm64";\n'
        f'Dir::State "{apt}/state"; Dir::State::status "{apt}/status"; Dir::Cache "{apt}/cache";\n'
        'APT::Install-Recommends "false"; Acquire::Languages "none"; Debug::NoLocking "true";\n'
        'APT::Sandbox::User "";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(apt / "conf"), "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["-y", "--download-only", "install", *GUEST_PACKAGES]):
        subprocess.run(["apt-get", "-qq", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    return sorted((apt / "cache/archives").glob("*.deb"))


def _unpack(package: Path, root: Path, work: Path) -> None:
    """Unpack a package into `root`; of the kernel's, the image and a few drivers into `work/kernel`."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as content:
        if package.name.startswith("linux-image-arm64"):  # it only points to the kernel
            assert content.stdout is not None
            content.stdout.read()
            return
        if package.name.startswith("linux-image"):
            (work / "kernel").mkdir()
            wanted = ["--wildcards", "./boot/vmlinuz-*", *(f"*/{driver}.ko" for driver in DRIVERS)]
            command = ["tar", "-C", str(work / "kernel"), "-x", "-f", "-", *wanted]
        else:
            without = [f"--exclude=./usr/share/{name}" for name in WITHOUT]
            command = ["tar", "-C", str(root), "--keep-directory-symlink", "--no-same-owner", *without, "-x", "-f", "-"]
        subprocess.run(command, stdin=content.stdout, check=True)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


@contextmanager
def _boot(work: Path, port: int, counting: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Start the guest, its SSH server on 127.0.0.1:`port`, without access to any network.

    Args:
        counting: one core, whose clock advances by 1 ns an instruction: its nanoseconds are instructions.
    """
    network = f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"
    command = ["qemu-system-aarch64", "-M", "virt,gic-version=2", "-cpu", "cortex-a72", "-m", str(MEMORY_MIB)]
    command += ["-smp", "1", "-icount", "shift=0", "-seed", "1"] if counting else ["-smp", "2"]
    command += ["-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio", "-netdev", network]
    command += ["-device", "virtio-net-device,netdev=n", "-device", "virtio-rng-device"]
    command += ["-kernel", str(next(work.glob("kernel/boot/vmlinuz-*"))), "-initrd", str(work / "initrd.cpio")]
    command += ["-append", "console=ttyAMA0 quiet random.trust_cpu=on panic=-1"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as guest:
        assert guest.stdout is not None
        try:
            for line in guest.stdout:
                if "GUEST-READY" in line:
                    break
            else:
                raise UserError("the emulated Pi did not boot: report this as a bug")
            threading.Thread(target=guest.stdout.read, daemon=True).start()  # keep its console flowing
            yield guest
        finally:
            guest.kill()


@contextmanager
def booted(work: Path, counting: bool = False) -> Iterator[Path]:
    """Run the guest on a free port; yield an OpenSSH configuration in which it is called `pi`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with _boot(work, port, counting):
        _wait_for_ssh(port)
        yield _ssh_config(work, port)


def _wait_for_ssh(port: int) -> None:
    """Wait until the guest's SSH server greets: QEMU takes connections, and drops them, before the guest does."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with socket.create_connection(("127.0.0.1", port)) as connection, suppress(OSError):
            connection.settimeout(20)
            if connection.recv(4) == b"SSH-":
                return
        time.sleep(0.5)
    raise UserError("the emulated Pi's SSH server does not answer: report this as a bug")


def _ssh_config(work: Path, port: int) -> Path:
    """Write an OpenSSH configuration in which the guest is called `pi`."""
    host_key = " ".join((work / "host_key.pub").read_text().split()[:2])
    (work / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    config = work / "config"
    config.write_text(
        f"Host pi\n  HostName 127.0.0.1\n  Port {port}\n  User pi\n  IdentityFile {work}/key\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {work}/known_hosts\n  StrictHostKeyChecking yes\n"
    )
    return config
