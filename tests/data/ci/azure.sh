#!/usr/bin/env bash
# "az acr login", as Azure's command line does it with docker, and what pipelines do after it.
set -euo pipefail
az() { # acr login --name NAME: looks for docker, then logs in with a token
    docker ps >/dev/null || { echo "An error occurred: DOCKER_COMMAND_ERROR" >&2; return 1; }
    docker login --username 00000000-0000-0000-0000-000000000000 --password-stdin "$LOGIN_SERVER" <<<"$ACR_TOKEN"
}
az acr login --name "$ACR_NAME"
jq -e --arg host "$LOGIN_SERVER" '.auths[$host]' ~/.docker/config.json >/dev/null
docker pull "$LOGIN_SERVER/app:base"
docker image tag "$LOGIN_SERVER/app:base" "$LOGIN_SERVER/app:$BUILD_BUILDID"
docker image push "$LOGIN_SERVER/app:$BUILD_BUILDID"
docker image push --all-tags "$LOGIN_SERVER/app"
docker context use default
docker image rm "$LOGIN_SERVER/app:base" "$LOGIN_SERVER/app:$BUILD_BUILDID"
docker logout "$LOGIN_SERVER"
