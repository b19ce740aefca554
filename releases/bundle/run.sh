#!/usr/bin/env bash
# Runs the packages of this release as Signalbox does: one after the other in the order of its stages, each unpacked into
# a fresh directory, with ENVIRONMENT and RELEASE as arguments, its variables as environment and nothing else of yours.
# Stops at the first that fails. Needs bash, coreutils, tar, and for zip archives unzip or python3.
set -euo pipefail
umask 022

usage() {
    cat <<'TEXT'
./run.sh ENVIRONMENT                    run everything, for example ./run.sh DEV
./run.sh ENVIRONMENT --only COMPONENT   run one component
./run.sh --verify                       only look whether everything is as it was published

Values for the scripts are read from the file “variables”: copy variables.example and fill it in.
TEXT
}

die() {
    printf '%s\n' "$*" >&2
    exit 2
}

# -- what is wanted ----------------------------------------------------------------------------------------------------

environment='' only='' verify=no
while (($#)); do
    case $1 in
        --help | -h) usage; exit 0 ;;
        --verify) verify=yes ;;
        --only) [[ $# -ge 2 ]] || die 'Say which component: --only COMPONENT.'; only=$2; shift ;;
        -*) die "There is no option $1. ./run.sh --help lists them." ;;
        *) [[ -z $environment ]] || die "Name one environment; both “$environment” and “$1” were named."; environment=$1 ;;
    esac
    shift
done
cd "$(dirname "${BASH_SOURCE[0]}")"

# Each line of “order”, see there. A bare - stands for nothing.
release='' components='' kinds=() stages=() names=() packages=() versions=() formats=() files=() entries=() told=()
while IFS=$'\t' read -r kind stage name package version format file entry about; do
    case $kind in
        '#'*) continue ;;
        release) release=$stage; continue ;;
    esac
    case " $components " in *" $name "*) ;; *) components="$components $name" ;; esac
    [[ -z $only || $only == "$name" ]] || continue
    kinds+=("$kind") stages+=("$stage") names+=("$name") packages+=("$package") versions+=("$version")
    formats+=("$format") files+=("$file") entries+=("$entry") told+=("$about")
done <order
((${#kinds[@]})) || die "There is no component “$only” in this release. It has:$components."

# -- is everything as it was published? --------------------------------------------------------------------------------

sha256sum --check --quiet SHA256SUMS >&2 || die 'Something here is not as it was published, see above. Nothing was run. Fetch the release again.'
if [[ $verify == yes ]]; then
    echo "Everything is as it was published."
    exit 0
fi

# -- can everything be run? --------------------------------------------------------------------------------------------

[[ -n $environment ]] || { usage >&2; die 'Name the environment.'; }
argument='^[A-Za-z0-9][A-Za-z0-9._-]*$'
[[ $environment =~ $argument ]] || die "“$environment” cannot be given to a package: only letters, digits, “.”, “_” and “-” can."

assignment='^([A-Za-z_][A-Za-z0-9_]*)([=<])(.*)$'
given=()

variables_of() { # fills “given” with NAME=value of one component, the narrower value last, which counts
    local line section='' number=0
    given=()
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        case $line in
            '' | '#'*) continue ;;
            '['*']') section=${line#'['}; section=${section%']'}; continue ;;
        esac
        [[ $line =~ $assignment ]] || die "Line $number of “variables” is neither NAME=value nor NAME<file. Nothing was run."
        [[ -z $section || $section == "$1" ]] || continue
        if [[ ${BASH_REMATCH[2]} == '<' ]]; then
            [[ -r ${BASH_REMATCH[3]} ]] || die "Line $number of “variables” names the file “${BASH_REMATCH[3]}”, which cannot be read. Nothing was run."
            given+=("${BASH_REMATCH[1]}=$(<"${BASH_REMATCH[3]}")")
        else
            given+=("${BASH_REMATCH[1]}=${BASH_REMATCH[3]}")
        fi
    done <variables
}

[[ -e variables ]] || die 'There is no file “variables”: copy variables.example to variables and fill it in. Nothing was run.'
for at in "${!kinds[@]}"; do
    what="${packages[at]} ${versions[at]} of ${names[at]}"
    [[ ${kinds[at]} == run ]] || continue
    [[ ${files[at]} != - ]] || die "$what lies in another store and is not part of this. Nothing was run. Leave it out with --only."
    [[ ${entries[at]} != - ]] || die "$what has no entry point, so that it cannot be run. Nothing was run."
    variables_of "${names[at]}"
done

# -- run it ------------------------------------------------------------------------------------------------------------

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

unzipped() { # archive, directory: as Signalbox unpacks it, files that may be executed stay so
    if command -v unzip >/dev/null; then
        LC_ALL=C.UTF-8 unzip -q -o "$1" -d "$2" </dev/null || (($? == 1)) # 1: there was something to remark
    elif command -v python3 >/dev/null; then
        python3 - "$1" "$2" <<'PYTHON'
import os, sys, zipfile

with zipfile.ZipFile(sys.argv[1]) as archive:
    for member in archive.infolist():
        path = archive.extract(member, sys.argv[2])
        if member.external_attr >> 16 & 0o111 and not member.is_dir():
            os.chmod(path, 0o755)
PYTHON
    else
        die "Neither unzip nor python3 is installed; one of them is needed to unpack $1."
    fi
}

unpacked() { # format, file, directory
    case $1 in
        script) cp "$2" "$3/release.sh" && chmod 0755 "$3/release.sh" ;;
        tar*) tar -xf "$2" -C "$3" --no-same-owner --no-same-permissions ;;
        *) unzipped "$2" "$3" ;;
    esac
}

for at in "${!kinds[@]}"; do
    [[ ${kinds[at]} == run ]] || continue
    what="${packages[at]} ${versions[at]} of ${names[at]}"
    run="$scratch/$at"
    mkdir "$run" "$run/work" "$run/home" "$run/tmp"
    unpacked "${formats[at]}" "${files[at]}" "$run/work" || die "$what could not be unpacked."
    [[ -f $run/work/${entries[at]} ]] || die "$what holds no file “${entries[at]}”, which is its entry point."
    case ${entries[at]} in
        *.sh) command=(bash "./${entries[at]}") ;;
        *) command=("./${entries[at]}") ;;
    esac
    passed=()
    for name in PATH LANG LC_ALL TZ; do
        [[ -z ${!name+set} ]] || passed+=("$name=${!name}")
    done
    variables_of "${names[at]}"
    printf '== Stage %s: %s, %s %s\n' "${stages[at]}" "$what" "${entries[at]}" "$environment $release"
    status=0
    (
        cd "$run/work"
        exec env -i ${passed[@]+"${passed[@]}"} ${given[@]+"${given[@]}"} \
            SIGNALBOX_PROJECT="${names[at]}" SIGNALBOX_PACKAGE="${packages[at]}" SIGNALBOX_VERSION="${versions[at]}" \
            SIGNALBOX_PACKAGES="${told[at]}" HOME="$run/home" TMPDIR="$run/tmp" "${command[@]}" "$environment" "$release"
    ) </dev/null || status=$?
    if ((status)); then
        printf '%s failed with exit status %s. What comes after it was not run.\n' "$what" "$status" >&2
        exit 1
    fi
    rm -rf "$run"
done
echo "Everything has succeeded in $environment."
