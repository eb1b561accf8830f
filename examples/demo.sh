#!/bin/sh
# Starts a gateway of its own, runs the example pipeline from R and from a Python notebook, and compares the results.
# The gateway goes on until Ctrl-C when the demo runs in a terminal, so that the page can be looked at.
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
# A home of its own, so that the demo's jobs stay out of the user's record.
export LANDBRIDGE_HOME="$out/home"
log="$out/serve.log"

landbridge serve --port 0 >"$log" 2>&1 &
gateway=$!
trap 'kill "$gateway" 2>/dev/null || true; wait "$gateway" 2>/dev/null || true; rm -rf "$out"' EXIT
trap 'exit 130' INT TERM
until grep -q '^ready ' "$log"; do
    kill -0 "$gateway" 2>/dev/null || { cat "$log" >&2; exit 1; }
    sleep 0.2
done

data=$(python flights_data.py)
echo "== from R"
Rscript flights.R "$data" "$out/r.csv"
echo
echo "== from a Python notebook"
python run_notebook.py flights.ipynb "$data" "$out/python.csv"
echo
python agree.py "$out/r.csv" "$out/python.csv"
echo
echo "The record of all eight jobs: $(landbridge token --link)"
if [ -t 0 ] && [ -t 1 ]; then
    echo "Look at the page, then press Ctrl-C."
    wait "$gateway"
else
    echo "It is gone with the demo's gateway now: run this in a terminal to look at it."
fi
