# For the scripts between the steps: what the recorder's own preparations were.

# Removes all images.
reset() {
    ids=$(docker images -aq)
    [ -z "$ids" ] || docker rmi -f $ids
}

# Brings images into the store as `docker load` does, without a digest for their names.
ld() {
    for image in "$@"; do
        case $image in
        nginx) name=nginx:latest ;;
        nginx2) name=nginx:1.14 ;;
        hello) name=hello-world:latest ;;
        age-*) name=age:${image#age-} ;;
        zero) name=zerotime:latest ;;
        epoch | future) name=$image:latest ;;
        dangling) name=dangling:latest ;;
        esac
        docker pull -q "127.0.0.1:5109/seed/$image"
        docker tag "127.0.0.1:5109/seed/$image" "$name"
        docker rmi "127.0.0.1:5109/seed/$image"
    done
}

# Brings the image without a name, whose name another one takes.
ld_dangling() {
    ld dangling
    docker tag hello-world dangling
    docker rmi dangling
}

# Writes the engine's configuration, and what a registry's certificates are in.
conf() {
    mkdir -p ~/.config/docker
    printf %s "$1" >~/.config/docker/daemon.json
}
certs=~/.config/docker/certs.d
