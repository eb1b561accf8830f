#!/bin/sh
# Usage: in_turn.sh LOCK COMMAND... Runs the command while nobody else has the lock, which is a file that several build
# containers see: also those of other gateways on this engine. The kernel lets go of it when the last process that was
# started here is gone, however it ends.
lock=$1
shift
if command -v flock >/dev/null; then
  exec 9>>"$lock"
  if ! flock -n 9; then
    echo "Waiting for another build, which is downloading."
    flock 9
  fi
fi
exec "$@"
