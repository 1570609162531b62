#!/bin/sh
# Makes NAME of every NAME_FILE that names a secret, as Compose gives them in files; then runs what it is given.
# Others, as AWS_WEB_IDENTITY_TOKEN_FILE, stay as they are.
set -eu
for name in $(env | sed -n "s|^\([A-Z0-9_]*\)_FILE=${SECRETS:-/run/secrets}/.*|\1|p"); do
  eval "path=\$${name}_FILE"
  if [ ! -r "$path" ]; then
    echo "entrypoint: $path, which ${name}_FILE names, cannot be read: run infra/compose/secrets.sh" >&2
    exit 2
  fi
  export "$name=$(cat "$path")"
  unset "${name}_FILE"
done
# A volume is empty at first, and Python passes over a folder for temporary files that is not there.
[ -z "${TMPDIR:-}" ] || mkdir -p "$TMPDIR"
exec "$@"
