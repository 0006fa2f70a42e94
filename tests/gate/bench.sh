#!/usr/bin/env bash
# The benchmarks: pyro beside what people use now, with tables on stdout and a plot for each job.
#
#   bench.sh [full|small]   at their full size (half an hour, 40 GiB), or so small that they only show that they work
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."

size=${1:-full}
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
plots=$target/bench/$size/plots
rm -rf "$plots"
cargo build --release --locked --quiet
bench() { python3 -B "benches/$1.py" --pyro "$target/release/pyro" --plots "$plots" "${@:2}"; }

case $size in
  full)
    bench bench --work "$target/bench/full"
    bench verify
    bench gc --runs 3
    bench durability --folder "$target/bench"
    ;;
  small)
    bench bench --work "$target/bench/small" --scale 0.01 --runs 1 --without podman,buildah
    bench verify --mib 20 --runs 1
    bench gc --paths 200 --alive 10
    bench durability --folder "$target/bench" --runs 1
    rm -rf "$target/bench/small/"{registry,tree,vm,done}
    ;;
  *)
    printf 'usage: bench.sh [full|small]\n' >&2
    exit 2
    ;;
esac

# Each job that has a plot in the docs has one here.
for plot in docs/plots/*.svg; do
  python3 -c 'import sys, xml.dom.minidom as dom; dom.parse(sys.argv[1])' "$plots/$(basename "$plot")"
done
printf '\nplots: %s\n' "$plots"
