#!/usr/bin/env bash
# Indexes the example collection, then asks about a picture that is not in it: a flag drawn another way.
# The answer needs three documents: the country of the flag, its neighbour, and the neighbour's capital.
# Usage: examples/demo.sh [QUESTION PICTURE]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
foveal="${FOVEAL:-.venv/bin/foveal}"
index="${FOVEAL_DEMO_INDEX:-.foveal/demo-index}"
question="${1:-Which river flows through the capital of the country that shares the longest land border with the country whose flag is shown?}"
picture="${2:-examples/questions/flag_switzerland.png}"

"$foveal" index add examples/collection --index "$index"
printf '\nQuestion: %s\nPicture:  %s\n\n' "$question" "$picture" >&2
"$foveal" ask "$question" -i "$picture" --index "$index"
