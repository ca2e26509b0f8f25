"""OCI layouts of known shape: the workloads of every comparison. The same bytes on every run.

The layers are gzip'd tar files whose bytes half compress, so that a tool that unpacks them works as hard as on real images.
"""

import hashlib
import json
import os
import random
import tarfile
import zlib

MIB = 1 << 20
SHAPES = {
    "big": [[1024]],
    "app": [[30, 34, 38, 42, 46, 50, 55, 60]],
    "many": [[1] * 60],
    "index": [[8, 8, 8]] * 6,
    # Children that have little but their manifests.
    "forty": [[0]] * 40,
    "wide": [[30] * 20],
}
PLATFORMS = ["amd64", "arm64", "arm", "386", "ppc64le", "s390x"]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def put(folder, data):
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(folder, "blobs/sha256", name), "wb") as file:
        file.write(data)
    return {"digest": "sha256:" + name, "size": len(data)}


def layer(folder, rng, mib):
    """One layer of about this many MiB: its descriptor and its diff ID."""
    path = os.path.join(folder, "tmp")
    raw, packed, size = hashlib.sha256(), hashlib.sha256(), 0
    gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
    with open(path, "wb") as out:

        def add(data, flush=False):
            nonlocal size
            raw.update(data)
            data = gzip.compress(data) + (gzip.flush() if flush else b"")
            packed.update(data)
            out.write(data)
            size += len(data)

        number = 0
        while size < mib * MIB - (256 << 10):
            text = b"the quick brown fox jumps over the lazy dog %06d\n" % number
            body = rng.randbytes(512 << 10) + text * 10000
            info = tarfile.TarInfo(f"data/{mib}/{number:05d}.bin")
            info.size, info.mtime = len(body), 1570000000
            add(info.tobuf(tarfile.GNU_FORMAT) + body + b"\0" * (-len(body) % 512))
            number += 1
        add(b"\0" * 10240, flush=True)
    name = packed.hexdigest()
    os.rename(path, os.path.join(folder, "blobs/sha256", name))
    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    return {"mediaType": kind, "digest": "sha256:" + name, "size": size}, "sha256:" + raw.hexdigest()


def platform(number):
    """Of the child with this number; none is given twice."""
    about = {"architecture": PLATFORMS[number % len(PLATFORMS)], "os": "linux"}
    return about if number < len(PLATFORMS) else {**about, "variant": f"v{number}"}


def image(folder, rng, sizes, about):
    layers = [layer(folder, rng, size) for size in sizes]
    config = {
        **about,
        "created": "2019-10-12T00:00:00Z",
        "config": {"Cmd": ["/bin/true"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
    }
    config = put(folder, json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [descriptor for descriptor, _ in layers],
    }
    descriptor = put(folder, json.dumps(manifest).encode())
    return {"mediaType": MANIFEST, **descriptor, "platform": about}


def make(root, name):
    """The layout of this shape below `root`, made unless it is there; answers its folder."""
    folder = os.path.join(root, name)
    if os.path.exists(os.path.join(folder, "index.json")):
        return folder
    os.makedirs(os.path.join(folder, "blobs/sha256"), exist_ok=True)
    rng = random.Random(name)
    images = [image(folder, rng, sizes, platform(n)) for n, sizes in enumerate(SHAPES[name])]
    root_descriptor = images[0]
    if len(images) > 1:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": images}
        root_descriptor = {"mediaType": INDEX, **put(folder, json.dumps(index).encode())}
    root_descriptor["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    with open(os.path.join(folder, "oci-layout"), "w") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [root_descriptor]}, file)
    return folder
