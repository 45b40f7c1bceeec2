#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds all fuzzers as OSS-Fuzz wants it (https://google.github.io/oss-fuzz/getting-started/new-project-guide/): with
# CC, CXX, CFLAGS, CXXFLAGS and LIB_FUZZING_ENGINE, from $SRC/coldplug or the tree that this script is in, to $OUT, with
# a corpus of seeds for each. Without these variables: clang's libFuzzer, to build-fuzz/out.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
source=${SRC:+$SRC/coldplug}
if [ ! -e "${source:-}/meson.build" ]; then source=$here; fi
export CC=${CC:-clang} CXX=${CXX:-clang++}
export CFLAGS=${CFLAGS:--O1 -g -fsanitize=fuzzer-no-link,address,undefined}
export CXXFLAGS=${CXXFLAGS:-$CFLAGS}
engine=${LIB_FUZZING_ENGINE:--fsanitize=fuzzer}
out=${OUT:-$source/build-fuzz/out}
build=${WORK:-$source/build-fuzz}/oss-fuzz

mkdir -p "$out"
rm -rf "$build"
# The libraries are the target's affair: what is not installed here is not fuzzed. The linker gets CFLAGS from meson.
meson setup "$build" "$source" -Dfuzz=true -Dfuzz_engine="$engine" -Dbuildtype=plain -Db_lundef=false -Dman=disabled \
	-Dlibudev=disabled -Dtests=disabled -Dlibkmod=disabled -Dumockdev=disabled
targets=()
for corpus in "$source"/tests/fuzz/corpus/*; do
	targets+=("$(basename "$corpus")")
done
ninja -C "$build" "${targets[@]/#/tests/fuzz/fuzz-}"
for target in "${targets[@]}"; do
	cp "$build/tests/fuzz/fuzz-$target" "$out/fuzz-$target"
	python3 -m zipfile -c "$out/fuzz-${target}_seed_corpus.zip" "$source/tests/fuzz/corpus/$target"/*
done
