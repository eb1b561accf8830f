#!/bin/sh
# Runs one job: worker.sh [--warm] <job folder>; after --warm the folder's job comes later.
# The streams go to their files here, by descriptor, because R cannot move its
# own: so what compiled code and child processes print is in the logs as well. Descriptor 3 keeps the first standard error.
LANDBRIDGE_WARM=
job=job.json
if [ "$1" = --warm ]; then
  LANDBRIDGE_WARM=yes
  job=go
  shift
fi
folder=$1
if [ $# -ne 1 ] || [ ! -e "$folder/$job" ] || [ ! -d "$folder/out" ]; then
  echo "landbridge worker: \`$folder\` is not a job folder (job.json and out/ are needed)" >&2
  exit 64
fi
LANG=C.UTF-8
LC_ALL=C.UTF-8
TZ=${TZ:-UTC}
LANDBRIDGE_JOB_FOLDER=$(cd "$folder" && pwd)
export LANG LC_ALL TZ LANDBRIDGE_JOB_FOLDER LANDBRIDGE_WARM
umask 022
# Fonts and other caches want a home that can be written to.
if [ ! -w "${HOME:-/}" ]; then
  HOME=${TMPDIR:-/tmp}
  export HOME
fi
exec 3>&2
exec >>"$folder/out/stdout.log" 2>>"$folder/out/stderr.log" </dev/null
exec Rscript --vanilla -e 'landbridge:::worker(Sys.getenv("LANDBRIDGE_JOB_FOLDER"))'
