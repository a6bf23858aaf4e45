#!/bin/sh
# Installs a browser for tests/browser: the headless shell of Chromium, which takes the least, even where there is
# another. Without one these tests are skipped, so no failure here ends the build.
# usage: install.sh PYTHON

package() {
    command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ] || return 1
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"
}

command -v chromium-headless-shell >/dev/null 2>&1 && exit 0
package chromium-headless-shell && exit 0
for name in chromium google-chrome chromium-browser; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
package chromium && exit 0
"$1" -m playwright install chromium && exit 0
echo "No browser could be installed: the tests in tests/browser will be skipped." >&2
