#!/bin/sh
# Installs the servers that tests start by themselves, where they are missing: redis-server and nginx. Without one its
# tests are skipped, so no failure here ends the build.
# usage: install_servers.sh

missing=""
command -v redis-server >/dev/null 2>&1 || command -v valkey-server >/dev/null 2>&1 || missing="redis-server"
# Debian has it in /usr/sbin, which is not on everybody's path.
PATH="$PATH:/usr/sbin" command -v nginx >/dev/null 2>&1 || missing="$missing nginx-light"
[ -z "$missing" ] && exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    # Tests start their own: the package must start none.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    # shellcheck disable=SC2086
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing && exit 0
fi
echo "Not installed: $missing. Their tests will be skipped." >&2
