#!/bin/bash -xe
# What the sh steps of a Jenkinsfile run: withDockerRegistry logs in, the image is tagged by build, old ones are removed.
docker login -u "$USERNAME" -p "$PASSWORD" "http://$REGISTRY"
docker inspect -f . "$REGISTRY/$JOB_NAME:base" || docker pull "$REGISTRY/$JOB_NAME:base"
docker tag "$REGISTRY/$JOB_NAME:base" "$REGISTRY/$JOB_NAME:$BUILD_NUMBER"
docker push "$REGISTRY/$JOB_NAME:$BUILD_NUMBER"
IMAGE_ID=$(docker images -q "$REGISTRY/$JOB_NAME:$BUILD_NUMBER")
test "$IMAGE_ID" = "$(docker inspect --type=image -f '{{.ID}}' "$IMAGE_ID" | cut -c8-19)"
docker ps -aq --filter "name=$JOB_NAME" | xargs -r docker rm -f
docker rmi "$REGISTRY/$JOB_NAME:$BUILD_NUMBER"
docker images --filter dangling=true -q --no-trunc | xargs --no-run-if-empty docker rmi || true
docker images "$REGISTRY/$JOB_NAME" --format '{{.ID}}' | sort -u | xargs docker rmi -f
test -z "$(docker images -q)"
docker container prune -f && docker volume prune -f && docker network prune -f
docker logout "$REGISTRY"
