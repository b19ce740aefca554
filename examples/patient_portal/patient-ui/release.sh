#!/usr/bin/env bash
# Publishes the site of this package: release.sh ENVIRONMENT RELEASE
set -euo pipefail

fail() {
    echo "$1" >&2
    exit 1
}

check_argument() { # WHAT VALUE
    local allowed='^[A-Za-z0-9][A-Za-z0-9._-]*$'
    [[ "$2" =~ $allowed ]] || fail "'$2' cannot be the $1: use letters, digits, dots, hyphens and underscores."
}

# Put version, environment and release into the page, and state them for machines in version.json.
render() {
    rm -rf dist
    cp -R site dist
    sed -e "s/{{VERSION}}/$version/g" -e "s/{{ENVIRONMENT}}/$environment/g" \
        -e "s/{{RELEASE}}/$release/g" site/index.html >dist/index.html
    printf '{"component": "patient-ui", "version": "%s", "environment": "%s", "release": "%s"}\n' \
        "$version" "$environment" "$release" >dist/version.json
    echo "Rendered $(find dist -type f | wc -l | tr -d ' ') files for $environment"
}

publish_to_cloudflare() {
    [ -n "${CLOUDFLARE_PAGES_PROJECT:-}" ] || fail "Set CLOUDFLARE_PAGES_PROJECT to the name of the CloudFlare Pages project."
    command -v wrangler >/dev/null || fail "wrangler is not in PATH. Install it on the machine that runs this script."
    local branch="${CLOUDFLARE_PAGES_BRANCH:-$name}"
    echo "Publishing to CloudFlare Pages, project $CLOUDFLARE_PAGES_PROJECT, branch $branch"
    WRANGLER_SEND_METRICS=false CI=true wrangler pages deploy dist --project-name "$CLOUDFLARE_PAGES_PROJECT" \
        --branch "$branch" --commit-hash "$(cat SOURCE)" --commit-message "patient-ui $version, release $release" \
        --commit-dirty=true || fail "wrangler failed with status $?. What was published before is still there."
}

# The site is complete in a directory of its own before the link that is served moves to it, in one rename.
publish_to_directory() {
    local link="$SITE_ROOT/$name" shelf="$SITE_ROOT/.published/$name"
    mkdir -p "$shelf" || fail "Cannot write to $SITE_ROOT. Set SITE_ROOT to a directory that this user may write to."
    [ ! -d "$link" ] || [ -L "$link" ] || fail "$link was not published by this script. Move it away first."
    fresh="$(mktemp -d "$shelf/XXXXXXXX")"
    cp -R dist/. "$fresh/"
    chmod 755 "$fresh"
    ln -s ".published/$name/$(basename "$fresh")" "$fresh.link"
    # GNU and BSD disagree on how to say "do not move it into the directory that the old link points to".
    mv -fT "$fresh.link" "$link" 2>/dev/null || mv -fh "$fresh.link" "$link"
    local published="$fresh" old
    fresh=""
    for old in "$shelf/"*; do
        [ "$old" = "$published" ] || rm -rf "$old"
    done
    echo "Published to $link/"
}

[ "$#" -ge 2 ] || fail "State the environment and the release: release.sh ENVIRONMENT RELEASE"
environment="$1"
release="$2"
check_argument environment "$environment"
check_argument release "$release"
cd "$(dirname "${BASH_SOURCE[0]}")"
version="$(cat VERSION)"
name="$(printf '%s' "$environment" | tr '[:upper:]' '[:lower:]')"
fresh=""
trap '[ -z "$fresh" ] || rm -rf "$fresh" "$fresh.link"' EXIT

echo "Patient UI $version, release $release, to $environment"
if [ -n "${CLOUDFLARE_API_TOKEN:-}" ] && [ -n "${CLOUDFLARE_ACCOUNT_ID:-}" ]; then
    render
    publish_to_cloudflare
elif [ -n "${CLOUDFLARE_API_TOKEN:-}${CLOUDFLARE_ACCOUNT_ID:-}" ]; then
    fail "Set both CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or neither."
elif [ -n "${SITE_ROOT:-}" ]; then
    render
    publish_to_directory
else
    fail "There is nowhere to publish to. Set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or SITE_ROOT."
fi
echo "Done"
