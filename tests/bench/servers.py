"""What the clients talk to: Debian's docker-registry, a bad line in front of it, a docker engine."""

import os
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def wait_until(ready, what, process):
    for _ in range(600):
        if process.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.05)
    raise OSError(f"{what} did not start")


def listens(port):
    with socket.socket() as it:
        return it.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A program that ends with the `with` block."""

    def begin(self, arguments, log, **options):
        self.log = open(log, "wb")
        self.process = subprocess.Popen(arguments, stdout=self.log, stderr=self.log, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Registry(Program):
    """An empty docker-registry. Its storage goes with it."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, "registry-" + name)
        shutil.rmtree(self.folder, ignore_errors=True)
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        os.makedirs(self.folder)
        config = os.path.join(self.folder, "config.yml")
        with open(config, "w") as file:
            file.write(CONFIG.format(folder=self.folder, port=port))
        self.begin(["docker-registry", "serve", config], self.folder + ".log")
        wait_until(lambda: listens(port), "docker-registry", self.process)

    def __exit__(self, *about):
        super().__exit__(*about)
        shutil.rmtree(self.folder, ignore_errors=True)


class Line(Program):
    """`line.py` in front of a host."""

    def __init__(self, folder, to, options):
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        program = [sys.executable, os.path.join(HERE, "line.py"), str(port), to, *options]
        self.begin(program, os.path.join(folder, "line.log"))
        wait_until(lambda: listens(port), "the line", self.process)


class Engine(Program):
    """A docker engine of its own. Raises OSError where none can run."""

    def __init__(self, folder):
        if not shutil.which("dockerd"):
            raise OSError("dockerd is not installed")
        home = os.path.join(folder, "engine")
        os.makedirs(home)
        self.socket = os.path.join(home, "socket")
        options = [
            f"--host=unix://{self.socket}",
            f"--data-root={home}/data",
            f"--exec-root={home}/exec",
            f"--pidfile={home}/pid",
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--storage-driver=vfs",
        ]
        self.begin(["dockerd", *options], os.path.join(folder, "engine.log"))
        asked = ["docker", "--host", f"unix://{self.socket}", "version"]
        wait_until(lambda: subprocess.run(asked, capture_output=True, check=False).returncode == 0, "dockerd", self.process)
