#!/bin/sh
# Grades in a container: tools/classroom/container.sh 03 classroom/submissions/03
# The first step needs the network, for the packages. The last one, which grades, has none.
set -eu
number=${1:?expected the number of the assignment, such as 03}
folder=${2:?expected the folder of submissions, as seen from the folder of the repository}
cd "$(dirname "$0")/../.."
if [ "${folder#/}" != "$folder" ] || [ ! -d "$folder" ]; then
  echo "The folder of submissions must lie within $PWD, and be named as seen from there." >&2
  exit 2
fi

# As you and not as root: else you could write to the gradebook no more.
in_container() {
  docker run --rm --user "$(id -u):$(id -g)" --env HOME=/tmp --env USER=grader \
    --volume "$PWD":/course --workdir /course "$@"
}

printf 'FROM python:3.12-slim\nRUN apt-get update && apt-get install -y bubblewrap make\n' |
  docker build --tag grader -
in_container grader make env VENV=/course/build/docker
# The limit counts threads too, of which a kernel has many.
in_container --network=none --memory=8g --pids-limit=4000 --security-opt seccomp=unconfined \
  --security-opt apparmor=unconfined --security-opt systempaths=unconfined grader \
  make grade ONLY="$number" FROM="$folder" SANDBOX=required VENV=/course/build/docker
