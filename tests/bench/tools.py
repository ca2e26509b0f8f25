"""The clients that are compared. Each knows how to begin anew, to pull one platform, to push what it has pulled, and some
to pull all platforms and to copy them from one registry to another."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time


class Figures:
    """What one run cost: wall seconds, CPU seconds, MiB at the peak. `None` where a daemon does the work."""

    def __init__(self, wall, cpu=None, memory=None):
        self.wall, self.cpu, self.memory = wall, cpu, memory


class Failed(Exception):
    """A tool could not do the work."""


def run(arguments, environment=None):
    """Runs a command to its end and measures the whole process.

    The peak of its memory is what GNU time says: the system counts what this interpreter had when it started the command
    as the command's own. What the run before left for the disk to do is not this one's cost, so the disk comes to rest first.
    """
    os.sync()
    began = time.monotonic()
    peak = tempfile.NamedTemporaryFile()
    process = subprocess.Popen(
        ["/usr/bin/time", "--format=%M", f"--output={peak.name}", *arguments],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if status:
        raise Failed(f"{' '.join(arguments)} failed:\n{output.decode(errors='replace')[-2000:]}")
    return Figures(wall, usage.ru_utime + usage.ru_stime, int(peak.read()) / 1024)


def floor(urls, paths, authority):
    """What no client can be faster than: curl brings the same bytes to nowhere, 8 at once, and all cores hash them; but never
    less than one core takes to hash the largest."""
    trust = ["--cacert", authority] if authority else []
    command = ["curl", "-sSf", "--parallel", "--parallel-max", "8", *trust]
    for url in urls:
        command += ["-o", "/dev/null", url]
    wall = run(command).wall
    costs = []
    for path in paths:
        began = time.process_time()
        with open(path, "rb") as file:
            hashlib.file_digest(file, "sha256")
        costs.append(time.process_time() - began)
    return max(wall + sum(costs) / os.cpu_count(), max(costs))


def syncs(tool, name):
    """How often a tool's pull waits for the disk; none where that cannot be counted."""
    if not shutil.which("strace"):
        return None
    program = tool.program
    with tempfile.TemporaryDirectory() as folder:
        log, tool.program = os.path.join(folder, "log"), os.path.join(folder, "watched")
        with open(tool.program, "w") as script:
            script.write(f'#!/bin/sh\nexec strace -f -qq -e trace=fsync,fdatasync,syncfs,sync -o {log} {program} "$@"\n')
        os.chmod(tool.program, 0o755)
        try:
            tool.begin_anew()
            tool.pull(name)
        finally:
            tool.program = program
        with open(log) as lines:
            return sum("sync" in line and "resumed" not in line for line in lines)


class Tool:
    # The file of the authority that the registry's certificate is of, where it speaks TLS.
    authority = None

    def __init__(self, program, folder):
        self.program, self.folder = program, os.path.join(folder, type(self).__name__.lower())

    def trust(self, _, authority):
        """Whom to believe in what follows; without an authority the registry speaks plain HTTP."""
        self.authority = authority

    def environment(self):
        return {"SSL_CERT_FILE": self.authority} if self.authority else {}

    def begin_anew(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def forget_pushes(self):
        """Lets the next push know nothing of where the blobs are."""

    def version(self):
        """What it says of itself, in a line."""
        for word in ["--version", "version"]:
            said = subprocess.run([self.program, word], capture_output=True, text=True, check=False)
            if said.returncode == 0:
                return said.stdout.strip().splitlines()[0]
        return "unknown"


class Rdock(Tool):
    def trust(self, host, authority):
        super().trust(host, authority)
        if authority:
            folder = f"{self.folder}-home/.config/docker/certs.d/{host}"
            os.makedirs(folder, exist_ok=True)
            shutil.copy(authority, os.path.join(folder, "ca.crt"))

    def run(self, *arguments):
        home = {"RDOCK_HOME": self.folder, "HOME": self.folder + "-home"}
        return run([self.program, *arguments], {**home, **self.environment()})

    def pull(self, name):
        return self.run("pull", "-q", name)

    def pull_sixteen(self, name):
        return self.run("pull", "-q", "--max-concurrent", "16", name)

    def pull_all(self, name):
        return self.run("pull", "-q", "--all-platforms", name)

    def push(self, source, target):
        self.run("tag", source, target)
        return self.run("push", "-q", target)

    def push_sixteen(self, source, target):
        self.run("tag", source, target)
        return self.run("push", "-q", "--max-concurrent", "16", target)

    def copy(self, source, target):
        return self.run("copy", "-q", source, target)

    def copy_sixteen(self, source, target):
        return self.run("copy", "-q", "--max-concurrent", "16", source, target)

    def forget_pushes(self):
        for name in ["locations", "uploads"]:
            if os.path.exists(os.path.join(self.folder, name)):
                os.remove(os.path.join(self.folder, name))


class Skopeo(Tool):
    def pull(self, name, *options):
        options = ["--src-tls-verify=" + ("true" if self.authority else "false"), *options]
        command = [self.program, "copy", "-q", *options, "docker://" + name, f"oci:{self.folder}:latest"]
        return run(command, self.environment())

    def pull_all(self, name):
        return self.pull(name, "--all")

    def push(self, _, target):
        options = ["--all", "--dest-tls-verify=false"]
        return run([self.program, "copy", "-q", *options, f"oci:{self.folder}:latest", "docker://" + target])

    def copy(self, source, target):
        options = ["--all", "--src-tls-verify=false", "--dest-tls-verify=false"]
        return run([self.program, "copy", "-q", *options, "docker://" + source, "docker://" + target])


class Crane(Tool):
    def pull(self, name):
        return self.pull_all(name, "--platform=linux/amd64")

    def pull_all(self, name, *options):
        options = [*options] if self.authority else ["--insecure", *options]
        return run([self.program, "pull", *options, "--format=oci", name, self.folder], self.environment())

    def push(self, _, target):
        return run([self.program, "push", "--insecure", self.folder, target])

    def copy(self, source, target):
        return run([self.program, "copy", "--insecure", source, target])


class Regctl(Tool):
    def run(self, *arguments):
        home = self.folder + "-home"
        os.makedirs(home + "/.regctl", exist_ok=True)
        tls = "enabled" if self.authority else "disabled"
        hosts = {a.split("/")[0]: {"tls": tls} for a in arguments if a.startswith("127.")}
        with open(home + "/.regctl/config.json", "w") as file:
            json.dump({"hosts": hosts}, file)
        return run([self.program, *arguments], {"HOME": home, **self.environment()})

    def pull(self, name):
        return self.run("image", "copy", "--platform=linux/amd64", name, f"ocidir://{self.folder}:latest")

    def pull_all(self, name):
        return self.run("image", "copy", name, f"ocidir://{self.folder}:latest")

    def push(self, _, target):
        return self.run("image", "copy", f"ocidir://{self.folder}:latest", target)

    def copy(self, source, target):
        return self.run("image", "copy", source, target)


class Oras(Tool):
    def pull(self, name):
        return self.pull_all(name, "--platform=linux/amd64")

    def pull_all(self, name, *options):
        options = ["--to-oci-layout", *options] if self.authority else ["--from-plain-http", "--to-oci-layout", *options]
        return run([self.program, "cp", *options, name, self.folder + ":latest"], self.environment())

    def push(self, _, target):
        return run([self.program, "cp", "--from-oci-layout", "--to-plain-http", self.folder + ":latest", target])

    def copy(self, source, target):
        return run([self.program, "cp", "--from-plain-http", "--to-plain-http", source, target])


class Podman(Tool):
    """It unpacks what it pulls: another job, shown for orientation."""

    def run(self, *arguments):
        options = ["--storage-driver=vfs", "--root", self.folder, "--runroot", self.folder + "-run"]
        return run([self.program, *options, *arguments])

    def begin_anew(self):
        subprocess.run(["rm", "-rf", self.folder, self.folder + "-run"], check=False)

    def pull(self, name):
        return self.run("pull", "-q", "--tls-verify=false", name)

    def push(self, source, target):
        self.run("tag", source, target)
        return self.run("push", "-q", "--tls-verify=false", target)


class Docker(Tool):
    """The engine does the work, so only the wall time tells anything. It unpacks too."""

    def begin_anew(self):
        listed = subprocess.run([self.program, "images", "-qa"], capture_output=True, text=True, check=True)
        if ids := set(listed.stdout.split()):
            subprocess.run([self.program, "rmi", "-f", *ids], capture_output=True, check=False)

    def pull(self, name):
        return Figures(run([self.program, "pull", "-q", name]).wall)

    def push(self, source, target):
        run([self.program, "tag", source, target])
        return Figures(run([self.program, "push", "-q", target]).wall)


PEERS = {"skopeo": Skopeo, "crane": Crane, "regctl": Regctl, "oras": Oras, "podman": Podman, "docker": Docker}
# Those whose work is the same as rdock's: the targets are ratios to the best of them.
RIVALS = ["skopeo", "crane", "regctl", "oras"]
# They unpack too.
ENGINES = ["podman", "docker"]


def find(folder, rdock, wanted):
    """rdock, and all peers that are installed and wanted."""
    tools = {"rdock": Rdock(rdock, folder)}
    for name, tool in PEERS.items():
        program = shutil.which(name)
        if program and (not wanted or name in wanted):
            tools[name] = tool(program, folder)
    return tools


def find_rdock(program):
    """The rdock to measure: the program that was named, or a release build of this tree."""
    if program:
        return os.path.abspath(program)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=root, check=True)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR") or os.path.join(root, "target"), "release/rdock")
