"""What the clients talk to: Debian's docker-registry, nginx with the same files, a bad line, a docker engine."""

import json
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


def manifests_of(layout):
    """The index of a layout with its children, or its one manifest."""

    def read(name):
        with open(os.path.join(layout, name)) as file:
            return json.load(file)

    todo = read("index.json")["manifests"]
    while todo:
        manifest = read("blobs/" + todo.pop()["digest"].replace(":", "/"))
        todo.extend(manifest.get("manifests", []))
        yield manifest


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

    def hold_blobs(self, repository, layout):
        """Lets a repository have all layers and configs of a layout, and no manifest."""
        root = os.path.join(self.folder, "docker/registry/v2")
        held = [it for manifest in manifests_of(layout) for it in [manifest.get("config"), *manifest.get("layers", [])]]
        for name in {it["digest"].removeprefix("sha256:") for it in held if it}:
            data = os.path.join(root, "blobs/sha256", name[:2], name)
            link = os.path.join(root, "repositories", repository, "_layers/sha256", name)
            for folder in [data, link]:
                os.makedirs(folder, exist_ok=True)
            shutil.copy(os.path.join(layout, "blobs/sha256", name), os.path.join(data, "data"))
            with open(os.path.join(link, "link"), "w") as file:
                file.write("sha256:" + name)

    def __exit__(self, *about):
        super().__exit__(*about)
        shutil.rmtree(self.folder, ignore_errors=True)


NGINX = """daemon off; worker_processes auto; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; client_body_temp_path {folder}/body;
    server {{
        listen 127.0.0.1:{port}{tls};
        default_type application/octet-stream;
        location = /v2/ {{ default_type application/json; return 200 '{{}}'; }}
{locations}
    }}
}}
"""
CERTIFICATE = "ssl_certificate {folder}/server.crt; ssl_certificate_key {folder}/server.key"
MANIFEST = """        location = /v2/seed/{image}/manifests/{reference} {{
            default_type {kind}; add_header Docker-Content-Digest {digest}; alias {path}; }}"""
BLOBS = """        location ~ ^/v2/seed/{image}/blobs/sha256:([0-9a-f]+)$ {{ alias {layout}/blobs/sha256/$1; }}"""


class Static(Program):
    """nginx that serves OCI layouts as files: as little work as a registry can have. With TLS it has a certificate of
    its own authority, in the file `authority`."""

    def __init__(self, folder, layouts, tls):
        self.folder = os.path.join(folder, "nginx-tls" if tls else "nginx")
        os.makedirs(self.folder)
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        self.layouts, self.authority = layouts, None
        if tls:
            self.make_certificate()
        locations = [line for name, layout in layouts.items() for line in self.locations(name, layout)]
        config = os.path.join(self.folder, "nginx.conf")
        with open(config, "w") as file:
            shown = {"folder": self.folder, "port": port, "locations": "\n".join(locations)}
            file.write(NGINX.format(tls=" ssl; " + CERTIFICATE.format(folder=self.folder) if tls else "", **shown))
        self.begin(["nginx", "-c", config, "-p", self.folder], self.folder + ".log")
        wait_until(lambda: listens(port), "nginx", self.process)

    def make_certificate(self):
        self.authority = os.path.join(self.folder, "ca.crt")
        path = self.folder
        for command in [
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench -keyout {path}/ca.key -out {path}/ca.crt",
            f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 -keyout {path}/server.key -out {path}/server.csr",
            f"x509 -req -in {path}/server.csr -CA {path}/ca.crt -CAkey {path}/ca.key -days 2 -extfile {path}/names -out {path}/server.crt",
        ]:
            with open(f"{path}/names", "w") as file:
                file.write("subjectAltName=IP:127.0.0.1\n")
            subprocess.run(["openssl", *command.split()], check=True, capture_output=True)

    @staticmethod
    def locations(image, layout):
        with open(os.path.join(layout, "index.json")) as file:
            todo = [("latest", json.load(file)["manifests"][0])]
        while todo:
            reference, descriptor = todo.pop()
            path = os.path.join(layout, "blobs", descriptor["digest"].replace(":", "/"))
            shown = {"image": image, "kind": descriptor["mediaType"], "digest": descriptor["digest"], "path": path}
            yield MANIFEST.format(reference=reference, **shown)
            if reference == "latest":
                todo.append((descriptor["digest"], descriptor))
                continue
            with open(path) as file:
                todo.extend((child["digest"], child) for child in json.load(file).get("manifests", []))
        yield BLOBS.format(image=image, layout=layout)

    def blobs(self, image):
        """The URLs and the paths of the blobs that a pull of the image for linux/amd64 brings."""
        layout = self.layouts[image]

        def read(descriptor):
            with open(os.path.join(layout, "blobs", descriptor["digest"].replace(":", "/"))) as file:
                return json.load(file)

        with open(os.path.join(layout, "index.json")) as file:
            manifest = read(json.load(file)["manifests"][0])
        if "manifests" in manifest:
            wanted = {"os": "linux", "architecture": "amd64"}
            manifest = read(next(it for it in manifest["manifests"] if wanted.items() <= it["platform"].items()))
        digests = [it["digest"] for it in [manifest["config"], *manifest["layers"]]]
        scheme = "https" if self.authority else "http"
        urls = [f"{scheme}://{self.host}/v2/seed/{image}/blobs/{digest}" for digest in digests]
        return urls, [os.path.join(layout, "blobs", digest.replace(":", "/")) for digest in digests]


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
