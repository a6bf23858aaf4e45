#!/bin/sh
# Installs a browser for tests/browser where there is none. Without one these tests are skipped, so no failure here ends
# the build.
# usage: install.sh PYTHON

for name in chromium-headless-shell chromium google-chrome chromium-browser; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq || true
    for name in chromium-headless-shell chromium; do
        apt-get install -y -qq --no-install-recommends "$name" && exit 0
    done
fi
"$1" -m playwright install chromium && exit 0
echo "No browser could be installed: the tests in tests/browser will be skipped." >&2
