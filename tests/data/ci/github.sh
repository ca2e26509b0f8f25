#!/usr/bin/env bash
# The run steps of a GitHub workflow that joins images for several platforms into one, tags and checks it.
set -euo pipefail
docker --version
echo "${GITHUB_TOKEN}" | docker login "${REGISTRY}" --username "${GITHUB_ACTOR}" --password-stdin
docker buildx imagetools create \
    --tag "${IMAGE}:${GITHUB_REF_NAME}" \
    --tag "${IMAGE}:latest" \
    --annotation "index:org.opencontainers.image.revision=${GITHUB_SHA}" \
    $(printf "${IMAGE}:%s " build-amd64 build-arm64)
docker buildx imagetools inspect "${IMAGE}:latest"
DIGEST=$(docker buildx imagetools inspect "${IMAGE}:latest" --format '{{json .Manifest}}' | jq -r .digest)
echo "digest=${DIGEST}" >>"${GITHUB_OUTPUT}"
docker manifest inspect "${IMAGE}:latest" | jq -e '.manifests | length == 2' >/dev/null
docker pull --platform linux/arm64 "${IMAGE}@${DIGEST}"
test "$(docker inspect --format '{{.Os}}/{{.Architecture}}' "${IMAGE}@${DIGEST}")" = linux/arm64
docker save "${IMAGE}@${DIGEST}" | gzip >image.tar.gz
gunzip -c image.tar.gz | docker load
docker image ls --format '{{.Repository}}:{{.Tag}}\t{{.Size}}' | sort
docker system prune --all --force --filter "until=240h"
docker logout "${REGISTRY}"
