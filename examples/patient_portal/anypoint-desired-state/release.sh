#!/usr/bin/env bash
# Brings CloudHub to the state that this package states: release.sh ENVIRONMENT RELEASE
set -euo pipefail

if [ "$#" -lt 2 ]; then
    echo "State the environment and the release: release.sh ENVIRONMENT RELEASE" >&2
    exit 2
fi
if ! command -v python3 >/dev/null; then
    echo "python3 is not in PATH. Install it on the machine that runs this script." >&2
    exit 1
fi
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
exec python3 -E -B -u "$here/desired_state.py" "$1" "$2"
