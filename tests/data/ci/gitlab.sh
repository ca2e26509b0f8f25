#!/bin/sh
# The script lines of a .gitlab-ci.yml that promotes what an earlier stage has pushed, as the runner's shell gets them.
set -e
docker info
docker version --format '{{.Server.Version}}' | grep -E '^[0-9]+\.[0-9]+'
echo "$CI_REGISTRY_PASSWORD" | docker login -u "$CI_REGISTRY_USER" --password-stdin "$CI_REGISTRY"
docker pull "$CI_REGISTRY_IMAGE:cache" || true
docker pull "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHA"
docker tag "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHA" "$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG"
if [ "$CI_COMMIT_BRANCH" = "$CI_DEFAULT_BRANCH" ]; then
    docker tag "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHA" "$CI_REGISTRY_IMAGE:latest"
    docker push "$CI_REGISTRY_IMAGE:latest"
fi
docker push "$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG"
docker image inspect --format='{{index .RepoDigests 0}}' "$CI_REGISTRY_IMAGE:latest" | cut -d@ -f2 >digest.txt
docker rm -f backend || echo "no backend container to remove"
docker images
docker image prune -f
docker logout "$CI_REGISTRY"
