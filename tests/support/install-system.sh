#!/bin/sh
# Installs the servers and browsers that tests start, where they are missing.
set -eu

missing=""
have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
have node || missing="$missing nodejs npm"
have chromium || missing="$missing chromium"
{ have nginx && [ -e /usr/lib/nginx/modules/ngx_http_js_module.so ]; } || missing="$missing nginx libnginx-mod-http-js"
have clamd || missing="$missing clamav-daemon"
have postfix || missing="$missing postfix"
{ have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; } || missing="$missing postgresql"
have redis-server || missing="$missing redis-server"  # beside which bench/queue.py measures
[ -n "$missing" ] || exit 0

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if ! have apt-get; then
    echo "Tests need:$missing. Install them with your system's package manager." >&2
    exit 1
fi
echo "Installing for the tests:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
