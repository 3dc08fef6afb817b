#!/bin/sh
# Grades in a container: from the repository's folder, with the folder of submissions as argument.
# The first run needs the network, for the packages; the second one has none.
set -eu
printf 'FROM python:3.12-slim\nRUN apt-get update && apt-get install -y bubblewrap make git\n' |
  docker build -t grader -
docker run --rm -v "$PWD":/course -w /course grader make env VENV=/course/build/docker
docker run --rm --network=none --memory=8g --pids-limit=1000 \
  --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
  --security-opt systempaths=unconfined -v "$PWD":/course -w /course grader \
  make grade ONLY="$1" FROM="$2" SANDBOX=required VENV=/course/build/docker
